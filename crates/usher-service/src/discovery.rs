//! `/ServiceProviderConfig`, `/ResourceTypes`, `/Schemas` (RFC 7643 §5…§7, RFC 7644 §4): what is announced is what is
//! enforced, by the profile of the token's account.

use axum::response::Response;
use http::header;
use serde_json::{Value, json};
use usher_scim::{Object, ResourceType, Schema, message};

use crate::{problem::Problem, read::set, request::Context};

/// `/ServiceProviderConfig`
pub(crate) fn config(cx: &Context) -> Result<Response, Problem> {
    unfiltered(cx)?;
    let profile = cx.caller.config.profile;
    let mut schemes = vec![json!({
        "type": "oauthbearertoken",
        "name": "OAuth bearer token",
        "description": "The account's secret token as Authorization: Bearer",
        "specUri": "https://www.rfc-editor.org/info/rfc6750",
        "primary": true,
    })];
    if profile.basic_authentication {
        schemes.push(json!({
            "type": "httpbasic",
            "name": "HTTP Basic",
            "description": "Any user name, with the account's secret token as password",
            "specUri": "https://www.rfc-editor.org/info/rfc7617",
            "primary": false,
        }));
    }
    let settings = cx.settings();
    let (operations, bytes) =
        if profile.bulk { (settings.bulk_operations, settings.bulk_bytes) } else { (0, 0) };
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": {"supported": true},
        "bulk": {"supported": profile.bulk, "maxOperations": operations, "maxPayloadSize": bytes},
        "filter": {"supported": true, "maxResults": profile.page_most},
        "changePassword": {"supported": false},
        "sort": {"supported": profile.sort},
        "etag": {"supported": profile.etag},
        "pagination": {
            "cursor": true,
            "index": true,
            "defaultPaginationMethod": "index",
            "defaultPageSize": profile.page_default,
            "maxPageSize": profile.page_most,
            "cursorTimeout": settings.cursor.as_secs(),
        },
        "authenticationSchemes": schemes,
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{}/ServiceProviderConfig", cx.base),
        },
    });
    Ok(respond(cx, &body))
}

/// `/ResourceTypes`
pub(crate) fn types(cx: &Context) -> Result<Response, Problem> {
    unfiltered(cx)?;
    let all = resource_types(cx).into_iter().map(|of| resource_type(cx, of)).collect();
    Ok(list(cx, all))
}

/// `/ResourceTypes/User`
pub(crate) fn one_type(cx: &Context, name: &str) -> Result<Response, Problem> {
    let found = resource_types(cx).into_iter().find(|of| of.name == name);
    let of = found.ok_or_else(|| {
        Problem::status(404, format!("there is no resource type {name}; there are User and Group"))
    })?;
    Ok(respond(cx, &resource_type(cx, of)))
}

/// `/Schemas`
pub(crate) fn schemas(cx: &Context) -> Result<Response, Problem> {
    unfiltered(cx)?;
    let all = all_schemas(cx).into_iter().map(|schema| one_schema(cx, schema)).collect();
    Ok(list(cx, all))
}

/// `/Schemas/{urn}`; a URN's case does not matter.
pub(crate) fn schema(cx: &Context, urn: &str) -> Result<Response, Problem> {
    let found = all_schemas(cx).into_iter().find(|schema| schema.id.eq_ignore_ascii_case(urn));
    let schema =
        found.ok_or_else(|| Problem::status(404, format!("there is no schema {urn}; /Schemas lists all")))?;
    Ok(respond(cx, &one_schema(cx, schema)))
}

/// RFC 7644 §4: a filter on discovery is refused, so that nobody takes the answer for filtered.
fn unfiltered(cx: &Context) -> Result<(), Problem> {
    match cx.query.get("filter") {
        None => Ok(()),
        Some(_) => Err(Problem::status(403, "this endpoint takes no filter; read it whole")),
    }
}

fn resource_types(cx: &Context) -> Vec<&ResourceType> {
    vec![&cx.caller.config.user, &cx.caller.config.group]
}

fn all_schemas(cx: &Context) -> Vec<&Schema> {
    let mut all: Vec<&Schema> = Vec::new();
    for of in resource_types(cx) {
        for schema in std::iter::once(&of.schema).chain(of.extensions.iter().map(|(schema, _)| schema)) {
            if !all.iter().any(|known| known.id == schema.id) {
                all.push(schema);
            }
        }
    }
    all
}

fn resource_type(cx: &Context, of: &ResourceType) -> Value {
    located(of.to_json(), "ResourceType", format!("{}/ResourceTypes/{}", cx.base, of.name))
}

fn one_schema(cx: &Context, schema: &Schema) -> Value {
    located(schema.to_json(), "Schema", format!("{}/Schemas/{}", cx.base, schema.id))
}

fn located(mut resource: Object, kind: &str, location: String) -> Value {
    resource.insert("meta".into(), json!({"resourceType": kind, "location": location}));
    Value::Object(resource)
}

fn list(cx: &Context, all: Vec<Value>) -> Response {
    let body = json!({
        "schemas": [message::LIST],
        "totalResults": all.len(),
        "startIndex": 1,
        "itemsPerPage": all.len(),
        "Resources": all,
    });
    respond(cx, &body)
}

fn respond(cx: &Context, body: &Value) -> Response {
    let mut response = Response::new(body.to_string().into());
    set(&mut response, header::CONTENT_TYPE, cx.media);
    response
}
