//! Looks at each region's vaults, and at the keys of its caches.

use std::collections::HashMap;

use super::{
    KEY_ADDRESS, KEY_ELSEWHERE, KEY_GIVEN_ONCE, KEY_SIZE, KEY_TYPE, NAME_SYNTAX, ONE_PER_REGION, PUBLIC,
    PURGE_PROTECTION, PURGE_PROTECTION_FOR_KEYS,
};
use crate::diagnostic::{Sink, quote};
use crate::scene::{CacheScene, ItemScene, RegionScene, Scene, flag};
use crate::schema::Target;
use crate::text::Span;
use crate::typed::{Fields, Spanned};

/// The sizes of RSA keys, in bits.
const KEY_SIZES: [u64; 3] = [2048, 3072, 4096];

/// What follows a vault's name in its host name: Azure, Azure in China, Azure for the US government.
const DOMAINS: [&str; 3] = [".vault.azure.net", ".vault.azure.cn", ".vault.usgovcloudapi.net"];

/// The digits of a key's version.
const VERSION_DIGITS: usize = 32;

/// A vault that caches of its region use.
#[derive(Default)]
struct Use {
    /// The `kv_key` of the first of them.
    first: Option<Span>,
    /// The encryption key of the first of them that has one.
    encrypted: Option<Span>,
}

/// Looks for what breaks the family's rules.
pub(in crate::rules) fn check(scene: &Scene<'_>, sink: &mut Sink) {
    let mut caches = scene.caches.iter().peekable();
    for (at, region) in scene.regions.iter().enumerate() {
        let mut vaults: HashMap<&str, (ItemScene<'_>, Use)> = HashMap::new();
        for item in region.targets(Target::Vault) {
            vaults.entry(item.key.value.as_str()).or_insert((item, Use::default()));
        }
        // Caches come in the order of their regions.
        let mut first: Option<Spanned<&str>> = None;
        while let Some(cache) = caches.next_if(|cache| cache.region == at) {
            check_cache(region, cache, &mut vaults, &mut first, sink);
        }
        for item in region.targets(Target::Vault) {
            if sink.is_full() {
                return;
            }
            let encrypted = vaults.get(item.key.value.as_str()).and_then(|(_, used)| used.encrypted);
            check_vault(&item, encrypted, sink);
        }
    }
}

fn name_of<'a>(vault: &ItemScene<'a>) -> Option<Spanned<&'a str>> {
    let attribute = if vault.variable == "kv_config" { "name" } else { "keyvault_name" };
    vault.fields.text(attribute).ok()
}

fn check_vault(vault: &ItemScene<'_>, encrypted: Option<Span>, sink: &mut Sink) {
    if let Some(name) = name_of(vault).filter(|name| !is_vault_name(name.value)) {
        let length = name.value.chars().count();
        let why = if length > MAX_NAME { format!(": it has {length} characters") } else { String::new() };
        sink.push(
            NAME_SYNTAX
                .at(name.span, format!("{} is not a vault's name{why}", quote(name.value)))
                .with_source(
                    "Azure takes 3 to 24 letters, digits and single hyphens, a letter first, and no hyphen at the end",
                )
                .with_help("shorten or change it"),
        );
    }
    if vault.variable != "kv_config" {
        return;
    }
    let key = quote(&vault.key.value);
    if let Some(switch) = flag(vault.fields, "purge_protection_enabled").filter(|switch| !switch.value) {
        let finding = match encrypted {
            Some(place) => PURGE_PROTECTION_FOR_KEYS
                .at(switch.span, format!("the vault {key} has no purge protection, but its key encrypts a cache"))
                .with_place(place, "the key")
                .with_source("Azure demands it: whoever purged the key would destroy the cache's data"),
            None => PURGE_PROTECTION
                .at(switch.span, format!("the vault {key} has no purge protection"))
                .with_source("whoever may delete it may then purge it at once, with the region's credentials"),
        };
        sink.push(finding.with_help("set it to `true`; it cannot be turned off later"));
    }
    if let Some(switch) = flag(vault.fields, "public_network_access_enabled").filter(|switch| switch.value) {
        sink.push(
            PUBLIC
                .at(switch.span, format!("the vault {key} answers on its public address"))
                .with_source("it holds its region's credentials; the pattern admits private endpoints only")
                .with_help("close it, give it a private endpoint with `snet_key`, and run Terraform from within"),
        );
    }
}

