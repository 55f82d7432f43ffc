//! The crate scim-server behind axum, in memory: it has no HTTP of its own. What is measured of it here is what it does
//! behind each request; it has no parser of filters, so `userName eq` alone is read, by its `find_resource_by_attribute`.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use scim_server::{
    ScimServer,
    multi_tenant::ScimOperation,
    providers::StandardResourceProvider,
    resource::{RequestContext, Resource},
    resource_handlers::{create_group_resource_handler, create_user_resource_handler},
    storage::InMemoryStorage,
};
use serde_json::{Value, json};

type Server = Arc<ScimServer<StandardResourceProvider<InMemoryStorage>>>;

#[tokio::main]
async fn main() {
    let listen = std::env::args().nth(1).expect("an address");
    let mut server = ScimServer::new(StandardResourceProvider::new(InMemoryStorage::new())).expect("a server");
    let all = || {
        use ScimOperation::{Create, Delete, List, Read, Search, Update};
        vec![Create, Read, Update, Delete, List, Search]
    };
    let schema = |server: &ScimServer<_>, name: &str| {
        server.get_schema_by_id(&format!("urn:ietf:params:scim:schemas:core:2.0:{name}")).expect("a schema").clone()
    };
    let (user, group) = (schema(&server, "User"), schema(&server, "Group"));
    server.register_resource_type("User", create_user_resource_handler(user), all()).expect("users");
    server.register_resource_type("Group", create_group_resource_handler(group), all()).expect("groups");
    let routes = Router::new()
        .route("/scim/v2/{kind}", post(create).get(list))
        .route("/scim/v2/{kind}/{id}", get(read).patch(patch))
        .layer(middleware::from_fn(async |headers: HeaderMap, request, next: middleware::Next| {
            match headers.get("authorization") {
                Some(value) if value == "Bearer a-token" => next.run(request).await,
                _ => StatusCode::UNAUTHORIZED.into_response(),
            }
        }))
        .with_state(Arc::new(server));
    let listener = tokio::net::TcpListener::bind(listen).await.expect("an address that is free");
    axum::serve(listener, routes).await.expect("serving");
}

fn kind(path: &str) -> &'static str {
    if path == "Groups" { "Group" } else { "User" }
}

fn shown(status: StatusCode, resource: Resource) -> Response {
    let json = resource.to_json().unwrap_or_default();
    (status, [("content-type", "application/scim+json")], json.to_string()).into_response()
}

fn failed(error: impl std::fmt::Display) -> Response {
    (StatusCode::BAD_REQUEST, error.to_string()).into_response()
}

async fn create(State(server): State<Server>, Path(path): Path<String>, Json(body): Json<Value>) -> Response {
    match server.create_resource(kind(&path), body, &RequestContext::with_generated_id()).await {
        Ok(made) => shown(StatusCode::CREATED, made),
        Err(error) => failed(error),
    }
}

async fn read(State(server): State<Server>, Path((path, id)): Path<(String, String)>) -> Response {
    match server.get_resource(kind(&path), &id, &RequestContext::with_generated_id()).await {
        Ok(Some(found)) => shown(StatusCode::OK, found),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => failed(error),
    }
}

async fn patch(
    State(server): State<Server>,
    Path((path, id)): Path<(String, String)>,
    Json(body): Json<Value>,
) -> Response {
    match server.patch_resource(kind(&path), &id, &body, &RequestContext::with_generated_id()).await {
        Ok(changed) => shown(StatusCode::OK, changed),
        Err(error) => failed(error),
    }
}

async fn list(
    State(server): State<Server>,
    Path(path): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    let filter = query.iter().find(|(key, _)| key == "filter").map(|(_, value)| value.as_str()).unwrap_or_default();
    let Some(name) = filter.strip_prefix("userName eq \"").and_then(|rest| rest.strip_suffix('"')) else {
        return failed("only userName eq");
    };
    let context = RequestContext::with_generated_id();
    match server.find_resource_by_attribute(kind(&path), "userName", &name.into(), &context).await {
        Ok(found) => {
            let all: Vec<Value> = found.into_iter().filter_map(|one| one.to_json().ok()).collect();
            let page = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": all.len(), "Resources": all});
            ([("content-type", "application/scim+json")], page.to_string()).into_response()
        }
        Err(error) => failed(error),
    }
}
