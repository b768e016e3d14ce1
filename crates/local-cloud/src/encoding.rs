//! Percent-encoding, as in paths and forms.

/// Decodes `%41`; none if an escape is broken or the result is not text.
pub(crate) fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let high = char::from(rest.next()?).to_digit(16)?;
            let low = char::from(rest.next()?).to_digit(16)?;
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// Encodes everything but what a query may hold as it is.
pub(crate) fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// The pairs of `a=1&b=2`, as in a query or a form. Broken ones are left out.
pub(crate) fn pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((percent_decode(&name.replace('+', " "))?, percent_decode(&value.replace('+', " "))?))
        })
        .collect()
}

/// The first value of a name, compared without case.
pub(crate) fn first<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded_again() {
        assert_eq!(percent_encode("a b='ü'/1"), "a%20b%3D%27%C3%BC%27%2F1");
        assert_eq!(percent_decode(&percent_encode("a b='ü'&%/1")).unwrap(), "a b='ü'&%/1");
    }

    #[test]
    fn forms_are_decoded() {
        let form = pairs("client_id=a%2Bb&scope=https%3A%2F%2Fvault.azure.net%2F.default+x&broken=%4");
        assert_eq!(first(&form, "client_id"), Some("a+b"));
        assert_eq!(first(&form, "SCOPE"), Some("https://vault.azure.net/.default x"));
        assert_eq!(first(&form, "broken"), None);
    }
}
