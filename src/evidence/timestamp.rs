//! Time stamps of outsiders (RFC 3161): the question to an authority, its answer, and whether a token vouches for a text.
//! A token holds the authority's certificate; whether that certificate is trusted is asked with the roots at hand.

use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::der::{Reader, integer, tag, wrap};

const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
const SHA384: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02];
const SHA512: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03];
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
const TST_INFO: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04];
const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
/// id-kp-timeStamping, which the certificate of an authority must allow (RFC 3161, section 2.3).
const TIME_STAMPING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08];

/// Why a token does not vouch for a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The authority refused.
    #[error("the authority refused to give a time stamp (status {0})")]
    Refused(u64),
    /// The bytes have another form.
    #[error("this is no time-stamp token: {0}")]
    Form(&'static str),
    /// The token is over other bytes.
    #[error("the time stamp is over something else")]
    OtherText,
    /// The answer belongs to another question.
    #[error("the answer belongs to another question")]
    OtherQuestion,
    /// The signature does not fit.
    #[error("the signature of the time stamp does not fit")]
    Signature,
    /// The certificate does not lead to a root that is trusted.
    #[error("the certificate of the authority does not lead to a root that is trusted: {0}")]
    Untrusted(String),
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// When, in UTC: `2026-04-07T08:00:00Z`; fractions are kept if the authority gave some.
    pub at: String,
    /// Seconds since 1970.
    pub seconds: u64,
    /// The authority's serial number, in hex.
    pub serial: String,
}

/// The question: a time stamp over `text`, with the certificate in the answer. `nonce` is random.
pub fn timestamp_request(text: &[u8], nonce: &[u8; 8]) -> Vec<u8> {
    let imprint = wrap(
        tag::SEQUENCE,
        &[
            algorithm(SHA256),
            wrap(tag::OCTETS, &[Sha256::digest(text).to_vec()]),
        ],
    );
    let body = [
        integer(&[1]),
        imprint,
        integer(nonce),
        wrap(tag::BOOLEAN, &[vec![0xff]]),
    ];
    wrap(tag::SEQUENCE, &body)
}

fn algorithm(oid: &[u8]) -> Vec<u8> {
    wrap(
        tag::SEQUENCE,
        &[wrap(tag::OID, &[oid.to_vec()]), wrap(tag::NULL, &[])],
    )
}

/// The token out of an authority's answer to the question with this text and nonce.
pub fn token_of_response(response: &[u8], text: &[u8], nonce: &[u8; 8]) -> Result<Vec<u8>, TokenError> {
    let form = TokenError::Form("the answer is torn");
    let mut whole = Reader::new(response);
    let mut answer = whole.inner(tag::SEQUENCE).ok_or(form.clone())?;
    let mut status = answer.inner(tag::SEQUENCE).ok_or(form.clone())?;
    let code = status.take(tag::INTEGER).ok_or(form.clone())?;
    let code = code.iter().fold(0u64, |n, b| (n << 8) | u64::from(*b));
    // 0 is granted, 1 granted with modifications.
    if code > 1 {
        return Err(TokenError::Refused(code));
    }
    let token = answer.rest().to_vec();
    if token.is_empty() || !whole.rest().is_empty() {
        return Err(form);
    }
    let parsed = Token::read(&token)?;
    if parsed.nonce.as_deref() != Some(trimmed(nonce)) {
        return Err(TokenError::OtherQuestion);
    }
    check_token(&token, text)?;
    Ok(token)
}

/// An unsigned integer without leading zeros.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|b| **b == 0).count();
    &bytes[zeros.min(bytes.len().saturating_sub(1))..]
}

/// Checks that a token is whole, signed by the certificate in it, and over `text`.
pub fn check_token(token: &[u8], text: &[u8]) -> Result<Stamp, TokenError> {
    let token = Token::read(token)?;
    if !token.is_over(text) {
        return Err(TokenError::OtherText);
    }
    token.signer()?;
    token.stamp()
}

