//! What stands in a path or behind the question mark, with refusals in the API's words.
#![allow(unused_qualifications, reason = "what the macro of utoipa writes")]

use axum::extract::{FromRequestParts, Path, Query};
use http::{StatusCode, request::Parts};
use serde::{Deserialize, de::DeserializeOwned};
use utoipa::IntoParams;

use crate::problem::Problem;

/// The most items of a page.
pub(crate) const PAGE: usize = 1000;

/// The query of a URL; a parameter that is not known is refused, and the refusal names those that are.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match Query::<T>::try_from_uri(&parts.uri) {
            Ok(Query(read)) => Ok(Self(read)),
            Err(refused) => {
                Err(Problem::new(StatusCode::BAD_REQUEST, "invalid_parameter", refused.body_text()))
            }
        }
    }
}

/// The variable parts of a path.
pub(crate) struct Place<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Place<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(read)) => Ok(Self(read)),
            Err(refused) => Err(Problem::new(StatusCode::BAD_REQUEST, "invalid_path", refused.body_text())),
        }
    }
}

/// Where a list is.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct InEnvironment {
    /// The account's name
    pub(crate) account: String,
    /// `production` or `qa`
    pub(crate) environment: String,
}

/// How many items a page may have.
pub(crate) fn limit(asked: Option<usize>) -> Result<Option<usize>, Problem> {
    match asked {
        Some(limit) if !(1..=PAGE).contains(&limit) => {
            let detail = format!("limit is 1 to {PAGE}, not {limit}");
            Err(Problem::new(StatusCode::BAD_REQUEST, "invalid_parameter", detail))
        }
        asked => Ok(asked),
    }
}
