//! Media types (RFC 7644 §3.8; checklist R-36…R-38): both are taken, `application/scim+json` is given unless a client
//! takes only `application/json`.

use http::{HeaderMap, header};

use crate::problem::Problem;

/// What answers are in.
pub(crate) const SCIM: &str = "application/scim+json";
const JSON: &str = "application/json";

/// Refuses a body in anything but JSON in UTF-8, and a compressed one; a missing Content-Type is let pass.
pub(crate) fn check_content_type(headers: &HeaderMap) -> Result<(), Problem> {
    let coded = headers.get_all(header::CONTENT_ENCODING).iter().map(|v| v.to_str().unwrap_or("?").trim());
    if let Some(coding) = coded.flat_map(|v| v.split(',')).map(str::trim).find(|c| !is_plain(c)) {
        let detail = format!("a body in the coding {coding} is not taken; send it uncompressed");
        return Err(Problem::status(415, detail).with(header::ACCEPT_ENCODING, "identity"));
    }
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let text = value.to_str().unwrap_or_default().to_ascii_lowercase();
    let mut parts = text.split(';').map(str::trim);
    let known = matches!(parts.next(), Some(SCIM | JSON));
    let utf8 = parts
        .filter_map(|p| p.strip_prefix("charset="))
        .all(|c| matches!(c.trim_matches('"'), "utf-8" | "utf8"));
    if known && utf8 {
        return Ok(());
    }
    Err(Problem::status(415, format!("a body in {text} is not taken; send Content-Type: {SCIM}, in UTF-8")))
}

/// Whether a Content-Encoding leaves a body as it is.
fn is_plain(coding: &str) -> bool {
    coding.is_empty() || coding.eq_ignore_ascii_case("identity")
}

/// The media type to answer in; 406 where the client takes neither.
pub(crate) fn answer_type(headers: &HeaderMap) -> Result<&'static str, Problem> {
    let accept: Vec<String> = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .map(|range| range.trim().to_ascii_lowercase())
        .filter(|range| !range.is_empty())
        .collect();
    if accept.is_empty() {
        return Ok(SCIM);
    }
    let (scim, json) = (quality(&accept, SCIM), quality(&accept, JSON));
    if scim <= 0.0 && json <= 0.0 {
        return Err(Problem::status(406, format!("the answer is {SCIM}; send Accept: {SCIM} or none")));
    }
    Ok(if scim >= json { SCIM } else { JSON })
}

/// The `q` of the most specific range that names the type; 0 when none does.
fn quality(accept: &[String], media: &str) -> f32 {
    let mut best = (0, 0.0);
    for range in accept {
        let mut parts = range.split(';').map(str::trim);
        let weight = match parts.next().unwrap_or_default() {
            name if name == media => 3,
            "application/*" => 2,
            "*/*" => 1,
            _ => continue,
        };
        let q = parts.find_map(|p| p.strip_prefix("q=")).and_then(|q| q.trim().parse().ok()).unwrap_or(1.0);
        if weight > best.0 {
            best = (weight, q);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn the_answer_is_scim_unless_only_json_is_taken() {
        let of = |accept: &str| answer_type(&headers(header::ACCEPT, accept)).map_err(|p| p.error.status);
        assert_eq!(answer_type(&HeaderMap::new()).ok(), Some(SCIM));
        for accept in ["*/*", "application/*", "application/scim+json; charset=utf-8", "text/html, */*;q=0.1"]
        {
            assert_eq!(of(accept), Ok(SCIM), "{accept}");
        }
        assert_eq!(of("application/json"), Ok(JSON));
        assert_eq!(of("application/json, application/scim+json;q=0.5"), Ok(JSON));
        assert_eq!(of("application/json, application/scim+json"), Ok(SCIM));
        assert_eq!(of("*/*, application/scim+json;q=0"), Ok(JSON));
        assert_eq!(of("text/html"), Err(406));
    }

    #[test]
    fn json_in_utf8_is_taken_and_nothing_else() {
        let of = |t: &str| check_content_type(&headers(header::CONTENT_TYPE, t)).is_ok();
        for good in
            ["application/json", "Application/SCIM+JSON; charset=UTF-8", "application/json;charset=\"utf-8\""]
        {
            assert!(of(good), "{good}");
        }
        for bad in ["text/xml", "application/json; charset=latin1", "application/x-www-form-urlencoded"] {
            assert!(!of(bad), "{bad}");
        }
        assert!(check_content_type(&HeaderMap::new()).is_ok());
    }
}