/// The same, and that the certificate leads to one of `roots` (DER) for the purpose of time stamps, at the time that the
/// token names.
pub fn verify_token(token: &[u8], text: &[u8], roots: &[Vec<u8>]) -> Result<Stamp, TokenError> {
    let token = Token::read(token)?;
    if !token.is_over(text) {
        return Err(TokenError::OtherText);
    }
    let signer = CertificateDer::from(token.signer()?);
    let stamp = token.stamp()?;
    let untrusted = |e: webpki::Error| TokenError::Untrusted(e.to_string());
    let roots: Vec<CertificateDer<'_>> = roots.iter().map(|r| CertificateDer::from(r.as_slice())).collect();
    let anchors: Vec<TrustAnchor<'_>> = roots
        .iter()
        .map(webpki::anchor_from_trusted_cert)
        .collect::<Result<_, _>>()
        .map_err(untrusted)?;
    let others: Vec<CertificateDer<'_>> = token
        .certificates
        .iter()
        .map(|c| CertificateDer::from(*c))
        .collect();
    let end = webpki::EndEntityCert::try_from(&signer).map_err(untrusted)?;
    let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(stamp.seconds));
    let usage = webpki::KeyUsage::required(TIME_STAMPING);
    end.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &anchors,
        &others,
        at,
        usage,
        None,
        None,
    )
    .map_err(untrusted)?;
    Ok(stamp)
}

/// The parts of a token.
struct Token<'a> {
    info: &'a [u8],
    hash_name: &'a [u8],
    hash: &'a [u8],
    serial: &'a [u8],
    time: &'a [u8],
    nonce: Option<Vec<u8>>,
    certificates: Vec<&'a [u8]>,
    digest: &'a [u8],
    attributes: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Token<'a> {
    fn read(token: &'a [u8]) -> Result<Token<'a>, TokenError> {
        Token::parts(token).ok_or(TokenError::Form("its bytes are torn or of another kind"))
    }

    fn parts(token: &'a [u8]) -> Option<Token<'a>> {
        let mut whole = Reader::new(token);
        let mut content = whole.inner(tag::SEQUENCE)?;
        whole.end()?;
        (content.take(tag::OID)? == SIGNED_DATA).then_some(())?;
        let mut explicit = content.inner(tag::CONTEXT_0)?;
        content.end()?;
        let mut signed = explicit.inner(tag::SEQUENCE)?;
        explicit.end()?;
        signed.take(tag::INTEGER)?;
        signed.take(tag::SET)?;
        let mut encapsulated = signed.inner(tag::SEQUENCE)?;
        (encapsulated.take(tag::OID)? == TST_INFO).then_some(())?;
        let mut inner = encapsulated.inner(tag::CONTEXT_0)?;
        encapsulated.end()?;
        let info = inner.take(tag::OCTETS)?;
        inner.end()?;
        let mut certificates = Vec::new();
        if let Some(mut list) = signed.optional(tag::CONTEXT_0) {
            while !list.rest().is_empty() {
                certificates.push(list.whole(tag::SEQUENCE)?);
            }
        }
        signed.optional(tag::CONTEXT_1);
        let mut signers = signed.inner(tag::SET)?;
        signed.end()?;
        let mut signer = signers.inner(tag::SEQUENCE)?;
        // A token has exactly one signer (RFC 3161, section 2.4.2).
        signers.end()?;
        signer.take(tag::INTEGER)?;
        signer.any()?;
        let mut algorithm = signer.inner(tag::SEQUENCE)?;
        let digest = algorithm.take(tag::OID)?;
        algorithm.whole_to_the_end()?;
        let attributes = signer.take(tag::CONTEXT_0)?;
        signer.take(tag::SEQUENCE)?;
        let signature = signer.take(tag::OCTETS)?;
        signer.optional(tag::CONTEXT_1);
        signer.end()?;
        let mut tst = Reader::new(info);
        let mut tst_info = tst.inner(tag::SEQUENCE)?;
        tst.end()?;
        tst_info.take(tag::INTEGER)?;
        tst_info.take(tag::OID)?;
        let mut imprint = tst_info.inner(tag::SEQUENCE)?;
        let mut hash_name = imprint.inner(tag::SEQUENCE)?;
        let hash_name = hash_name.take(tag::OID)?;
        let hash = imprint.take(tag::OCTETS)?;
        let serial = tst_info.take(tag::INTEGER)?;
        let time = tst_info.take(tag::TIME)?;
        tst_info.optional(tag::SEQUENCE);
        tst_info.optional(tag::BOOLEAN);
        let nonce = tst_info
            .optional(tag::INTEGER)
            .map(|n| trimmed(n.rest()).to_vec());
        Some(Token {
            info,
            hash_name,
            hash,
            serial,
            time,
            nonce,
            certificates,
            digest,
            attributes,
            signature,
        })
    }

    fn is_over(&self, text: &[u8]) -> bool {
        hashed(self.hash_name, text).is_some_and(|hash| hash == self.hash)
    }

    /// The certificate in the token whose key made the signature.
    fn signer(&self) -> Result<&'a [u8], TokenError> {
        let form = TokenError::Form("its signed attributes are not those of a time stamp");
        let (mut kind, mut digest) = (None, None);
        let mut attributes = Reader::new(self.attributes);
        while !attributes.rest().is_empty() {
            let mut attribute = attributes.inner(tag::SEQUENCE).ok_or(form.clone())?;
            let name = attribute.take(tag::OID).ok_or(form.clone())?;
            let mut values = attribute.inner(tag::SET).ok_or(form.clone())?;
            match name {
                CONTENT_TYPE if kind.is_none() => kind = values.take(tag::OID),
                MESSAGE_DIGEST if digest.is_none() => digest = values.take(tag::OCTETS),
                CONTENT_TYPE | MESSAGE_DIGEST => return Err(form),
                _ => {}
            }
        }
        if kind != Some(TST_INFO) || digest.is_none() {
            return Err(form);
        }
        if hashed(self.digest, self.info).as_deref() != digest {
            return Err(TokenError::Signature);
        }
        // What is signed are the attributes as a SET, not under the tag they travel with (RFC 5652, section 5.4).
        let message = wrap(tag::SET, &[self.attributes.to_vec()]);
        let fits = |certificate: &&&[u8]| {
            let der = CertificateDer::from(**certificate);
            webpki::EndEntityCert::try_from(&der).is_ok_and(|end| {
                algorithms(self.digest)
                    .iter()
                    .any(|a| end.verify_signature(*a, &message, self.signature).is_ok())
            })
        };
        let signer = self.certificates.iter().find(fits);
        signer.copied().ok_or(TokenError::Signature)
    }

    /// GeneralizedTime as RFC 3161 writes it: `20260407080000Z` or `20260407080000.123Z`.
    fn stamp(&self) -> Result<Stamp, TokenError> {
        let form = TokenError::Form("its time is no UTC time");
        let text = std::str::from_utf8(self.time).map_err(|_| form.clone())?;
        let body = text.strip_suffix('Z').ok_or(form.clone())?;
        let (whole, fraction) = body.split_once('.').unwrap_or((body, ""));
        if !fraction.bytes().all(|b| b.is_ascii_digit()) || whole.len() != 14 {
            return Err(form);
        }
        let at = chrono::NaiveDateTime::parse_from_str(whole, "%Y%m%d%H%M%S").map_err(|_| form.clone())?;
        let seconds = u64::try_from(at.and_utc().timestamp()).map_err(|_| form)?;
        let dot = if fraction.is_empty() { "" } else { "." };
        Ok(Stamp {
            at: format!("{}{dot}{fraction}Z", at.format("%Y-%m-%dT%H:%M:%S")),
            seconds,
            serial: hex::encode(trimmed(self.serial)),
        })
    }
}

