//! How requests prove who asks, and how what comes in proves who sends it. Keys are compared in constant time.

use chrono::{DateTime, Utc};
use ring::hmac;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::fill::percent;

/// How a request is signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum Scheme {
    /// Not at all; keys travel as fields.
    #[default]
    #[serde(rename = "none")]
    None,
    /// Account and secret (RFC 7617).
    #[serde(rename = "basic")]
    Basic,
    /// The secret as a bearer token (RFC 6750).
    #[serde(rename = "bearer")]
    Bearer,
    /// HMAC-SHA256 over the moment in Unix seconds, a full stop and the body: `t=...,v1=<hex>`.
    #[serde(rename = "hmac-sha256")]
    HmacSha256,
    /// Alibaba Cloud, version 3.
    #[serde(rename = "acs3-hmac-sha256")]
    Acs3,
    /// Tencent Cloud, version 3.
    #[serde(rename = "tc3-hmac-sha256")]
    Tc3,
}

/// A request before it is signed.
pub(super) struct ToSign<'a> {
    pub(super) method: &'a str,
    pub(super) host: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a [(String, String)],
    pub(super) headers: &'a [(String, String)],
    pub(super) body: &'a [u8],
    pub(super) account: &'a str,
    pub(super) secret: &'a str,
    /// The moment that the signature names.
    pub(super) at: DateTime<Utc>,
    /// A name used once.
    pub(super) nonce: &'a str,
    pub(super) service: &'a str,
    pub(super) header: &'a str,
}

fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// HMAC-SHA256.
pub(super) fn hmac_sha256(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), bytes)
        .as_ref()
        .to_vec()
}

/// HMAC-SHA1, where a gateway has nothing better.
pub(super) fn hmac_sha1(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    hmac::sign(&key, bytes).as_ref().to_vec()
}

/// Compares in a time that does not tell where the difference is.
pub(super) fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |sum, (x, y)| sum | (x ^ y)) == 0
}

/// The headers that a signature adds.
pub(super) fn headers(scheme: Scheme, r: &ToSign<'_>) -> Vec<(String, String)> {
    let one = |name: &str, value: String| vec![(name.to_owned(), value)];
    match scheme {
        Scheme::None => Vec::new(),
        Scheme::Basic => {
            use base64::Engine as _;
            let pair = format!("{}:{}", r.account, r.secret);
            let coded = base64::engine::general_purpose::STANDARD.encode(pair);
            one("authorization", format!("Basic {coded}"))
        }
        Scheme::Bearer => one("authorization", format!("Bearer {}", r.secret)),
        Scheme::HmacSha256 => {
            let seconds = r.at.timestamp();
            let signed = [seconds.to_string().as_bytes(), b".", r.body].concat();
            let mac = hex::encode(hmac_sha256(r.secret.as_bytes(), &signed));
            one(r.header, format!("t={seconds},v1={mac}"))
        }
        Scheme::Acs3 => acs3(r),
        Scheme::Tc3 => tc3(r),
    }
}

fn canonical_query(query: &[(String, String)]) -> String {
    let mut pairs: Vec<_> = query.iter().map(|(k, v)| (percent(k), percent(v))).collect();
    pairs.sort();
    pairs
        .iter()
        .map(|(k, v)| format!("{k}={v}"))
        .collect::<Vec<_>>()
        .join("&")
}

/// Alibaba Cloud, "Request syntax and signature method V3".
fn acs3(r: &ToSign<'_>) -> Vec<(String, String)> {
    let payload = sha256_hex(r.body);
    let mut signed: Vec<(String, String)> = vec![
        ("host".into(), r.host.into()),
        ("x-acs-content-sha256".into(), payload.clone()),
        ("x-acs-date".into(), r.at.format("%Y-%m-%dT%H:%M:%SZ").to_string()),
        ("x-acs-signature-nonce".into(), r.nonce.into()),
    ];
    let own = r
        .headers
        .iter()
        .map(|(k, v)| (k.to_ascii_lowercase(), v.trim().to_owned()));
    signed.extend(own.filter(|(k, _)| k.starts_with("x-acs-") || k == "content-type"));
    signed.sort();
    let names: Vec<&str> = signed.iter().map(|(k, _)| k.as_str()).collect();
    let names = names.join(";");
    let lines: String = signed.iter().map(|(k, v)| format!("{k}:{v}\n")).collect();
    let (method, path, query) = (r.method, r.path, canonical_query(r.query));
    let request = format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{payload}");
    let to_sign = format!("ACS3-HMAC-SHA256\n{}", sha256_hex(request.as_bytes()));
    let signature = hex::encode(hmac_sha256(r.secret.as_bytes(), to_sign.as_bytes()));
    let account = r.account;
    let mut added: Vec<_> = signed
        .into_iter()
        .filter(|(k, _)| k.starts_with("x-acs-"))
        .collect();
    added.push((
        "authorization".into(),
        format!("ACS3-HMAC-SHA256 Credential={account},SignedHeaders={names},Signature={signature}"),
    ));
    added
}

