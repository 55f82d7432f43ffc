//! What came back, sorted: bodies that are missing, no JSON or HTML, ids as numbers, errors of many spellings.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, header};
use serde_json::Value;
use usher_scim::Object;

use crate::ClientError;

/// The most of an app's own words that goes into an error.
const DETAIL_CHARACTERS: usize = 500;

/// An answer, read as far as it can be.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
}

/// A body.
#[derive(Debug)]
pub(crate) enum Body {
    Empty,
    Json(Value),
    Html,
    /// Neither: its beginning.
    Other(String),
}

impl Answer {
    /// Reads the body.
    pub(crate) fn read(response: http::Response<Bytes>) -> Self {
        let (parts, bytes) = response.into_parts();
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes).trim_ascii();
        let html = header_text(&parts.headers, header::CONTENT_TYPE.as_str())
            .is_some_and(|t| t.trim_start().to_ascii_lowercase().starts_with("text/html"));
        let body = match serde_json::from_slice(text) {
            _ if text.is_empty() => Body::Empty,
            Ok(json) => Body::Json(json),
            Err(_) if html || text.starts_with(b"<") => Body::Html,
            Err(_) => Body::Other(cut(&String::from_utf8_lossy(text), 80)),
        };
        Self { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// HTML or text where SCIM is to be.
    pub(crate) fn is_strange(&self) -> bool {
        matches!(self.body, Body::Html | Body::Other(_))
    }

    /// 2xx.
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The failure this answer means, if it means one. `resource`: it was about one resource, so that 404 says it's gone.
    pub(crate) fn failure(&self, resource: bool) -> Option<ClientError> {
        if self.is_success() {
            return None;
        }
        let detail = self.detail();
        let scim_type = self.member("scimType");
        Some(match self.status {
            401 | 403 => ClientError::Credentials { status: self.status, detail },
            404 | 410 if resource => ClientError::Gone,
            429 => ClientError::Wait { retry_after: self.retry_after() },
            503 if self.headers.contains_key(header::RETRY_AFTER) => {
                ClientError::Wait { retry_after: self.retry_after() }
            }
            409 => ClientError::Conflict { detail },
            // RFC 7644 table 9 lists `uniqueness` under 400, and some apps send it so.
            400 if scim_type.as_deref() == Some("uniqueness") => ClientError::Conflict { detail },
            status => ClientError::Refused { status, scim_type, detail },
        })
    }

    /// The app's own words, or what stands in their place.
    pub(crate) fn detail(&self) -> String {
        if let Some(to) = header_text(&self.headers, header::LOCATION.as_str())
            && (300..400).contains(&self.status)
        {
            let to = to.split(['?', '#']).next().unwrap_or_default();
            return format!(
                "it redirects to {}; if that is the app, enter that address as tenant URL",
                cut(to, 200)
            );
        }
        let said = match &self.body {
            Body::Json(_) => ["detail", "message", "error_description", "error", "title", "errorMessage"]
                .iter()
                .find_map(|name| self.member(name)),
            Body::Other(text) => Some(text.clone()),
            Body::Html => Some("an HTML page instead of a SCIM error".to_owned()),
            Body::Empty => None,
        };
        said.map_or_else(|| "no explanation".to_owned(), |text| cut(&text, DETAIL_CHARACTERS))
    }

    /// Retry-After in seconds or as a date (RFC 9110 §10.2.3); a date counts from the answer's own `Date`, so that the two
    /// clocks need not agree.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let text = header_text(&self.headers, header::RETRY_AFTER.as_str())?.trim();
        if let Ok(seconds) = text.parse::<u64>() {
            return Some(Duration::from_secs(seconds));
        }
        let until = http_date(text)?;
        let now = header_text(&self.headers, header::DATE.as_str()).and_then(http_date);
        let now = now.unwrap_or_else(jiff::Timestamp::now);
        Some(Duration::try_from(until.duration_since(now)).unwrap_or_default())
    }

    /// What came instead of SCIM, and what to do about it.
    pub(crate) fn not_scim(&self, expected: &str) -> ClientError {
        let came = match &self.body {
            Body::Empty => "an empty body".to_owned(),
            Body::Html => {
                "an HTML page (a sign-in or error page); check that the tenant URL is the app's SCIM address"
                    .to_owned()
            }
            Body::Json(Value::Object(o)) => {
                let names: Vec<&str> = o.keys().take(8).map(String::as_str).collect();
                format!(
                    "a JSON object with {}",
                    if names.is_empty() { "nothing in it".into() } else { names.join(", ") }
                )
            }
            Body::Json(_) => "JSON that is no object".to_owned(),
            Body::Other(text) => format!("no JSON, it begins with \"{text}\""),
        };
        ClientError::NotScim(format!("expected {expected}, got {} with {came}", self.status))
    }

    /// The resource in it, its `id` as text.
    pub(crate) fn resource(self) -> Result<Object, ClientError> {
        let wrong = self.not_scim("a resource with an id");
        match self.body {
            Body::Json(json) => with_text_id(json).ok_or(wrong),
            _ => Err(wrong),
        }
    }

