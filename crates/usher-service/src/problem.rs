//! Refusals: a SCIM error (RFC 7644 §3.12) with the headers that belong to it.

use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode, header};
use usher_directory::{object::PutError, query::QueryError};
use usher_scim::{ScimError, ScimType};
use usher_store::StoreError;

use crate::media;

/// A request that is refused.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) error: ScimError,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// Any status without a scimType.
    pub(crate) fn status(status: u16, detail: impl Into<String>) -> Self {
        ScimError::status(status, detail).into()
    }

    /// 400 with a scimType.
    pub(crate) fn bad(scim_type: ScimType, detail: impl Into<String>) -> Self {
        ScimError::bad(scim_type, detail).into()
    }

    /// A header beside it.
    pub(crate) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// 503, to be sent again.
    pub(crate) fn later(seconds: u64, detail: impl Into<String>) -> Self {
        Self::status(503, detail).with(header::RETRY_AFTER, &seconds.max(1).to_string())
    }

    /// 500: the cause goes to the log, the client gets the request's id to ask with.
    pub(crate) fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed inside");
        Self::status(
            500,
            "the server failed inside; nothing is wrong with the request. Give the operator the X-Request-Id of this answer",
        )
    }

    /// 404 for an id.
    pub(crate) fn no_resource(id: &str) -> Self {
        Self::status(404, format!("there is no resource with the id {id} here; search for it with a filter"))
    }

    /// The answer.
    pub(crate) fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self.error.body()).unwrap_or_default();
        let mut response = Response::new(body.into());
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media::SCIM));
        for (name, value) in self.headers {
            response.headers_mut().append(name, value);
        }
        response
    }
}

impl From<ScimError> for Problem {
    fn from(error: ScimError) -> Self {
        Self { error, headers: Vec::new() }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy { retry_after } => {
                let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
                Self::later(seconds, "the database is busy; send the request again after Retry-After")
            }
            StoreError::TooSlow => {
                Self::later(5, "reading took too long; send the request again after Retry-After")
            }
            StoreError::Full => {
                tracing::error!("the disk is full");
                Self::later(
                    60,
                    "the server's disk is full, nothing was changed; its operator has to make room",
                )
            }
            StoreError::Unavailable(cause) => {
                tracing::error!(%cause, "the database can't be reached");
                Self::later(5, "the database can't be reached; send the request again after Retry-After")
            }
            StoreError::Unknown => Self::later(
                1,
                "the connection to the database broke during the change, which may have been carried out; read the \
                 resource before sending it again",
            ),
            StoreError::Conflict { constraint } => {
                tracing::debug!(constraint, "a change was refused by a constraint");
                Self::status(
                    409,
                    "another request changed the same thing at the same time; send this one again",
                )
            }
            StoreError::Bug(cause) => Self::internal(&cause),
        }
    }
}

impl From<PutError> for Problem {
    fn from(error: PutError) -> Self {
        match error {
            PutError::Stale => {
                Self::later(1, "the resource is being changed by many requests at once; send this one again")
            }
            PutError::Gone => Self::status(404, "the resource was deleted meanwhile"),
            PutError::Taken { attribute, value } => ScimError::taken(&attribute.to_string(), &value).into(),
            PutError::Store(error) => error.into(),
        }
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Scim(error) => error.into(),
            QueryError::Store(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_busy_database_asks_to_wait_in_whole_seconds_and_a_bug_is_not_told() {
        let answer = |error: StoreError| Problem::from(error).into_response();
        let busy = answer(StoreError::Busy { retry_after: Duration::from_millis(1_200) });
        assert_eq!((busy.status().as_u16(), busy.headers()["retry-after"].to_str().unwrap()), (503, "2"));
        for error in
            [StoreError::Full, StoreError::Unknown, StoreError::Unavailable("x".into()), StoreError::TooSlow]
        {
            let answer = answer(error);
            assert!(answer.status() == 503 && answer.headers().contains_key("retry-after"));
        }
        let bug = Problem::from(StoreError::Bug("select secret".into()));
        assert_eq!(bug.error.status, 500);
        assert!(!bug.error.detail.contains("secret"));
    }
}