fn check_cache<'a>(
    region: &RegionScene<'_>,
    cache: &CacheScene<'a>,
    vaults: &mut HashMap<&str, (ItemScene<'_>, Use)>,
    first: &mut Option<Spanned<&'a str>>,
    sink: &mut Sink,
) {
    let key = cache.fields.object("customer_managed_key").ok();
    let reference = cache.fields.text("kv_key").ok();
    let vault = reference.as_ref().and_then(|reference| vaults.get_mut(reference.value));
    if let (Some((_, used)), Some(reference)) = (&vault, &reference) {
        match first {
            None => *first = Some(reference.clone()),
            Some(first) if first.value != reference.value && used.first.is_none() => {
                let where_ = region.describe();
                let message = format!("caches in {where_} keep their credentials in several vaults");
                sink.push(
                    ONE_PER_REGION
                        .at(reference.span, message)
                        .with_place(first.span, "the first one's vault")
                        .with_source("by the pattern every region has one vault, which its gateways and agents read")
                        .with_help(format!("make it {}, as in the other caches", quote(first.value))),
                );
            }
            Some(_) => {}
        }
    }
    let name = vault.as_ref().and_then(|(item, _)| name_of(item));
    let given = key.and_then(|key| check_key(cache, key, name.as_ref(), sink));
    if let (Some((_, used)), Some(reference)) = (vault, reference) {
        used.first.get_or_insert(reference.span);
        if let Some(span) = given {
            used.encrypted.get_or_insert(span);
        }
    }
}

/// Looks at an encryption key, and returns its place if it is one of the cache's own vault.
fn check_key(cache: &CacheScene<'_>, key: &Fields, vault: Option<&Spanned<&str>>, sink: &mut Sink) -> Option<Span> {
    let (name, id) = (key.text_if_given("key_name").ok()?, key.text_if_given("key_id").ok()?);
    let cache = quote(&cache.key.value);
    if let Some(id) = &id {
        if let Some(name) = &name {
            sink.push(
                KEY_GIVEN_ONCE
                    .at(id.span, format!("{cache} has both a key to create and a key that exists"))
                    .with_place(name.span, "to create")
                    .with_source("only one of them could be used, and the other would be ignored")
                    .with_help("remove `key_name` or `key_id`"),
            );
        }
        return check_address(&cache, id, vault, sink);
    }
    let Some(name) = name else {
        // The object's own place would be a bracket.
        let place = key.0.values().map(|field| field.span).min().unwrap_or_default();
        sink.push(
            KEY_GIVEN_ONCE
                .at(place, format!("{cache} is to be encrypted with a key that is not named"))
                .with_source("without `key_name` or `key_id` there is no key")
                .with_help("add `key_name`, a key to create, or `key_id`, a key that exists"),
        );
        return None;
    };
    check_type_and_size(&cache, key, sink);
    Some(name.span)
}

fn check_type_and_size(cache: &str, key: &Fields, sink: &mut Sink) {
    let elliptic = key.text("key_type").ok().filter(|kind| kind.value.starts_with("EC"));
    if let Some(kind) = &elliptic {
        let right = kind.value.replacen("EC", "RSA", 1);
        sink.push(
            KEY_TYPE
                .at(kind.span, format!("{cache} cannot be encrypted with a key of the type {}", kind.value))
                .with_source("Managed Redis takes RSA keys only")
                .with_fix(format!("make it {right}"), kind.span, format!("\"{right}\"")),
        );
    }
    if let Some(size) = key.integer("key_size").ok().filter(|size| !KEY_SIZES.contains(&size.value)) {
        sink.push(
            KEY_SIZE
                .at(size.span, format!("there are no RSA keys of {} bits", size.value))
                .with_source("Key Vault makes keys of 2048, 3072 and 4096 bits")
                .with_help("write one of these, or leave it out for 2048"),
        );
    }
}

fn check_address(cache: &str, id: &Spanned<&str>, vault: Option<&Spanned<&str>>, sink: &mut Sink) -> Option<Span> {
    let holder = match vault_of_key(id.value) {
        Ok(holder) => holder,
        Err(fault) => {
            sink.push(
                KEY_ADDRESS
                    .at(id.span, format!("the key of {cache} is not the address of a version of a key"))
                    .with_label(fault)
                    .with_source("Managed Redis does not follow a key's rotation: it is told which version to use")
                    .with_help("copy the key identifier: https://<vault>.vault.azure.net/keys/<key>/<version>"),
            );
            return None;
        }
    };
    let vault = vault?;
    if holder.eq_ignore_ascii_case(vault.value) {
        return Some(id.span);
    }
    sink.push(
        KEY_ELSEWHERE
            .at(id.span, format!("the key of {cache} is in another vault: {}", quote(holder)))
            .with_place(vault.span, "the cache's vault")
            .with_source("the cache is given access to its own region's vault, and must not depend on another")
            .with_help(format!("use a key of {}", quote(vault.value))),
    );
    None
}

