//! Section B: bulk.

pub(super) mod message;
pub(super) mod reference;

use serde_json::{Value, json};
use usher_scim::schema::{GROUP, USER};

use crate::{answer::Answer, probe::Probe, verdict::Fallible};

const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const ANSWER: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

fn make_user(name: &str, bulk_id: &str) -> Value {
    json!({"method": "POST", "path": "/Users", "bulkId": bulk_id, "data": {"schemas": [USER], "userName": name}})
}

fn make_group(name: &str, bulk_id: &str, members: &[&str]) -> Value {
    let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
    json!({
        "method": "POST", "path": "/Groups", "bulkId": bulk_id,
        "data": {"schemas": [GROUP], "displayName": name, "members": members},
    })
}

/// A job that has to be processed; its answer.
async fn job(p: &mut Probe, operations: Value) -> Fallible<Answer> {
    let done = p.post("/Bulk", json!({"schemas": [BULK], "Operations": operations})).await?.expect(200)?;
    done.ensure(done.schemas() == [ANSWER], "answer with a BulkResponse")?;
    Ok(done)
}

/// Asserts the statuses, in the order of the request.
fn statuses(done: &Answer, expected: &[&str]) -> Fallible {
    let seen: Vec<&Value> = done.all("/Operations").iter().map(|operation| &operation["status"]).collect();
    done.ensure(
        seen == expected,
        &format!("answer the operations with {expected:?}, in the order of the request"),
    )
}

/// The id at the end of an operation's location.
fn id(done: &Answer, at: usize) -> String {
    let place = done.at(&format!("/Operations/{at}/location")).as_str().unwrap_or_default();
    place.rsplit('/').next().unwrap_or_default().to_owned()
}