/// Tencent Cloud, "Signature method v3": content type and host are signed.
fn tc3(r: &ToSign<'_>) -> Vec<(String, String)> {
    let kind = r
        .headers
        .iter()
        .find(|(k, _)| k.eq_ignore_ascii_case("content-type"))
        .map_or("application/json", |(_, v)| v.as_str());
    let (method, path, query, host) = (r.method, r.path, canonical_query(r.query), r.host);
    let payload = sha256_hex(r.body);
    let names = "content-type;host";
    let request =
        format!("{method}\n{path}\n{query}\ncontent-type:{kind}\nhost:{host}\n\n{names}\n{payload}");
    let (seconds, date, service) = (r.at.timestamp(), r.at.format("%Y-%m-%d"), r.service);
    let scope = format!("{date}/{service}/tc3_request");
    let to_sign = format!(
        "TC3-HMAC-SHA256\n{seconds}\n{scope}\n{}",
        sha256_hex(request.as_bytes())
    );
    let day = hmac_sha256(format!("TC3{}", r.secret).as_bytes(), date.to_string().as_bytes());
    let signing = hmac_sha256(&hmac_sha256(&day, service.as_bytes()), b"tc3_request");
    let signature = hex::encode(hmac_sha256(&signing, to_sign.as_bytes()));
    let account = r.account;
    vec![
        ("x-tc-timestamp".into(), seconds.to_string()),
        (
            "authorization".into(),
            format!(
                "TC3-HMAC-SHA256 Credential={account}/{scope}, SignedHeaders={names}, Signature={signature}"
            ),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request<'a>(headers: &'a [(String, String)], body: &'a [u8]) -> ToSign<'a> {
        ToSign {
            method: "POST",
            host: "cvm.tencentcloudapi.com",
            path: "/",
            query: &[],
            headers,
            body,
            account: "AKIDEXAMPLE",
            secret: "secret",
            at: DateTime::from_timestamp(1_551_113_065, 0).unwrap(),
            nonce: "n",
            service: "cvm",
            header: "x-signature",
        }
    }

    fn of(scheme: Scheme, r: &ToSign<'_>, name: &str) -> String {
        headers(scheme, r).into_iter().find(|(k, _)| k == name).unwrap().1
    }

    #[test]
    fn hmacs_are_those_of_rfc_4231_and_rfc_2202() {
        let (key, text) = (b"Jefe", b"what do ya want for nothing?");
        assert_eq!(
            hex::encode(hmac_sha256(key, text)),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            hex::encode(hmac_sha1(key, text)),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
        );
    }

    #[test]
    fn what_is_signed_is_what_is_sent() {
        let kind = [(
            "content-type".to_owned(),
            "application/json; charset=utf-8".to_owned(),
        )];
        let first = of(Scheme::Tc3, &request(&kind, b"{}"), "authorization");
        assert!(first.starts_with("TC3-HMAC-SHA256 Credential=AKIDEXAMPLE/2019-02-25/cvm/tc3_request, SignedHeaders=content-type;host, Signature="), "{first}");
        for scheme in [Scheme::Tc3, Scheme::Acs3, Scheme::HmacSha256] {
            let name = if scheme == Scheme::HmacSha256 {
                "x-signature"
            } else {
                "authorization"
            };
            let a = of(scheme, &request(&kind, b"{}"), name);
            assert_ne!(a, of(scheme, &request(&kind, b"{ }"), name), "the body counts");
            let other = ToSign {
                secret: "other",
                ..request(&kind, b"{}")
            };
            assert_ne!(a, of(scheme, &other, name), "the secret counts");
        }
        assert_eq!(
            of(Scheme::Basic, &request(&kind, b""), "authorization"),
            "Basic QUtJREVYQU1QTEU6c2VjcmV0"
        );
        assert!(same(b"ab", b"ab") && !same(b"ab", b"ac") && !same(b"a", b"ab"));
    }
}
