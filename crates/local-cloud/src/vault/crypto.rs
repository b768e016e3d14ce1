//! Key pairs and seals, all of it done by the library under our TLS.

use std::collections::BTreeMap;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPrivateDecryptingKey,
    OaepPublicEncryptingKey, PrivateDecryptingKey,
};
use aws_lc_rs::signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair, RsaKeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use tidelock_model::SecretString;

use super::items::{KeyMaterial, KeySpec};
use crate::secrets::StoredSecret;

/// The library refused; it does not say why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CryptoError {
    #[error("the cryptographic library refused the operation")]
    Failed,
    #[error("the algorithm does not fit the key")]
    Algorithm,
    #[error("the value is too long, too short or was not made with this key")]
    Value,
}

const RSA_SIGNATURES: [&str; 6] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];

/// Makes a new pair: up to a second for a large RSA key, so not on a thread that carries connections.
pub(crate) fn generate(spec: KeySpec, operations: Vec<String>) -> Result<KeyMaterial, CryptoError> {
    let (private, public) = match rsa_size(spec) {
        Some(size) => generate_rsa(size)?,
        None => generate_ec(spec)?,
    };
    let private = StoredSecret::from(SecretString::from(STANDARD.encode(private)));
    Ok(KeyMaterial { spec, operations, private, public })
}

fn rsa_size(spec: KeySpec) -> Option<KeySize> {
    match spec {
        KeySpec::Rsa2048 => Some(KeySize::Rsa2048),
        KeySpec::Rsa3072 => Some(KeySize::Rsa3072),
        KeySpec::Rsa4096 => Some(KeySize::Rsa4096),
        KeySpec::P256 | KeySpec::P384 | KeySpec::P521 => None,
    }
}

type Halves = (Vec<u8>, BTreeMap<String, String>);

fn generate_rsa(size: KeySize) -> Result<Halves, CryptoError> {
    let pair = RsaKeyPair::generate(size).map_err(|_| CryptoError::Failed)?;
    let private = pair.as_der().map_err(|_| CryptoError::Failed)?.as_ref().to_vec();
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let n = text(pair.public_key().modulus().big_endian_without_leading_zero());
    let e = text(pair.public_key().exponent().big_endian_without_leading_zero());
    Ok((private, BTreeMap::from([("n".to_owned(), n), ("e".to_owned(), e)])))
}

fn generate_ec(spec: KeySpec) -> Result<Halves, CryptoError> {
    let (algorithm, curve) = ec_signing(spec).ok_or(CryptoError::Algorithm)?;
    let pair = EcdsaKeyPair::generate(algorithm).map_err(|_| CryptoError::Failed)?;
    let private = pair.to_pkcs8v1().map_err(|_| CryptoError::Failed)?.as_ref().to_vec();
    // An uncompressed point: 4, x, y.
    let point = pair.public_key().as_ref().get(1..).ok_or(CryptoError::Failed)?;
    let (x, y) = point.split_at(point.len() / 2);
    let public = BTreeMap::from([
        ("crv".to_owned(), curve.to_owned()),
        ("x".to_owned(), URL_SAFE_NO_PAD.encode(x)),
        ("y".to_owned(), URL_SAFE_NO_PAD.encode(y)),
    ]);
    Ok((private, public))
}

fn ec_signing(spec: KeySpec) -> Option<(&'static EcdsaSigningAlgorithm, &'static str)> {
    match spec {
        KeySpec::P256 => Some((&signature::ECDSA_P256_SHA256_FIXED_SIGNING, "P-256")),
        KeySpec::P384 => Some((&signature::ECDSA_P384_SHA384_FIXED_SIGNING, "P-384")),
        KeySpec::P521 => Some((&signature::ECDSA_P521_SHA512_FIXED_SIGNING, "P-521")),
        KeySpec::Rsa2048 | KeySpec::Rsa3072 | KeySpec::Rsa4096 => None,
    }
}

fn private_half(key: &KeyMaterial) -> Result<Vec<u8>, CryptoError> {
    STANDARD.decode(key.private.expose()).map_err(|_| CryptoError::Failed)
}

fn oaep(algorithm: &str) -> Result<&'static OaepAlgorithm, CryptoError> {
    match algorithm {
        "RSA-OAEP" => Ok(&OAEP_SHA1_MGF1SHA1),
        "RSA-OAEP-256" => Ok(&OAEP_SHA256_MGF1SHA256),
        _ => Err(CryptoError::Algorithm),
    }
}

fn rsa_private(key: &KeyMaterial) -> Result<PrivateDecryptingKey, CryptoError> {
    if !key.spec.is_rsa() {
        return Err(CryptoError::Algorithm);
    }
    PrivateDecryptingKey::from_pkcs8(&private_half(key)?).map_err(|_| CryptoError::Failed)
}

