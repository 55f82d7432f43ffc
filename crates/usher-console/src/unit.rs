//! Organizations and sites.
#![allow(unused_qualifications, reason = "what the macro of utoipa writes")]

use axum::{Extension, extract::State, response::Response};
use serde::Deserialize;
use usher_admin::{
    Request, SignedIn,
    request::{Unit, UnitAct},
};
use usher_api::{List, Problem as ProblemShape, people::Unit as UnitShape};
use utoipa::IntoParams;

use crate::{
    console::Console,
    params::{Params, Place, limit},
    problem::Problem,
};

/// Conditions, all of which hold, and the page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// The name, whole, ignoring case: one at most.
    name: Option<String>,
    /// Whether it is disabled.
    disabled: Option<bool>,
    /// The `next` of the page before.
    after: Option<String>,
    /// How many items at most: 1 to 1000, 100 if not said.
    limit: Option<usize>,
}

async fn list(
    console: Console,
    caller: SignedIn,
    kind: &str,
    (account, environment): (String, String),
    params: ListParams,
) -> Result<Response, Problem> {
    let ListParams { name, disabled, after, limit: asked } = params;
    let act = UnitAct::List { name, disabled, after, limit: limit(asked)? };
    console.done(caller, Request::Unit(Unit { kind: kind.into(), account, environment, act })).await
}

async fn show(
    console: Console,
    caller: SignedIn,
    kind: &str,
    (account, environment, name): (String, String, String),
) -> Result<Response, Problem> {
    let act = UnitAct::Show { name };
    console.done(caller, Request::Unit(Unit { kind: kind.into(), account, environment, act })).await
}

/// Organizations in the order of their creation.
#[utoipa::path(
    get,
    path = "/api/v1/accounts/{account}/{environment}/organizations",
    operation_id = "listOrganizations",
    tag = "organizations",
    params(
        ("account" = String, Path, description = "The account's name"),
        ("environment" = String, Path, description = "`production` or `qa`"),
        ListParams
    ),
    responses(
        (status = 200, description = "A page of them", body = List<UnitShape>),
        (status = "default", description = "A refusal", body = ProblemShape, content_type = "application/problem+json")
    ),
    security(("api_token" = []))
)]
pub(crate) async fn organizations(
    State(console): State<Console>,
    Extension(caller): Extension<SignedIn>,
    Place(place): Place<(String, String)>,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    list(console, caller, "organization", place, params).await
}

/// One organization.
#[utoipa::path(
    get,
    path = "/api/v1/accounts/{account}/{environment}/organizations/{organization}",
    operation_id = "readOrganization",
    tag = "organizations",
    params(
        ("account" = String, Path, description = "The account's name"),
        ("environment" = String, Path, description = "`production` or `qa`"),
        ("organization" = String, Path, description = "An id, or a name")
    ),
    responses(
        (status = 200, description = "The organization", body = UnitShape),
        (status = "default", description = "A refusal", body = ProblemShape, content_type = "application/problem+json")
    ),
    security(("api_token" = []))
)]
pub(crate) async fn organization(
    State(console): State<Console>,
    Extension(caller): Extension<SignedIn>,
    Place(place): Place<(String, String, String)>,
) -> Result<Response, Problem> {
    show(console, caller, "organization", place).await
}

/// Sites in the order of their creation.
#[utoipa::path(
    get,
    path = "/api/v1/accounts/{account}/{environment}/sites",
    operation_id = "listSites",
    tag = "sites",
    params(
        ("account" = String, Path, description = "The account's name"),
        ("environment" = String, Path, description = "`production` or `qa`"),
        ListParams
    ),
    responses(
        (status = 200, description = "A page of them", body = List<UnitShape>),
        (status = "default", description = "A refusal", body = ProblemShape, content_type = "application/problem+json")
    ),
    security(("api_token" = []))
)]
pub(crate) async fn sites(
    State(console): State<Console>,
    Extension(caller): Extension<SignedIn>,
    Place(place): Place<(String, String)>,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    list(console, caller, "site", place, params).await
}

/// One site.
#[utoipa::path(
    get,
    path = "/api/v1/accounts/{account}/{environment}/sites/{site}",
    operation_id = "readSite",
    tag = "sites",
    params(
        ("account" = String, Path, description = "The account's name"),
        ("environment" = String, Path, description = "`production` or `qa`"),
        ("site" = String, Path, description = "An id, or a name")
    ),
    responses(
        (status = 200, description = "The site", body = UnitShape),
        (status = "default", description = "A refusal", body = ProblemShape, content_type = "application/problem+json")
    ),
    security(("api_token" = []))
)]
pub(crate) async fn site(
    State(console): State<Console>,
    Extension(caller): Extension<SignedIn>,
    Place(place): Place<(String, String, String)>,
) -> Result<Response, Problem> {
    show(console, caller, "site", place).await
}
