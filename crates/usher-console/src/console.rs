//! The routes together, and how each has its work done.

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::Request,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use usher_admin::{Admin, AdminError, Outcome, Request as Asked, SignedIn};
use usher_service::{Callers, Settings};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{document, people, problem::Problem, sign_in, unit};

/// The API over the use cases. Cheap to clone.
#[derive(Clone)]
pub struct Console(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) admin: Admin,
    pub(crate) callers: Callers,
}

impl Console {
    /// With the limits for tokens and addresses of these settings.
    pub fn new(admin: Admin, settings: Settings) -> Self {
        Self(Arc::new(Inner { admin, callers: Callers::new(settings) }))
    }

    /// Has a use case done by a thread that may block; the answer's JSON is that of `--json`.
    pub(crate) async fn done(&self, caller: SignedIn, request: Asked) -> Result<Response, Problem> {
        let outcome = self.blocking(move |admin| admin.handle(&caller.actor, request)).await?;
        match outcome {
            Outcome::Done(answer) => {
                answer.to_json().and_then(|shape| json(&shape)).map_err(|error| Problem::internal(&error))
            }
            Outcome::Work(_) => Err(Problem::internal(&"long work has no route")),
        }
    }

    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Admin) -> Result<T, AdminError> + Send + 'static,
    ) -> Result<T, Problem> {
        let admin = self.0.admin.clone();
        let ended = tokio::task::spawn_blocking(move || work(&admin)).await;
        Ok(ended.map_err(|error| Problem::internal(&error))??)
    }
}

/// The routes below `/api`.
pub fn router(console: Console) -> Router {
    let (routes, document) = OpenApiRouter::with_openapi(document::head())
        .routes(routes!(people::list))
        .routes(routes!(people::show))
        .routes(routes!(unit::organizations))
        .routes(routes!(unit::organization))
        .routes(routes!(unit::sites))
        .routes(routes!(unit::site))
        .split_for_parts();
    let signed = middleware::from_fn_with_state(console.clone(), sign_in::layer);
    let document = Bytes::from(serde_json::to_vec(&document).unwrap_or_default());
    let described = get(move || async move { ([(header::CONTENT_TYPE, "application/json")], document) });
    routes
        .route_layer(signed)
        .route("/api/v1/openapi.json", described)
        .route("/api", any(nothing))
        .route("/api/{*rest}", any(nothing))
        .method_not_allowed_fallback(not_so)
        .layer(middleware::from_fn_with_state(console.clone(), every))
        .with_state(console)
}

/// For every answer: a request id to ask the operator with, and nothing of it in a cache.
async fn every(
    axum::extract::State(console): axum::extract::State<Console>,
    request: Request,
    next: Next,
) -> Response {
    let id = console.0.admin.id().to_string();
    let span = tracing::info_span!("api", request = %id);
    let mut response = tracing::Instrument::instrument(next.run(request), span).await;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    response
}

fn json(shape: &impl serde::Serialize) -> Result<Response, serde_json::Error> {
    let bytes = serde_json::to_vec(shape)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], bytes).into_response())
}

async fn nothing() -> Problem {
    let detail = "nothing is here; /api/v1/openapi.json describes the API";
    Problem::new(StatusCode::NOT_FOUND, "route_not_found", detail)
}

async fn not_so(method: http::Method) -> Problem {
    let detail = format!("{method} is not possible here; /api/v1/openapi.json describes the API");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}
