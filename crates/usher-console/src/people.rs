//! People: what an app reads when somebody signs in, and what its lists show.
#![allow(unused_qualifications, reason = "what the macro of utoipa writes")]

use axum::{Extension, extract::State, response::Response};
use serde::Deserialize;
use usher_admin::{
    Request, SignedIn,
    request::{People, PeopleFilter},
};
use usher_api::{List, Problem as ProblemShape, people::Person};
use utoipa::IntoParams;

use crate::{
    console::Console,
    params::{InEnvironment, Params, Place, limit},
    problem::Problem,
};

/// Conditions, all of which hold, and the page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// Primary e-mail address, whole, ignoring case: one person at most. A plus sign is sent as %2B.
    email: Option<String>,
    /// Organization, by id or name.
    organization: Option<String>,
    /// Site, by id or name.
    site: Option<String>,
    /// Manager, by id or primary e-mail address.
    manager: Option<String>,
    /// Whether the person is disabled.
    disabled: Option<bool>,
    /// The `next` of the page before.
    after: Option<String>,
    /// How many items at most: 1 to 1000, 100 if not said.
    limit: Option<usize>,
}

/// People in the order of their creation.
#[utoipa::path(
    get,
    path = "/api/v1/accounts/{account}/{environment}/people",
    operation_id = "listPeople",
    tag = "people",
    params(InEnvironment, ListParams),
    responses(
        (status = 200, description = "A page of them", body = List<Person>),
        (status = "default", description = "A refusal", body = ProblemShape, content_type = "application/problem+json")
    ),
    security(("api_token" = []))
)]
pub(crate) async fn list(
    State(console): State<Console>,
    Extension(caller): Extension<SignedIn>,
    Place(InEnvironment { account, environment }): Place<InEnvironment>,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    let ListParams { email, organization, site, manager, disabled, after, limit: asked } = params;
    let filter = PeopleFilter { email, organization, site, manager, disabled };
    let request =
        People::List { account, environment, ungoverned: false, filter, after, limit: limit(asked)? };
    console.done(caller, Request::People(request)).await
}

/// One person.
#[utoipa::path(
    get,
    path = "/api/v1/accounts/{account}/{environment}/people/{person}",
    operation_id = "readPerson",
    tag = "people",
    params(InEnvironment, ("person" = String, Path, description = "An id, or a primary e-mail address")),
    responses(
        (status = 200, description = "The person", body = Person),
        (status = "default", description = "A refusal", body = ProblemShape, content_type = "application/problem+json")
    ),
    security(("api_token" = []))
)]
pub(crate) async fn show(
    State(console): State<Console>,
    Extension(caller): Extension<SignedIn>,
    Place((account, environment, person)): Place<(String, String, String)>,
) -> Result<Response, Problem> {
    console.done(caller, Request::People(People::Show { account, environment, person })).await
}
