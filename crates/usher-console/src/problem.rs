//! Refusals as RFC 9457 has them: `application/problem+json`.

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use usher_admin::{AdminError, BAD_TOKEN, rights::FORBIDDEN};

/// A request that is refused.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: String,
    detail: String,
    hint: Option<String>,
    headers: Vec<(HeaderName, String)>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self { status, code: code.into(), detail: detail.into(), hint: None, headers: Vec::new() }
    }

    /// A header beside it.
    pub(crate) fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Whether the token is at fault.
    pub(crate) fn is_unauthorized(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
    }

    /// 500: the cause goes to the log, the caller gets the request's id to ask with.
    pub(crate) fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed inside");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the server failed inside; nothing is wrong with the request. Give the operator the X-Request-Id of this answer",
        )
    }

    /// 401 with the challenge of RFC 6750 §3; without an `error` where no token came.
    pub(crate) fn challenge(detail: impl Into<String>, error: Option<&str>) -> Self {
        let value = match error {
            Some(error) => format!("Bearer realm=\"api\", error=\"{error}\""),
            None => "Bearer realm=\"api\"".to_owned(),
        };
        Self::new(StatusCode::UNAUTHORIZED, BAD_TOKEN, detail).with(header::WWW_AUTHENTICATE, value)
    }
}

/// Which status a code of the use cases is, and after how many seconds it may be tried again.
fn status(code: &str) -> (StatusCode, Option<u64>) {
    match code {
        FORBIDDEN => (StatusCode::FORBIDDEN, None),
        BAD_TOKEN => (StatusCode::UNAUTHORIZED, None),
        "taken" | "conflict" | "changed_meanwhile" => (StatusCode::CONFLICT, None),
        "busy" | "unknown_outcome" => (StatusCode::SERVICE_UNAVAILABLE, Some(1)),
        "too_slow" | "unavailable" => (StatusCode::SERVICE_UNAVAILABLE, Some(5)),
        "disk_full" => (StatusCode::SERVICE_UNAVAILABLE, Some(60)),
        "internal" => (StatusCode::INTERNAL_SERVER_ERROR, None),
        code if code.ends_with("_not_found") => (StatusCode::NOT_FOUND, None),
        code if code.starts_with("invalid_") => (StatusCode::BAD_REQUEST, None),
        _ => (StatusCode::UNPROCESSABLE_ENTITY, None),
    }
}

impl From<AdminError> for Problem {
    fn from(error: AdminError) -> Self {
        let AdminError(body) = error;
        let (status, retry) = status(&body.code);
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            return Self::internal(&body.message);
        }
        let mut problem = match status {
            StatusCode::UNAUTHORIZED => Self::challenge(body.message, Some(BAD_TOKEN)),
            status => Self::new(status, &body.code, body.message),
        };
        problem.hint = body.hint;
        match retry {
            Some(seconds) => problem.with(header::RETRY_AFTER, seconds.to_string()),
            None => problem,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = usher_api::Problem {
            status: self.status.as_u16(),
            title: self.status.canonical_reason().unwrap_or_default().into(),
            detail: self.detail,
            code: self.code,
            hint: self.hint,
        };
        let mut response = Response::new(serde_json::to_vec(&body).unwrap_or_default().into());
        *response.status_mut() = self.status;
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_statuses_and_what_failed_inside_is_not_told() {
        let answer = |code: &str| Problem::from(AdminError::new(code, "select secret")).into_response();
        for (code, expected) in [
            ("person_not_found", 404),
            ("invalid_cursor", 400),
            (FORBIDDEN, 403),
            (BAD_TOKEN, 401),
            ("taken", 409),
            ("refused", 422),
            ("internal", 500),
        ] {
            assert_eq!(answer(code).status(), expected, "{code}");
        }
        let busy = answer("busy");
        assert_eq!(
            (busy.status().as_u16(), &busy.headers()["retry-after"]),
            (503, &HeaderValue::from_static("1"))
        );
        assert!(answer(BAD_TOKEN).headers()["www-authenticate"].to_str().unwrap().contains(BAD_TOKEN));
        assert!(!Problem::from(AdminError::new("internal", "select secret")).detail.contains("secret"));
    }
}
