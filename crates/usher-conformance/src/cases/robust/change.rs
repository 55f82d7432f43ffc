//! N-11 to N-23: writes.

use serde_json::json;
use usher_scim::schema::USER;

use crate::{
    case::{Case, Need::Patch, must, practice, should},
    probe::ENTERPRISE,
};

const EXTENSION: &str = "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

pub(in crate::cases) const CASES: &[Case] = &[
    must("N-11", "RFC 7643 §4.1.1", "A userName clashes with others in any case, never with itself", |p| {
        Box::pin(async move {
            let name = p.name("bjensen");
            let id = p.user_with(json!({"userName": name})).await?.id()?;
            let upper = name.to_uppercase();
            p.post("/Users", json!({"schemas": [USER], "userName": upper})).await?.refused(409, "uniqueness")?;
            let at = format!("/Users/{id}");
            p.put(&at, json!({"schemas": [USER], "userName": upper})).await?.expect(200)?;
            p.get(&at).await?.expect(200)?.has("/userName", upper)?;
            Ok(())
        })
    })
    .restates(&["S-43"]),
    must("N-12", "RFC 7644 §3.1", "A user with groups and a manager, put back as read, is unchanged", |p| {
        Box::pin(async move {
            let boss = p.user_with(json!({"displayName": "Boss"})).await?.id()?;
            let id = p.user_with(json!({ENTERPRISE: {"manager": {"value": boss}}})).await?.id()?;
            p.group(&[&id]).await?;
            let at = format!("/Users/{id}");
            let read = p.get(&at).await?.expect(200)?;
            read.ensure(!read.all("/groups").is_empty(), "show a user's groups")?;
            let put = p.put(&at, read.json.clone()).await?.expect(200)?;
            put.has("/meta", read.at("/meta").clone())?;
            p.get(&at).await?.expect(200)?.has("/groups", read.at("/groups").clone())?;
            Ok(())
        })
    })
    .restates(&["E-28"]),
    must("N-13", "RFC 7644 §3.5.2", "A PATCH whose second operation fails leaves nothing of the first", |p| {
        Box::pin(async move {
            let taken = p.name("taken");
            p.user_with(json!({"userName": taken})).await?;
            let at = format!("/Users/{}", p.user_with(json!({"title": "old"})).await?.id()?);
            let clash = json!([
                {"op": "replace", "path": "title", "value": "N-13"},
                {"op": "replace", "path": "userName", "value": taken},
            ]);
            p.patch(&at, clash).await?.refused(409, "uniqueness")?;
            let required = json!([
                {"op": "add", "path": "nickName", "value": "N-13"}, {"op": "remove", "path": "userName"},
            ]);
            p.patch(&at, required).await?.refused(400, "mutability")?;
            p.get(&at).await?.expect(200)?.has("/title", "old")?.lacks("/nickName")?;
            Ok(())
        })
    })
    .restates(&["P-06"])
    .needs(&[Patch]),
    must("N-14", "RFC 7644 §3.5.2.3", "A PATCH that does not speak of members leaves members alone", |p| {
        Box::pin(async move {
            let user = p.user().await?;
            let group = p.group(&[&user]).await?;
            let op = json!([{"op": "replace", "value": {"externalId": "e"}}]);
            let read = p.patched(&format!("/Groups/{group}"), op).await?;
            read.has("/externalId", "e")?.each_is("/members", "value", &[&user])
        })
    })
    .restates(&["P-31"])
    .needs(&[Patch]),
    practice("N-15", "RFC 7644 §3.5.2.2", "Members go by value, by filter, and all at once: just those that were meant", |p| {
        Box::pin(async move {
            let (a, b, c) = (p.user().await?, p.user().await?, p.user().await?);
            let at = format!("/Groups/{}", p.group(&[&a, &b, &c]).await?);
            let filtered = json!([{"op": "remove", "path": format!("members[value eq \"{c}\"]")}]);
            p.patched(&at, filtered).await?.each_is("/members", "value", &[&a, &b])?;
            let add = json!([{"op": "add", "path": "members", "value": [{"value": c}]}]);
            p.patched(&at, add).await?.each_is("/members", "value", &[&a, &b, &c])?;
            let named = json!([{"op": "Remove", "path": "members", "value": [{"value": b}]}]);
            p.patched(&at, named).await?.each_is("/members", "value", &[&a, &c])?;
            let all = json!([{"op": "remove", "path": "members"}]);
            p.patched(&at, all).await?.lacks("/members")?;
            Ok(())
        })
    })
    .restates(&["P-30"])
    .needs(&[Patch])
    .advice("take a remove with a value, or with a filter, as those members only; never ignore it, and never empty the group"),
    should("N-16", "RFC 7644 §3.5.2.1", "A member added again, under another display name, is there once, and nothing has changed", |p| {
        Box::pin(async move {
            let user = p.user().await?;
            let at = format!("/Groups/{}", p.group(&[&user]).await?);
            let before = p.get(&at).await?.expect(200)?;
            let op = json!([{"op": "add", "path": "members", "value": [{"value": user, "display": "Other"}]}]);
            let after = p.patched(&at, op).await?;
            after.each_is("/members", "value", &[&user])?;
            after.has("/meta/lastModified", before.at("/meta/lastModified").clone())?;
            Ok(())
        })
    })
    .restates(&["P-20"])
    .needs(&[Patch]),
    practice("N-17", "RFC 7644 §3.5.2.1", "Adding to an element that is not there makes it; a new primary ends the old one", |p| {
        Box::pin(async move {
            let home = json!({"emails": [{"type": "home", "value": "h@example.com", "primary": true}]});
            let at = format!("/Users/{}", p.user_with(home).await?.id()?);
            let ops = json!([
                {"op": "Add", "path": "emails[type eq \"work\"].value", "value": "w@example.com"},
                {"op": "Add", "path": "emails[type eq \"work\"].primary", "value": true},
            ]);
            let user = p.patched(&at, ops).await?;
            user.each_is("/emails", "value", &["h@example.com", "w@example.com"])?;
            let primary: Vec<_> = user.all("/emails").iter().filter(|e| e["primary"] == true).collect();
            user.ensure(
                primary.len() == 1 && primary.iter().all(|e| e["type"] == "work"),
                "make the new primary element the only one",
            )
        })
    })
    .restates(&["P-22", "C-03"])
    .needs(&[Patch]),
    must("N-18", "RFC 7644 §3.5.2.3", "Replacing a part of a name leaves its other parts", |p| {
        Box::pin(async move {
            for op in [
                json!({"op": "replace", "path": "name", "value": {"familyName": "C"}}),
                json!({"op": "replace", "value": {"name": {"familyName": "C"}}}),
            ] {
                let name = json!({"name": {"givenName": "A", "familyName": "B", "formatted": "F"}});
                let at = format!("/Users/{}", p.user_with(name).await?.id()?);
                let user = p.patched(&at, json!([op])).await?;
                user.has("/name/familyName", "C")?.has("/name/givenName", "A")?.has("/name/formatted", "F")?;
            }
            Ok(())
        })
    })
    .restates(&["P-34"])
    .needs(&[Patch]),
    practice("N-19", "RFC 7644 §3.5.2.3", "Keys of a value that are paths are read as paths, not stored", |p| {
        Box::pin(async move {
            let at = format!("/Users/{}", p.user().await?);
            let department = format!("{ENTERPRISE}:department");
            let value = json!({"name.givenName": "N-19", department.clone(): "D"});
            let user = p.patched(&at, json!([{"op": "replace", "value": value}])).await?;
            user.has("/name/givenName", "N-19")?.has(&format!("{EXTENSION}/department"), "D")?;
            user.lacks("/name.givenName")?.lacks(&format!("/{department}"))?;
            user.ensure(user.schemas().iter().any(|urn| urn == ENTERPRISE), "add the extension's URN to schemas")
        })
    })
    .restates(&["C-05"])
    .needs(&[Patch]),
    must("N-20", "RFC 7644 §3.5.2", "Another element made primary ends the first; taking primary away promotes nobody", |p| {
        Box::pin(async move {
            let mails = json!({"emails": [
                {"type": "work", "value": "w@example.com", "primary": true},
                {"type": "home", "value": "h@example.com"}, {"type": "other", "value": "o@example.com"},
            ]});
            let at = format!("/Users/{}", p.user_with(mails).await?.id()?);
            for (primary, expected) in [(true, vec!["home"]), (false, vec![])] {
                let op = json!([{"op": "replace", "path": "emails[type eq \"home\"].primary", "value": primary}]);
                let user = p.patched(&at, op).await?;
                let types: Vec<_> = user
                    .all("/emails")
                    .iter()
                    .filter(|e| e["primary"] == true)
                    .filter_map(|e| e["type"].as_str())
                    .collect();
                user.ensure(types == expected, "keep just the element primary that was asked for")?;
                user.ensure(user.all("/emails").len() == 3, "keep all elements")?;
            }
            Ok(())
        })
    })
    .restates(&["P-39"])
    .needs(&[Patch]),
    practice("N-21", "RFC 7644 §3.5.2", "Brackets, quotes and dots inside a text of a path are text", |p| {
        Box::pin(async move {
            let mails = json!({"emails": [{"value": "a]b\"c.d"}, {"value": "keep@example.com"}]});
            let at = format!("/Users/{}", p.user_with(mails).await?.id()?);
            let op = json!([{"op": "remove", "path": "emails[value eq \"a]b\\\"c.d\"]"}]);
            p.patched(&at, op).await?.each_is("/emails", "value", &["keep@example.com"])
        })
    })
    .restates(&["P-12"])
    .needs(&[Patch]),
    practice("N-22", "RFC 7643 §4.3", "An empty manager is none, and the extension goes with its last value; the manager's name is not written", |p| {
        Box::pin(async move {
            let boss = p.user().await?;
            let sent = json!({"schemas": [USER, ENTERPRISE], ENTERPRISE: {"manager": {"value": boss}}});
            let at = format!("/Users/{}", p.user_with(sent).await?.id()?);
            let name = json!([{"op": "replace", "path": format!("{ENTERPRISE}:manager.displayName"), "value": "X"}]);
            p.patch(&at, name).await?.refused(400, "mutability")?;
            let empty = json!([{"op": "replace", "path": format!("{ENTERPRISE}:manager"), "value": ""}]);
            let user = p.patched(&at, empty).await?;
            user.lacks(EXTENSION)?;
            user.ensure(user.schemas() == [USER], "leave out the URN of an extension without values")
        })
    })
    .restates(&["C-06"])
    .needs(&[Patch]),
    practice("N-23", "RFC 7643 §2.3.2", "active as the text \"False\" is false, or refused; never 200 with active still true", |p| {
        Box::pin(async move {
            let at = format!("/Users/{}", p.user_with(json!({"active": true, "title": "N-23"})).await?.id()?);
            let op = json!([{"op": "replace", "path": "active", "value": "False"}]);
            let answer = p.patch(&at, op).await?;
            if answer.status == 400 {
                answer.refused(400, "invalidValue")?;
                return Ok(());
            }
            answer.one_of(&[200, 204])?;
            p.get(&at).await?.expect(200)?.has("/active", false)?;
            Ok(())
        })
    })
    .restates(&["C-01"])
    .needs(&[Patch])
    .advice("a client that cuts somebody off like this believes a 200: set active to false, or refuse"),
];
