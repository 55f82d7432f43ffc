//! N-24 to N-30: bulk, races, cursors, broken bodies, errors from everywhere.

use bytes::Bytes;
use serde_json::{Value, json};
use usher_scim::schema::{GROUP, USER};

use crate::{
    case::{
        Case,
        Need::{Bulk, Cursor, Etag, Filter, Patch},
        must, practice,
    },
    probe::{encoded, patch_body},
    verdict::ensure,
};

const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

fn make_user(name: &str, bulk_id: &str) -> Value {
    json!({
        "method": "POST", "path": "/Users", "bulkId": bulk_id, "data": {"schemas": [USER], "userName": name},
    })
}

fn make_group(name: &str, bulk_id: &str, member: &str) -> Value {
    json!({
        "method": "POST", "path": "/Groups", "bulkId": bulk_id,
        "data": {"schemas": [GROUP], "displayName": name, "members": [{"value": member}]},
    })
}

fn last(location: &Value) -> String {
    location.as_str().and_then(|l| l.rsplit('/').next()).unwrap_or_default().to_owned()
}

pub(in crate::cases) const CASES: &[Case] = &[
    must("N-24", "RFC 7644 §3.7", "Bulk: a member that is made later is linked; groups in each other too, or 409", |p| {
        Box::pin(async move {
            let (user, group) = (p.name("user"), p.name("group"));
            let ops = json!([make_group(&group, "g", "bulkId:u"), make_user(&user, "u")]);
            let done = p.post("/Bulk", json!({"schemas": [BULK], "Operations": ops})).await?.expect(200)?;
            done.each_is("/Operations", "status", &["201", "201"])?;
            let place = |id: &str| {
                done.all("/Operations").iter().find(|o| o["bulkId"] == id).map(|o| last(&o["location"]))
            };
            let (group, user) = (place("g").unwrap_or_default(), place("u").unwrap_or_default());
            p.members_are(&group, &[&user]).await?;
            let (a, b) = (p.name("a"), p.name("b"));
            let ops = json!([make_group(&a, "a", "bulkId:b"), make_group(&b, "b", "bulkId:a")]);
            let done = p.post("/Bulk", json!({"schemas": [BULK], "Operations": ops})).await?.expect(200)?;
            let statuses = done.each("/Operations", "status");
            if statuses == ["201", "201"] {
                let ids: Vec<String> = done.all("/Operations").iter().map(|o| last(&o["location"])).collect();
                for id in &ids {
                    let read = p.get(&format!("/Groups/{id}")).await?.expect(200)?;
                    read.ensure(read.all("/members").len() == 1, "link groups that are in each other")?;
                }
                return Ok(());
            }
            done.ensure(statuses.iter().any(|status| status == "409"), "link them, or answer 409")
        })
    })
    .restates(&["B-13", "B-14"])
    .needs(&[Bulk]),
    must("N-25", "RFC 7644 §3.7.3", "Bulk: failOnErrors ends the job at that many failures; without it everything is tried", |p| {
        Box::pin(async move {
            for (stop, expected) in [(true, vec!["201", "400"]), (false, vec!["201", "201", "400"])] {
                let (one, three) = (p.name("one"), p.name("three"));
                let mut bad = make_user("x", "b");
                bad["data"] = json!({"schemas": [USER]});
                let mut body =
                    json!({"schemas": [BULK], "Operations": [make_user(&one, "a"), bad, make_user(&three, "c")]});
                if stop {
                    body["failOnErrors"] = json!(1);
                }
                let done = p.post("/Bulk", body).await?.expect(200)?;
                done.each_is("/Operations", "status", &expected)?;
                let found = p.query("/Users", &format!("userName eq \"{three}\"")).await?.expect(200)?;
                found.has("/totalResults", usize::from(!stop))?;
            }
            Ok(())
        })
    })
    .restates(&["B-07"])
    .needs(&[Bulk, Filter]),
    must("N-26", "RFC 7644 §3.7.4", "Bulk: one operation too many, or a body too large without its length said, is 413 and does nothing", |p| {
        Box::pin(async move {
            let most = p.can().bulk_operations.unwrap_or_default();
            ensure(most > 0, "announce bulk.maxOperations", most)?;
            if most <= 5_000 {
                let name = p.name("user");
                let ops: Vec<Value> = (0..=most).map(|n| make_user(&format!("{name}-{n}"), &n.to_string())).collect();
                p.post("/Bulk", json!({"schemas": [BULK], "Operations": ops})).await?.refused(413, "")?;
                let found = p.query("/Users", &format!("userName eq \"{name}-0\"")).await?.expect(200)?;
                found.has("/totalResults", 0)?;
            }
            let bytes = p.can().bulk_bytes.unwrap_or_default();
            ensure(bytes > 0, "announce bulk.maxPayloadSize", bytes)?;
            let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
            p.chunked("/Bulk", bytes.saturating_add(1)).await?.refused(413, "")?;
            Ok(())
        })
    })
    .restates(&["B-16", "B-17"])
    .needs(&[Bulk, Filter]),
    practice("N-27", "RFC 7644 §3.14", "Of two PATCHes at once with one If-Match one is done and one is 412; weak and strong tags alike", |p| {
        Box::pin(async move {
            let made = p.user_with(json!({"title": "start"})).await?;
            let at = format!("/Users/{}", made.id()?);
            let mut tag = made.header("etag").to_owned();
            for form in ["weak", "strong"] {
                let strong = tag.trim_start_matches("W/").to_owned();
                let value = if form == "weak" { format!("W/{strong}") } else { strong };
                let bodies = (0..2)
                    .map(|n| {
                        patch_body(json!([{"op": "replace", "path": "title", "value": format!("{form} {n}")}]))
                    })
                    .collect();
                let answers = p.at_once("PATCH", &at, &[("if-match", &value)], bodies).await?;
                let won = answers.iter().filter(|a| matches!(a.status, 200 | 204)).count();
                let lost = answers.iter().filter(|a| a.status == 412).count();
                ensure(
                    (won, lost) == (1, 1),
                    "let one of two writers with the same If-Match win, and answer the other 412",
                    format!("{won} won and {lost} were refused"),
                )?;
                tag = p.get(&at).await?.expect(200)?.header("etag").to_owned();
            }
            Ok(())
        })
    })
    .restates(&["E-33", "E-35"])
    .needs(&[Etag, Patch]),
    must("N-28", "RFC 9865 §2, §5.2", "A cursor belongs to its query; the last page has none, also when it is full", |p| {
        Box::pin(async move {
            let title = p.name("page");
            for _ in 0..4 {
                p.user_with(json!({"title": title})).await?;
            }
            let filter = encoded(&format!("title eq \"{title}\""));
            let first = p.get(&format!("/Users?cursor&count=2&filter={filter}")).await?.expect(200)?;
            let cursor = first.at("/nextCursor").as_str().unwrap_or_default().to_owned();
            first.ensure(!cursor.is_empty() && first.ids()?.len() == 2, "give two and a nextCursor")?;
            let second = p.get(&format!("/Users?cursor={cursor}&count=2&filter={filter}")).await?.expect(200)?;
            second.ensure(second.ids()?.len() == 2, "give the other two")?;
            second.lacks("/nextCursor")?;
            let other = encoded("title eq \"another\"");
            p.get(&format!("/Users?cursor={cursor}&count=2&filter={other}")).await?.refused(400, "invalidCursor")?;
            p.get(&format!("/Groups?cursor={cursor}&count=2")).await?.refused(400, "invalidCursor")?;
            Ok(())
        })
    })
    .restates(&["Q-48", "Q-50", "Q-52"])
    .needs(&[Cursor, Filter]),
    practice("N-29", "RFC 7644 §3.8, §3.12", "Broken bodies are a clean 400 or 413, and leave nothing", |p| {
        Box::pin(async move {
            let name = p.name("broken");
            let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
            for body in [
                format!(r#"{{"schemas":["{USER}"],"userName":"{name}","userName":"{name}"}}"#),
                "[]".to_owned(),
                "\"x\"".to_owned(),
                format!("\u{feff}{{\"schemas\":[\"{USER}\"],\"userName\":\"{name}\"}}"),
                deep,
                format!(r#"{{"schemas":["{USER}"],"userName":"{name}","title":"\ud800"}}"#),
            ] {
                p.send("POST", "/Users", &[], body).await?.one_of(&[400, 413])?.an_error()?;
            }
            p.query("/Users", &format!("userName eq \"{name}\"")).await?.has("/totalResults", 0)?;
            Ok(())
        })
    })
    .restates(&["S-18", "R-39"])
    .needs(&[Filter]),
    must("N-30", "RFC 7644 §3.12", "Errors of every layer of the server are SCIM errors", |p| {
        Box::pin(async move {
            p.send("GET", "/Users", &[("authorization", "")], Bytes::new()).await?.refused(401, "")?;
            p.get("/nope").await?.refused(404, "")?;
            p.delete("/Users").await?.refused(405, "")?;
            let text = [("content-type", "text/plain")];
            p.send("POST", "/Users", &text, "x").await?.refused(415, "")?;
            if let Ok(most) = p.given("the server's limit of a request body", |f| f.body_bytes) {
                p.send("POST", "/Users", &[], "x".repeat(most + 1)).await?.refused(413, "")?;
            }
            Ok(())
        })
    })
    .restates(&["R-01"]),
];