/// Encrypts or wraps.
pub(crate) fn encrypt(key: &KeyMaterial, algorithm: &str, plain: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let algorithm = oaep(algorithm)?;
    let public = OaepPublicEncryptingKey::new(rsa_private(key)?.public_key()).map_err(|_| CryptoError::Failed)?;
    if plain.len() > public.max_plaintext_size(algorithm) {
        return Err(CryptoError::Value);
    }
    let mut room = vec![0; public.ciphertext_size()];
    let sealed = public.encrypt(algorithm, plain, &mut room, None).map_err(|_| CryptoError::Failed)?;
    Ok(sealed.to_vec())
}

/// Decrypts or unwraps.
pub(crate) fn decrypt(key: &KeyMaterial, algorithm: &str, sealed: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let algorithm = oaep(algorithm)?;
    let private = OaepPrivateDecryptingKey::new(rsa_private(key)?).map_err(|_| CryptoError::Failed)?;
    let mut room = vec![0; private.min_output_size()];
    let plain = private.decrypt(algorithm, sealed, &mut room, None).map_err(|_| CryptoError::Value)?;
    Ok(plain.to_vec())
}

fn digest_of(algorithm: &str, bytes: &[u8]) -> Result<Digest, CryptoError> {
    let digest = match algorithm.get(2..) {
        Some("256") => &digest::SHA256,
        Some("384") => &digest::SHA384,
        Some("512") => &digest::SHA512,
        _ => return Err(CryptoError::Algorithm),
    };
    Digest::import_less_safe(bytes, digest).map_err(|_| CryptoError::Value)
}

fn ec_fits(spec: KeySpec, algorithm: &str) -> bool {
    matches!((spec, algorithm), (KeySpec::P256, "ES256") | (KeySpec::P384, "ES384") | (KeySpec::P521, "ES512"))
}

/// Signs a digest that the caller has made.
pub(crate) fn sign(key: &KeyMaterial, algorithm: &str, digest: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let private = private_half(key)?;
    if key.spec.is_rsa() && RSA_SIGNATURES.contains(&algorithm) {
        let encoding: &'static dyn signature::RsaEncoding = match algorithm {
            "RS256" => &signature::RSA_PKCS1_SHA256,
            "RS384" => &signature::RSA_PKCS1_SHA384,
            "RS512" => &signature::RSA_PKCS1_SHA512,
            "PS256" => &signature::RSA_PSS_SHA256,
            "PS384" => &signature::RSA_PSS_SHA384,
            _ => &signature::RSA_PSS_SHA512,
        };
        let pair = RsaKeyPair::from_pkcs8(&private).map_err(|_| CryptoError::Failed)?;
        let mut signed = vec![0; pair.public_modulus_len()];
        pair.sign_digest(encoding, &digest_of(algorithm, digest)?, &mut signed).map_err(|_| CryptoError::Failed)?;
        return Ok(signed);
    }
    let (signing, _) = ec_signing(key.spec).filter(|_| ec_fits(key.spec, algorithm)).ok_or(CryptoError::Algorithm)?;
    let pair = EcdsaKeyPair::from_pkcs8(signing, &private).map_err(|_| CryptoError::Failed)?;
    let signed = pair.sign_digest(&digest_of(algorithm, digest)?).map_err(|_| CryptoError::Failed)?;
    Ok(signed.as_ref().to_vec())
}

/// Whether the signature is this key's.
pub(crate) fn verify(key: &KeyMaterial, algorithm: &str, digest: &[u8], signed: &[u8]) -> Result<bool, CryptoError> {
    let private = private_half(key)?;
    let digest = digest_of(algorithm, digest)?;
    if key.spec.is_rsa() && RSA_SIGNATURES.contains(&algorithm) {
        let parameters: &'static signature::RsaParameters = match algorithm {
            "RS256" => &signature::RSA_PKCS1_2048_8192_SHA256,
            "RS384" => &signature::RSA_PKCS1_2048_8192_SHA384,
            "RS512" => &signature::RSA_PKCS1_2048_8192_SHA512,
            "PS256" => &signature::RSA_PSS_2048_8192_SHA256,
            "PS384" => &signature::RSA_PSS_2048_8192_SHA384,
            _ => &signature::RSA_PSS_2048_8192_SHA512,
        };
        let pair = RsaKeyPair::from_pkcs8(&private).map_err(|_| CryptoError::Failed)?;
        return Ok(UnparsedPublicKey::new(parameters, pair.public_key().as_ref())
            .verify_digest(&digest, signed)
            .is_ok());
    }
    let (signing, _) = ec_signing(key.spec).filter(|_| ec_fits(key.spec, algorithm)).ok_or(CryptoError::Algorithm)?;
    let verifying: &'static signature::EcdsaVerificationAlgorithm = match key.spec {
        KeySpec::P256 => &signature::ECDSA_P256_SHA256_FIXED,
        KeySpec::P384 => &signature::ECDSA_P384_SHA384_FIXED,
        _ => &signature::ECDSA_P521_SHA512_FIXED,
    };
    let pair = EcdsaKeyPair::from_pkcs8(signing, &private).map_err(|_| CryptoError::Failed)?;
    Ok(UnparsedPublicKey::new(verifying, pair.public_key().as_ref()).verify_digest(&digest, signed).is_ok())
}

