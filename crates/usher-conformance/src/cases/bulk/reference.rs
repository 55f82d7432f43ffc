//! B-10 to B-15: bulkIds.

use serde_json::json;
use usher_scim::schema::USER;

use super::{BULK, id, job, make_group, make_user, statuses};
use crate::{
    case::{
        Case,
        Need::{Bulk, Patch},
        must, practice,
    },
    probe::{ENTERPRISE, patch_body},
};

const MANAGER: &str = "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/manager/value";

pub(in crate::cases) const CASES: &[Case] = &[
    must("B-10", "RFC 7644 §3.7.2", "bulkId:x stands for the id of what x made: in members, in managers, in PATCH; as text it stays text", |p| {
        Box::pin(async move {
            let (boss, group) = (p.name("boss"), p.group(&[]).await?);
            let report = json!({
                "method": "POST", "path": "/Users", "bulkId": "r", "data": {
                    "schemas": [USER, ENTERPRISE], "userName": p.name("report"), "displayName": "bulkId:b",
                    ENTERPRISE: {"manager": {"value": "bulkId:b"}},
                },
            });
            let add = patch_body(json!([{"op": "add", "path": "members", "value": [{"value": "bulkId:b"}]}]));
            let other = p.name("other");
            let done = job(p, json!([
                make_user(&boss, "b"), report, make_group(&other, "g", &["bulkId:b", "bulkId:r"]),
                {"method": "PATCH", "path": format!("/Groups/{group}"), "data": add},
            ]))
            .await?;
            let (boss, report, made) = (id(&done, 0), id(&done, 1), id(&done, 2));
            let user = p.get(&format!("/Users/{report}")).await?.expect(200)?;
            user.has(MANAGER, boss.as_str())?.has("/displayName", "bulkId:b")?;
            p.members_are(&made, &[&boss, &report]).await?;
            p.members_are(&group, &[&boss]).await
        })
    })
    .needs(&[Bulk, Patch]),
    practice("B-11", "RFC 7644 §3.7.2", "bulkId:x in a path is the resource that x made", |p| {
        Box::pin(async move {
            let (user, group) = (p.name("user"), p.name("group"));
            let add = patch_body(json!([{"op": "add", "path": "members", "value": [{"value": "bulkId:u"}]}]));
            let done = job(p, json!([
                make_user(&user, "u"), make_group(&group, "g", &[]),
                {"method": "PATCH", "path": "/Groups/bulkId:g", "data": add},
            ]))
            .await?;
            let (user, group) = (id(&done, 0), id(&done, 1));
            p.members_are(&group, &[&user]).await
        })
    })
    .needs(&[Bulk, Patch]),
    must("B-12", "RFC 7644 §3.7", "A bulkId is there once in a job; compared exactly", |p| {
        Box::pin(async move {
            let (a, b) = (p.name("a"), p.name("b"));
            let twice = json!({"schemas": [BULK], "Operations": [make_user(&a, "x"), make_user(&b, "x")]});
            p.post("/Bulk", twice).await?.refused(400, "invalidValue")?;
            let done = job(p, json!([make_user(&a, "x"), make_user(&b, "X")])).await?;
            statuses(&done, &["201", "201"])
        })
    })
    .needs(&[Bulk]),
    must("B-13", "RFC 7644 §3.7", "A reference to something that is made later in the job is honoured", |p| {
        Box::pin(async move {
            let (user, group, report) = (p.name("user"), p.name("group"), p.name("report"));
            let early = json!({
                "method": "POST", "path": "/Users", "bulkId": "r", "data": {
                    "schemas": [USER, ENTERPRISE], "userName": report,
                    ENTERPRISE: {"manager": {"value": "bulkId:u"}},
                },
            });
            let done = job(p, json!([make_group(&group, "g", &["bulkId:u", "bulkId:r"]), early, make_user(&user, "u")])).await?;
            statuses(&done, &["201", "201", "201"])?;
            let (group, report, user) = (id(&done, 0), id(&done, 1), id(&done, 2));
            p.members_are(&group, &[&user, &report]).await?;
            p.get(&format!("/Users/{report}")).await?.expect(200)?.has(MANAGER, user)?;
            Ok(())
        })
    })
    .needs(&[Bulk]),
    must("B-14", "RFC 7644 §3.7.1", "Resources that point at each other are made and linked, or refused with 409", |p| {
        Box::pin(async move {
            let (a, b) = (p.name("a"), p.name("b"));
            let done = job(p, json!([make_group(&a, "a", &["bulkId:b"]), make_group(&b, "b", &["bulkId:a"])])).await?;
            let all: Vec<_> = done.all("/Operations").iter().map(|o| o["status"].clone()).collect();
            if all.iter().any(|status| status == "409") {
                let refused = done.all("/Operations").iter().filter(|o| o["status"] == "409");
                let told = refused.clone().all(|o| o["response"]["status"] == "409" && o["location"].is_null());
                return done.ensure(told, "say 409 with an error, and no location of what is not there");
            }
            statuses(&done, &["201", "201"])?;
            let (a, b) = (id(&done, 0), id(&done, 1));
            p.members_are(&a, &[&b]).await?;
            p.members_are(&b, &[&a]).await
        })
    })
    .needs(&[Bulk]),
    practice("B-15", "RFC 7644 §3.7.2", "A reference to nothing, or to what failed, fails the operation and names the bulkId", |p| {
        Box::pin(async move {
            let (one, two, user) = (p.name("one"), p.name("two"), p.name("user"));
            let bad = json!({"method": "POST", "path": "/Users", "bulkId": "failed", "data": {"schemas": [USER]}});
            let done = job(p, json!([
                make_group(&one, "a", &["bulkId:missing"]), bad, make_group(&two, "b", &["bulkId:failed"]), make_user(&user, "u"),
            ]))
            .await?;
            for (at, named) in [(0, "missing"), (2, "failed")] {
                let status = done.at(&format!("/Operations/{at}/status"));
                done.ensure(status == "400" || status == "409", "fail what refers to nothing with 400 or 409")?;
                let detail = done.at(&format!("/Operations/{at}/response/detail")).as_str().unwrap_or_default();
                done.ensure(detail.contains(named), "name the bulkId in detail")?;
            }
            done.has("/Operations/3/status", "201")?;
            Ok(())
        })
    })
    .needs(&[Bulk]),
];