fn hashed(name: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
    match name {
        SHA256 => Some(Sha256::digest(bytes).to_vec()),
        SHA384 => Some(Sha384::digest(bytes).to_vec()),
        SHA512 => Some(Sha512::digest(bytes).to_vec()),
        _ => None,
    }
}

fn algorithms(digest: &[u8]) -> Vec<&'static dyn SignatureVerificationAlgorithm> {
    use webpki::ring as known;
    match digest {
        SHA256 => vec![
            known::RSA_PKCS1_2048_8192_SHA256,
            known::ECDSA_P256_SHA256,
            known::ECDSA_P384_SHA256,
        ],
        SHA384 => vec![
            known::RSA_PKCS1_2048_8192_SHA384,
            known::ECDSA_P256_SHA384,
            known::ECDSA_P384_SHA384,
        ],
        SHA512 => vec![known::RSA_PKCS1_2048_8192_SHA512],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_question_is_the_one_openssl_asks() {
        // `openssl ts -query -sha256 -cert` over `x`, with this nonce.
        let expected = "30430201013031300d060960864801650304020105000420";
        let question = timestamp_request(b"x", &[1, 2, 3, 4, 5, 6, 7, 8]);
        let hex = hex::encode(&question);
        assert!(hex.starts_with(expected), "{hex}");
        assert!(hex.ends_with("020801020304050607080101ff"), "{hex}");
    }

    proptest! {
        #[test]
        fn reading_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = check_token(&bytes, b"x");
            let _ = token_of_response(&bytes, b"x", &[0; 8]);
        }
    }
}