fn sealing_key(seal: &StoredSecret) -> Result<RandomizedNonceKey, CryptoError> {
    let bytes = STANDARD.decode(seal.expose()).map_err(|_| CryptoError::Failed)?;
    RandomizedNonceKey::new(&AES_256_GCM, &bytes).map_err(|_| CryptoError::Failed)
}

/// Makes an opaque blob that only [`open`] with the same seal reads, and that cannot be changed unnoticed.
pub(crate) fn seal(seal: &StoredSecret, plain: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let mut sealed = plain.to_vec();
    let nonce =
        sealing_key(seal)?.seal_in_place_append_tag(Aad::empty(), &mut sealed).map_err(|_| CryptoError::Failed)?;
    let mut blob = nonce.as_ref().to_vec();
    blob.append(&mut sealed);
    Ok(blob)
}

/// Opens what [`seal`] made.
pub(crate) fn open(seal: &StoredSecret, blob: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let (nonce, sealed) = blob.split_at_checked(NONCE_LEN).ok_or(CryptoError::Value)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| CryptoError::Value)?;
    let mut sealed = sealed.to_vec();
    let plain = sealing_key(seal)?.open_in_place(nonce, Aad::empty(), &mut sealed).map_err(|_| CryptoError::Value)?;
    Ok(plain.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(text: &str) -> Vec<u8> {
        digest::digest(&digest::SHA256, text.as_bytes()).as_ref().to_vec()
    }

    #[test]
    fn an_rsa_key_wraps_signs_and_shows_its_public_half() {
        let key = generate(KeySpec::Rsa2048, Vec::new()).unwrap();
        assert_eq!(URL_SAFE_NO_PAD.decode(&key.public["n"]).unwrap().len(), 256);
        assert_eq!(key.public["e"], "AQAB");
        for algorithm in ["RSA-OAEP", "RSA-OAEP-256"] {
            let sealed = encrypt(&key, algorithm, b"data key").unwrap();
            assert_eq!(decrypt(&key, algorithm, &sealed).unwrap(), b"data key");
            assert!(decrypt(&key, algorithm, &sealed[1..]).is_err());
        }
        assert_eq!(encrypt(&key, "RSA-OAEP", &[0; 300]), Err(CryptoError::Value));
        for algorithm in ["RS256", "PS256"] {
            let signed = sign(&key, algorithm, &digest("a")).unwrap();
            assert!(verify(&key, algorithm, &digest("a"), &signed).unwrap());
            assert!(!verify(&key, algorithm, &digest("b"), &signed).unwrap());
        }
        assert_eq!(sign(&key, "ES256", &digest("a")), Err(CryptoError::Algorithm));
    }

    #[test]
    fn a_curve_signs_with_its_own_algorithm_only() {
        let key = generate(KeySpec::P256, Vec::new()).unwrap();
        assert_eq!(URL_SAFE_NO_PAD.decode(&key.public["x"]).unwrap().len(), 32);
        let signed = sign(&key, "ES256", &digest("a")).unwrap();
        assert_eq!(signed.len(), 64);
        assert!(verify(&key, "ES256", &digest("a"), &signed).unwrap());
        assert_eq!(sign(&key, "ES384", &digest("a")), Err(CryptoError::Algorithm));
        assert_eq!(encrypt(&key, "RSA-OAEP", b"x"), Err(CryptoError::Algorithm));
    }

    #[test]
    fn a_sealed_blob_cannot_be_changed_or_opened_elsewhere() {
        let own = StoredSecret::generate().unwrap();
        let mut blob = seal(&own, b"value").unwrap();
        assert!(!blob.windows(5).any(|part| part == b"value"));
        assert_eq!(open(&own, &blob).unwrap(), b"value");
        assert!(open(&StoredSecret::generate().unwrap(), &blob).is_err());
        blob[20] ^= 1;
        assert!(open(&own, &blob).is_err());
    }
}
