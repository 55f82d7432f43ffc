//! Organizations and sites: the same two routes for each.
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
    params::{InEnvironment, Params, Place, limit},
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

/// The list of a kind, and one of it. Each word stands as it is to be read: in the path, in the document, in the code.
macro_rules! of_a_kind {
    ($kind:tt $tag:tt
     $list:ident $list_id:tt $list_path:tt $list_about:tt
     $show:ident $show_id:tt $show_path:tt $show_about:tt $found:tt) => {
        #[doc = $list_about]
        #[utoipa::path(
            get,
            path = $list_path,
            operation_id = $list_id,
            tag = $tag,
            params(InEnvironment, ListParams),
            responses(
                (status = 200, description = "A page of them", body = List<UnitShape>),
                (status = "default", description = "A refusal", body = ProblemShape, content_type = "application/problem+json")
            ),
            security(("api_token" = []))
        )]
        pub(crate) async fn $list(
            State(console): State<Console>,
            Extension(caller): Extension<SignedIn>,
            Place(InEnvironment { account, environment }): Place<InEnvironment>,
            Params(params): Params<ListParams>,
        ) -> Result<Response, Problem> {
            let ListParams { name, disabled, after, limit: asked } = params;
            let act = UnitAct::List { name, disabled, after, limit: limit(asked)? };
            let request = Unit { kind: $kind.into(), account, environment, act };
            console.done(caller, Request::Unit(request)).await
        }

        #[doc = $show_about]
        #[utoipa::path(
            get,
            path = $show_path,
            operation_id = $show_id,
            tag = $tag,
            params(InEnvironment, ($kind = String, Path, description = "An id, or a name")),
            responses(
                (status = 200, description = $found, body = UnitShape),
                (status = "default", description = "A refusal", body = ProblemShape, content_type = "application/problem+json")
            ),
            security(("api_token" = []))
        )]
        pub(crate) async fn $show(
            State(console): State<Console>,
            Extension(caller): Extension<SignedIn>,
            Place((account, environment, name)): Place<(String, String, String)>,
        ) -> Result<Response, Problem> {
            let request = Unit { kind: $kind.into(), account, environment, act: UnitAct::Show { name } };
            console.done(caller, Request::Unit(request)).await
        }
    };
}

of_a_kind! {
    "organization" "organizations"
    organizations "listOrganizations" "/api/v1/accounts/{account}/{environment}/organizations"
    "Organizations in the order of their creation."
    organization "readOrganization" "/api/v1/accounts/{account}/{environment}/organizations/{organization}"
    "One organization." "The organization"
}

of_a_kind! {
    "site" "sites"
    sites "listSites" "/api/v1/accounts/{account}/{environment}/sites"
    "Sites in the order of their creation."
    site "readSite" "/api/v1/accounts/{account}/{environment}/sites/{site}"
    "One site." "The site"
}