/// The most characters of a vault's name.
const MAX_NAME: usize = 24;

fn is_vault_name(name: &str) -> bool {
    (3..=MAX_NAME).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && !name.ends_with('-')
        && !name.contains("--")
}

/// The vault in the address of a key's version.
///
/// # Errors
/// What is wrong with the address, in a few words.
fn vault_of_key(address: &str) -> Result<&str, &'static str> {
    let rest = address.strip_prefix("https://").ok_or("it does not begin with https://")?;
    let mut parts = rest.split('/');
    let host = parts.next().unwrap_or_default();
    let host = host.strip_suffix(":443").unwrap_or(host);
    let vault = DOMAINS.iter().find_map(|domain| strip_domain(host, domain));
    let vault = vault.filter(|vault| is_vault_name(vault)).ok_or("its host is not a vault")?;
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some("keys"), Some(name), Some(version), None) => match (is_key_name(name), is_version(version)) {
            (true, true) => Ok(vault),
            (false, _) => Err("the key's name has other characters than letters, digits and hyphens"),
            (true, false) => Err("the version at its end is not 32 hexadecimal digits"),
        },
        (Some("keys"), Some(_), None, None) => Err("it has no version"),
        (Some("secrets" | "certificates"), ..) => Err("it is not the address of a key"),
        _ => Err("behind the vault comes /keys/<key>/<version>"),
    }
}

fn strip_domain<'h>(host: &'h str, domain: &str) -> Option<&'h str> {
    let (name, rest) = host.split_at_checked(host.len().checked_sub(domain.len())?)?;
    rest.eq_ignore_ascii_case(domain).then_some(name)
}

fn is_key_name(name: &str) -> bool {
    (1..=127).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_version(version: &str) -> bool {
    version.len() == VERSION_DIGITS && version.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vault_names_are_azures() {
        for name in ["kv1", "kv-app-dev-eus2", "KV", "kv-012345678901234567890"] {
            assert_eq!(is_vault_name(name), name != "KV", "{name}");
        }
        for name in ["", "kv", "1kv", "-kv", "kv-", "kv--app", "kv_app", "kv.app", "kv-é", "kv-0123456789012345678901"]
        {
            assert!(!is_vault_name(name), "{name}");
        }
    }

    #[test]
    fn the_vault_of_a_key_is_found() {
        let version = "0123456789abcdef0123456789abcdef";
        for host in ["kv-app.vault.azure.net", "kv-app.vault.azure.net:443", "kv-app.VAULT.azure.cn"] {
            assert_eq!(vault_of_key(&format!("https://{host}/keys/redis/{version}")), Ok("kv-app"), "{host}");
        }
    }

    #[test]
    fn other_addresses_are_not_keys() {
        let version = "0123456789abcdef0123456789abcdef";
        let long = "a".repeat(128);
        let faults = [
            ("".to_owned(), "https"),
            (format!("http://kv-app.vault.azure.net/keys/redis/{version}"), "https"),
            ("https://kv-app.vault.azure.net/keys/redis".to_owned(), "no version"),
            ("https://kv-app.vault.azure.net/keys/redis/".to_owned(), "version"),
            ("https://kv-app.vault.azure.net/keys/redis/current".to_owned(), "version"),
            (format!("https://kv-app.vault.azure.net/keys/redis/{version}/"), "/keys/"),
            (format!("https://kv-app.vault.azure.net/keys//{version}"), "name"),
            (format!("https://kv-app.vault.azure.net/keys/{long}/{version}"), "name"),
            (format!("https://kv-app.vault.azure.net/secrets/redis/{version}"), "not the address of a key"),
            ("https://kv-app.vault.azure.net".to_owned(), "/keys/"),
            (format!("https://x.vault.azure.net/keys/redis/{version}"), "host"),
            (format!("https://evil.example/kv.vault.azure.net/keys/redis/{version}"), "host"),
            (format!("https://é.vault.azure.net/keys/redis/{version}"), "host"),
        ];
        for (address, fault) in faults {
            let said = vault_of_key(&address).unwrap_err();
            assert!(said.contains(fault), "{address}: {said}");
        }
    }
}
