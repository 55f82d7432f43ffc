//! C-16 to C-24: Okta.

use std::time::Instant;

use serde_json::json;
use usher_scim::schema::{GROUP, USER};

use crate::{
    case::{
        Case,
        Need::{Filter, Patch},
        practice,
    },
    probe::encoded,
    verdict::ensure,
};

pub(in crate::cases) const CASES: &[Case] = &[
    practice("C-16", "Okta", "Before it makes anybody it looks by userName, and groups by displayName, with paging", |p| {
        Box::pin(async move {
            let (name, group) = (p.name("o'neil+x"), p.name("a group & more"));
            let id = p.user_with(json!({"userName": name})).await?.id()?;
            let gid = p.group_with(json!({"displayName": group})).await?.id()?;
            for (path, filter, id) in [
                ("/Users", format!("userName eq \"{name}\""), id),
                ("/Groups", format!("displayName eq \"{group}\""), gid),
            ] {
                let path = format!("{path}?filter={}&startIndex=1&count=100", encoded(&filter));
                let found = p.get(&path).await?.expect(200)?;
                found.has("/totalResults", 1)?.has("/startIndex", 1)?.has("/itemsPerPage", 1)?;
                found.has("/Resources/0/id", id)?;
            }
            Ok(())
        })
    })
    .needs(&[Filter]),
    practice("C-17", "Okta", "It makes a user with empty groups, a throw-away password and a primary address; the answer is the user", |p| {
        Box::pin(async move {
            let user = p
                .user_with(json!({
                    "name": {"givenName": "G", "familyName": "F"}, "locale": "en-US", "externalId": "00u1",
                    "emails": [{"primary": true, "value": "w@example.com", "type": "work"}],
                    "displayName": "G F", "groups": [], "password": "1mz050nq", "active": true,
                }))
                .await?;
            user.has("/emails/0/primary", true)?.has("/displayName", "G F")?.has("/active", true)?;
            user.lacks("/password")?.lacks("/groups")?;
            Ok(())
        })
    }),
    practice("C-18", "Okta", "It deactivates by a value without a path: active changes, and nothing else", |p| {
        Box::pin(async move {
            let sent = json!({"title": "T", "emails": [{"value": "w@example.com"}], "name": {"givenName": "G"}});
            let made = p.user_with(sent).await?;
            let at = format!("/Users/{}", made.id()?);
            let user = p.patched(&at, json!([{"op": "replace", "value": {"active": false}}])).await?;
            user.has("/active", false)?;
            for kept in ["/title", "/emails", "/name", "/userName"] {
                user.has(kept, made.at(kept).clone())?;
            }
            Ok(())
        })
    })
    .needs(&[Patch]),
    practice("C-19", "Okta", "It reads a user, edits and puts back the whole: id, groups, meta and all", |p| {
        Box::pin(async move {
            let id = p.user_with(json!({"emails": [{"value": "w@example.com"}]})).await?.id()?;
            let group = p.group(&[&id]).await?;
            let at = format!("/Users/{id}");
            let mut body = p.get(&at).await?.expect(200)?.json;
            body["active"] = json!(false);
            body["title"] = json!("T");
            let put = p.put(&at, body).await?.expect(200)?;
            put.has("/active", false)?.has("/title", "T")?.has("/id", id.as_str())?;
            let read = p.get(&at).await?.expect(200)?;
            read.each_is("/groups", "value", &[&group])?;
            read.each_is("/emails", "value", &["w@example.com"])
        })
    }),
    practice("C-20", "Okta", "It renames a group by a value with the group's id; another id is refused", |p| {
        Box::pin(async move {
            let user = p.user().await?;
            let id = p.group(&[&user]).await?;
            let at = format!("/Groups/{id}");
            let name = p.name("renamed");
            let ops = json!([{"op": "replace", "value": {"id": id, "displayName": name}}]);
            let group = p.patched(&at, ops).await?;
            group.has("/displayName", name.as_str())?.each_is("/members", "value", &[&user])?;
            let other = json!([{"op": "replace", "value": {"id": "another", "displayName": "x"}}]);
            p.patch(&at, other).await?.refused(400, "mutability")?;
            p.get(&at).await?.expect(200)?.has("/displayName", name)?;
            Ok(())
        })
    })
    .needs(&[Patch]),
    practice("C-21", "Okta", "It takes one member out and another in by one PATCH, pushes all of them, and pushes none", |p| {
        Box::pin(async move {
            let (a, b, c) = (p.user().await?, p.user().await?, p.user().await?);
            let id = p.group(&[&a, &c]).await?;
            let at = format!("/Groups/{id}");
            let swap = json!([
                {"op": "remove", "path": format!("members[value eq \"{a}\"]")},
                {"op": "add", "path": "members", "value": [{"value": b, "display": "B"}]},
            ]);
            p.patched(&at, swap).await?.each_is("/members", "value", &[&b, &c])?;
            let push = json!([{"op": "replace", "path": "members", "value": [{"value": a}, {"value": b}]}]);
            p.patched(&at, push).await?.each_is("/members", "value", &[&a, &b])?;
            let none = json!([{"op": "replace", "value": {"members": [], "id": id, "displayName": p.name("g")}}]);
            p.patched(&at, none).await?.lacks("/members")?;
            Ok(())
        })
    })
    .needs(&[Patch]),
    practice("C-22", "Okta", "Answers come in time, with paging as whole numbers, in one order", |p| {
        Box::pin(async move {
            for _ in 0..3 {
                p.user().await?;
            }
            let began = Instant::now();
            let one = p.get("/Users?startIndex=1&count=3").await?.expect(200)?;
            ensure(began.elapsed().as_secs() < 60, "answer within 60 seconds", format!("{:?}", began.elapsed()))?;
            for number in ["/totalResults", "/startIndex", "/itemsPerPage"] {
                one.ensure(one.at(number).is_u64(), &format!("send {number} as a whole number"))?;
            }
            let two = p.get("/Users?startIndex=1&count=3").await?.expect(200)?;
            two.ensure(one.ids()? == two.ids()? && !two.ids()?.is_empty(), "list in the same order each time")
        })
    }),
    practice("C-23", "Okta", "A new user is as active as was said", |p| {
        Box::pin(async move {
            for active in [true, false] {
                let user = p.user_with(json!({"active": active})).await?;
                user.has("/active", active)?;
                p.get(&format!("/Users/{}", user.id()?)).await?.expect(200)?.has("/active", active)?;
            }
            Ok(())
        })
    }),
    practice("C-24", "Okta", "Its test plan: application/json in, SCIM out; 401, 404 and 409 as SCIM errors with a detail", |p| {
        Box::pin(async move {
            let name = p.name("user");
            let headers =
                [("content-type", "application/json"), ("accept", "application/scim+json; charset=utf-8")];
            let body = json!({"schemas": [USER], "userName": name}).to_string();
            p.send("POST", "/Users", &headers, body.clone()).await?.expect(201)?.id()?;
            let duplicate = p.send("POST", "/Users", &headers, body).await?.refused(409, "")?;
            let unknown = p.get("/Users/00000000-0000-0000-0000-000000000000").await?.refused(404, "")?;
            let bad = [("authorization", "Bearer abcd")];
            let nobody = p.send("GET", "/Groups", &bad, "").await?.refused(401, "")?;
            for error in [duplicate, unknown, nobody] {
                let said = error.at("/detail").as_str().is_some_and(|detail| !detail.is_empty());
                error.ensure(said, "say in detail what is wrong")?;
            }
            let group = json!({"schemas": [GROUP], "displayName": p.name("group")}).to_string();
            p.send("POST", "/Groups", &headers, group).await?.expect(201)?.id()?;
            Ok(())
        })
    }),
];