    /// `totalResults` and the resources of a ListResponse.
    pub(crate) fn list(self) -> Result<(u64, Vec<Object>), ClientError> {
        let wrong = self.not_scim("a ListResponse");
        let Body::Json(Value::Object(mut list)) = self.body else { return Err(wrong) };
        let total = list.get("totalResults").and_then(number);
        let resources = match (total, list.remove("Resources")) {
            (Some(total), None | Some(Value::Null))
                if total == 0 || list.get("itemsPerPage") == Some(&0.into()) =>
            {
                Vec::new()
            }
            (_, Some(Value::Array(resources))) => resources,
            _ => return Err(wrong),
        };
        let whole: Option<Vec<Object>> = resources.into_iter().map(with_text_id).collect();
        let whole =
            whole.ok_or_else(|| ClientError::NotScim("the list has an entry without an id".into()))?;
        let total = total.unwrap_or(whole.len() as u64).max(whole.len() as u64);
        Ok((total, whole))
    }

    fn member(&self, name: &str) -> Option<String> {
        let Body::Json(Value::Object(object)) = &self.body else { return None };
        object.get(name)?.as_str().map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned)
    }
}

/// A resource with its `id` as text; `None` when it has none.
fn with_text_id(json: Value) -> Option<Object> {
    let Value::Object(mut resource) = json else { return None };
    let id = match resource.get("id")? {
        Value::String(id) if !id.trim().is_empty() => return Some(resource),
        Value::Number(id) => id.to_string(),
        _ => return None,
    };
    resource.insert("id".into(), Value::String(id));
    Some(resource)
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(n) => n.as_u64().or_else(|| n.as_f64().filter(|f| *f >= 0.0).map(|f| f as u64)),
        Value::String(s) => s.trim().parse().ok(),
        _ => None,
    }
}

pub(crate) fn header_text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|v| v.to_str().ok())
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7; the two obsolete forms are not read).
fn http_date(text: &str) -> Option<jiff::Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true).parse_timestamp(text).ok()
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut response = http::Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        Answer::read(response.body(Bytes::copy_from_slice(body.as_bytes())).unwrap())
    }

    #[test]
    fn retry_after_in_seconds_or_as_a_date_by_the_apps_own_clock() {
        let wait = |a: Answer| match a.failure(false) {
            Some(ClientError::Wait { retry_after }) => retry_after,
            other => panic!("{other:?}"),
        };
        assert_eq!(wait(answer(429, &[("retry-after", "7")], "")), Some(Duration::from_secs(7)));
        let date =
            [("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT"), ("date", "Sun, 06 Nov 1994 08:49:37 GMT")];
        assert_eq!(wait(answer(503, &date, "")), Some(Duration::from_secs(30)));
        assert_eq!(
            wait(answer(429, &[("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT")], "")),
            Some(Duration::ZERO)
        );
        assert_eq!(wait(answer(429, &[("retry-after", "soon")], "")), None);
        assert!(matches!(
            answer(503, &[], "").failure(false),
            Some(ClientError::Refused { status: 503, .. })
        ));
    }

    #[test]
    fn ids_as_numbers_are_taken_and_missing_ones_not() {
        assert_eq!(answer(200, &[], r#"{"id":42}"#).resource().unwrap()["id"], "42");
        assert!(matches!(answer(200, &[], r#"{"id":" "}"#).resource(), Err(ClientError::NotScim(_))));
        let (total, all) = answer(200, &[], r#"{"totalResults":"1","Resources":[{"id":7}]}"#).list().unwrap();
        assert_eq!((total, all[0]["id"].as_str()), (1, Some("7")));
    }

    #[test]
    fn an_empty_object_or_a_page_of_html_is_no_list() {
        for (headers, body) in [
            (&[][..], "{}"),
            (&[("content-type", "text/html; charset=utf-8")][..], "<!doctype html>"),
            (&[][..], "[]"),
            (&[][..], ""),
            (&[][..], r#"{"totalResults":3,"Resources":[{"id":"#),
            (&[][..], r#"{"totalResults":3}"#),
        ] {
            assert!(matches!(answer(200, headers, body).list(), Err(ClientError::NotScim(_))), "{body}");
        }
        assert_eq!(answer(200, &[], r#"{"totalResults":0}"#).list().unwrap(), (0, vec![]));
    }

    #[test]
    fn errors_speak_with_the_apps_words() {
        let told = answer(400, &[], r#"{"scimType":"invalidValue","detail":"no such site"}"#).failure(true);
        assert_eq!(
            told,
            Some(ClientError::Refused {
                status: 400,
                scim_type: Some("invalidValue".into()),
                detail: "no such site".into()
            })
        );
        let taken = answer(400, &[], r#"{"scimType":"uniqueness","detail":"taken"}"#).failure(true);
        assert_eq!(taken, Some(ClientError::Conflict { detail: "taken".into() }));
        let moved = answer(302, &[("location", "https://sso/login?token=x")], "").failure(false).unwrap();
        assert!(moved.to_string().contains("https://sso/login;"), "{moved}");
    }
}
