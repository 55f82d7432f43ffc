//! `/Bulk` (RFC 7644 §3.7): each operation a transaction of its own, as if it had come alone.
//!
//! Operations go in the order of the request, but that what names a later POST's bulkId waits for it. Where several name each
//! other, one is made without the reference, which is added as soon as the other is there.

mod operation;
mod order;
mod reference;
mod run;

use axum::response::Response;
use http::header;
use serde_json::{Value, json};
use usher_scim::{Object, ScimType, message};

use self::{operation::Operation, run::Run};
use crate::{problem::Problem, read::set, request::Context};

/// Carries a bulk request out and says what became of each operation.
pub(crate) async fn carry_out(cx: &Context, body: Object) -> Result<Response, Problem> {
    let (operations, fail_on) = read(cx, body)?;
    // The request itself was counted at the door. Its other operations are never refused for the rate, as a job could be larger
    // than any burst; they are owed, and whoever owes waits longer before the next request.
    cx.service.0.rate.owe(cx.caller.token, operations.len().saturating_sub(1), cx.now);
    let steps = order::steps(&operations);
    let done = Run::new(cx, operations, fail_on).go(steps).await;
    let answer = json!({"schemas": [message::BULK_RESPONSE], "Operations": done});
    let mut response = Response::new(answer.to_string().into());
    set(&mut response, header::CONTENT_TYPE, cx.media);
    Ok(response)
}

/// The operations, and after how many failures to stop.
fn read(cx: &Context, body: Object) -> Result<(Vec<Operation>, Option<usize>), Problem> {
    let syntax = |detail: String| Problem::bad(ScimType::InvalidSyntax, detail);
    let (mut urns, mut all, mut fail) = (Value::Null, Value::Null, Value::Null);
    for (key, value) in body {
        match key.to_ascii_lowercase().as_str() {
            "schemas" => urns = value,
            "operations" => all = value,
            "failonerrors" => fail = value,
            _ => {}
        }
    }
    let is_bulk =
        |urn: &Value| urn.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(message::BULK_REQUEST));
    if !urns.as_array().is_some_and(|urns| urns.iter().any(is_bulk)) {
        return Err(syntax(format!("the \"schemas\" of a bulk request must hold {}", message::BULK_REQUEST)));
    }
    let Value::Array(all) = all else {
        return Err(syntax("a bulk request needs \"Operations\", an array of operations".into()));
    };
    if all.is_empty() {
        return Err(syntax("\"Operations\" is empty; send at least one operation".into()));
    }
    let most = cx.settings().bulk_operations;
    if all.len() > most {
        let detail = format!(
            "the request has {} operations, at most {most} are taken (maxOperations); send several, nothing was carried out",
            all.len()
        );
        return Err(Problem::status(413, detail));
    }
    let fail_on = match &fail {
        Value::Null => None,
        Value::Number(number) if number.as_u64().is_some_and(|n| n > 0) => {
            number.as_u64().map(|n| usize::try_from(n).unwrap_or(usize::MAX))
        }
        _ => {
            let detail = "\"failOnErrors\" is a whole number of at least 1";
            return Err(Problem::bad(ScimType::InvalidValue, detail));
        }
    };
    let mut operations = Vec::with_capacity(all.len());
    let mut known = std::collections::HashSet::new();
    for json in all {
        let Value::Object(json) = json else {
            return Err(syntax("each of \"Operations\" must be an object".into()));
        };
        let operation = Operation::read(&cx.caller.config, json);
        if let Some(id) = &operation.bulk_id
            && !known.insert(id.clone())
        {
            let detail = format!("the bulkId \"{id}\" is given twice; give each operation one of its own");
            return Err(Problem::bad(ScimType::InvalidValue, detail));
        }
        operations.push(operation);
    }
    Ok((operations, fail_on))
}
