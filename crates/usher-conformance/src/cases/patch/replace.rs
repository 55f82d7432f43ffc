//! P-31 to P-41: replace, primary, schemas.

use serde_json::{Value, json};
use usher_scim::schema::USER;

use crate::{
    case::{Case, Need::Patch, must, practice},
    probe::ENTERPRISE,
};

const EXTENSION: &str = "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn three() -> Value {
    json!({"title": "T", "name": {"givenName": "G", "familyName": "F"}, "emails": [
        {"type": "work", "value": "w@example.com", "display": "W", "primary": true},
        {"type": "home", "value": "h@example.com", "display": "H"},
        {"type": "other", "value": "o@example.com"},
    ]})
}

/// The types of the primary elements.
fn primary(user: &crate::answer::Answer) -> Vec<&str> {
    let primary = user.all("/emails").iter().filter(|email| email["primary"] == true);
    primary.filter_map(|email| email["type"].as_str()).collect()
}

pub(in crate::cases) const CASES: &[Case] = &[
    must("P-31", "RFC 7644 §3.5.2.3", "replace without a path replaces each attribute of its object and leaves the others", |p| {
        Box::pin(async move {
            let user = p.user_with(three()).await?.id()?;
            let value = json!({"title": "new", "emails": [{"type": "work", "value": "n@example.com"}]});
            let read = p.patched(&format!("/Users/{user}"), json!([{"op": "replace", "value": value}])).await?;
            read.has("/title", "new")?.has("/name/givenName", "G")?;
            read.each_is("/emails", "value", &["n@example.com"])?;
            let group = p.group(&[&user]).await?;
            let name = p.name("renamed");
            let op = json!([{"op": "replace", "value": {"displayName": name}}]);
            let read = p.patched(&format!("/Groups/{group}"), op).await?;
            read.has("/displayName", name)?.each_is("/members", "value", &[&user])
        })
    })
    .needs(&[Patch]),
    must("P-32", "RFC 7644 §3.5.2.3", "replace of a single value replaces it, or sets it where there is none", |p| {
        Box::pin(async move {
            let at = format!("/Users/{}", p.user_with(three()).await?.id()?);
            let ops = json!([
                {"op": "replace", "path": "title", "value": "new"}, {"op": "replace", "path": "nickName", "value": "N"},
            ]);
            p.patched(&at, ops).await?.has("/title", "new")?.has("/nickName", "N")?;
            Ok(())
        })
    })
    .needs(&[Patch]),
    must("P-33", "RFC 7644 §3.5.2.3", "replace of several values replaces all of them; with [] or null none is left", |p| {
        Box::pin(async move {
            let user = p.user_with(three()).await?.id()?;
            let at = format!("/Users/{user}");
            let set = |value: Value| json!([{"op": "replace", "path": "emails", "value": value}]);
            let read = p.patched(&at, set(json!([{"type": "work", "value": "n@example.com"}]))).await?;
            read.each_is("/emails", "value", &["n@example.com"])?;
            p.patched(&at, set(json!([]))).await?.lacks("/emails")?;
            p.patched(&at, set(json!([{"value": "n@example.com"}]))).await?.each_is("/emails", "value", &["n@example.com"])?;
            p.patched(&at, set(json!(null))).await?.lacks("/emails")?;
            let (a, b) = (p.user().await?, p.user().await?);
            let group = format!("/Groups/{}", p.group(&[&user, &a]).await?);
            let set = |value: Value| json!([{"op": "replace", "path": "members", "value": value}]);
            let read = p.patched(&group, set(json!([{"value": a}, {"value": b}]))).await?;
            read.each_is("/members", "value", &[&a, &b])?;
            p.patched(&group, set(json!([]))).await?.lacks("/members")?;
            Ok(())
        })
    })
    .needs(&[Patch]),
    must("P-34", "RFC 7644 §3.5.2.3", "replace of a complex value sets the named parts and keeps the others, with or without a path", |p| {
        Box::pin(async move {
            for op in [
                json!({"op": "replace", "path": "name", "value": {"familyName": "New"}}),
                json!({"op": "replace", "value": {"name": {"familyName": "New"}}}),
            ] {
                let at = format!("/Users/{}", p.user_with(three()).await?.id()?);
                let user = p.patched(&at, json!([op])).await?;
                user.has("/name/familyName", "New")?.has("/name/givenName", "G")?;
            }
            Ok(())
        })
    })
    .needs(&[Patch]),
    must("P-35", "RFC 7644 §3.5.2.3", "replace with a filter replaces every match, or that part of every match", |p| {
        Box::pin(async move {
            let at = format!("/Users/{}", p.user_with(three()).await?.id()?);
            let op = json!([{"op": "replace", "path": "emails[type ne \"other\"].display", "value": "D"}]);
            p.patched(&at, op).await?.each_is("/emails", "display", &["D", "D"])?;
            let element = json!({"type": "home", "value": "new@example.com"});
            let op = json!([{"op": "replace", "path": "emails[type eq \"home\"]", "value": element}]);
            let user = p.patched(&at, op).await?;
            user.each_is("/emails", "value", &["w@example.com", "new@example.com", "o@example.com"])
        })
    })
    .needs(&[Patch]),
    must("P-36", "RFC 7644 §3.5.2.3", "replace with a filter that matches nothing is noTarget; what a filter by eq names may be made instead", |p| {
        Box::pin(async move {
            let sent = json!({"emails": [{"type": "home", "value": "h@example.com"}]});
            let at = format!("/Users/{}", p.user_with(sent.clone()).await?.id()?);
            let vague = json!([{"op": "replace", "path": "emails[type co \"wor\"].value", "value": "w@example.com"}]);
            p.patch(&at, vague).await?.refused(400, "noTarget")?;
            let named = json!([{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "w@example.com"}]);
            let answer = p.patch(&at, named.clone()).await?;
            if answer.status == 400 {
                answer.refused(400, "noTarget")?;
            } else {
                answer.one_of(&[200, 204])?;
                let user = p.get(&at).await?.expect(200)?;
                user.each_is("/emails", "type", &["home", "work"])?;
            }
            if p.as_strict() {
                let at = format!("/Users/{}", p.user_with(sent).await?.id()?);
                p.patch(&at, named).await?.refused(400, "noTarget")?;
            }
            Ok(())
        })
    })
    .needs(&[Patch]),
    practice("P-37", "RFC 7644 §3.5.2.3", "replace with null unassigns, but nothing required; replace without a value is invalidValue", |p| {
        Box::pin(async move {
            let boss = p.user().await?;
            let mut sent = three();
            sent[ENTERPRISE] = json!({"manager": {"value": boss}, "department": "D"});
            let at = format!("/Users/{}", p.user_with(sent).await?.id()?);
            let ops = json!([
                {"op": "replace", "path": "title", "value": null},
                {"op": "replace", "path": format!("{ENTERPRISE}:manager"), "value": ""},
            ]);
            p.patched(&at, ops).await?.lacks("/title")?.lacks(&format!("{EXTENSION}/manager"))?;
            let required = json!([{"op": "replace", "path": "userName", "value": null}]);
            p.patch(&at, required).await?.refused_as(400, &["mutability", "invalidValue"])?;
            p.patch(&at, json!([{"op": "replace", "path": "nickName"}])).await?.refused(400, "invalidValue")?;
            Ok(())
        })
    })
    .needs(&[Patch]),
    practice("P-38", "RFC 7644 §3.5.2.3", "Read-only attributes inside a value are ignored, or refused when they would change", |p| {
        Box::pin(async move {
            let made = p.user_with(three()).await?;
            let at = format!("/Users/{}", made.id()?);
            let value = json!({"id": made.id()?, "schemas": [USER], "meta": made.at("/meta"), "title": "new"});
            p.patched(&at, json!([{"op": "replace", "value": value}])).await?.has("/title", "new")?;
            let value = json!({"groups": [{"value": "nowhere"}], "nickName": "N"});
            let answer = p.patch(&at, json!([{"op": "replace", "value": value}])).await?.one_of(&[200, 204, 400])?;
            let read = p.get(&at).await?.expect(200)?;
            read.lacks("/groups")?.has("/id", made.id()?)?;
            if answer.status == 400 {
                answer.refused(400, "mutability")?;
                read.lacks("/nickName")?;
            } else {
                read.has("/nickName", "N")?;
            }
            if p.as_strict() {
                let user = p.user().await?;
                let group = p.group(&[&user]).await?;
                let at = format!("/Users/{user}");
                let same = p.get(&at).await?.expect(200)?;
                let said = |groups: Value, name: &str| json!([{"op": "replace", "value": {"groups": groups, "nickName": name}}]);
                for other in [json!([]), json!([{"value": group}, {"value": "nowhere"}])] {
                    p.patch(&at, said(other, "wrong")).await?.refused(400, "mutability")?;
                }
                p.get(&at).await?.expect(200)?.lacks("/nickName")?;
                let repeated = said(same.at("/groups").clone(), "right");
                p.patched(&at, repeated).await?.has("/nickName", "right")?;
            }
            Ok(())
        })
    })
    .needs(&[Patch]),
    must("P-39", "RFC 7644 §3.5.2", "Making one element primary ends every other, in whichever way it is said", |p| {
        Box::pin(async move {
            for op in [
                json!({"op": "replace", "path": "emails[type eq \"home\"].primary", "value": true}),
                json!({"op": "replace", "path": "emails[type eq \"home\"]",
                    "value": {"type": "home", "value": "h@example.com", "primary": true}}),
                json!({"op": "add", "path": "emails", "value": [{"type": "home", "value": "2@example.com", "primary": true}]}),
            ] {
                let at = format!("/Users/{}", p.user_with(three()).await?.id()?);
                let user = p.patched(&at, json!([op])).await?;
                user.ensure(primary(&user) == ["home"], "keep only the new primary element primary")?;
            }
            Ok(())
        })
    })
    .needs(&[Patch]),
    practice("P-40", "RFC 7644 §3.5.2", "Two primaries in one operation are refused, in two operations the last holds; none is promoted", |p| {
        Box::pin(async move {
            let at = format!("/Users/{}", p.user_with(three()).await?.id()?);
            let both = json!([{"value": "a@example.com", "primary": true}, {"value": "b@example.com", "primary": true}]);
            let op = json!([{"op": "replace", "path": "emails", "value": both}]);
            p.patch(&at, op).await?.refused(400, "invalidValue")?;
            let ops = json!([
                {"op": "replace", "path": "emails[type eq \"home\"].primary", "value": true},
                {"op": "replace", "path": "emails[type eq \"other\"].primary", "value": true},
            ]);
            let user = p.patched(&at, ops).await?;
            user.ensure(primary(&user) == ["other"], "let the last operation decide which is primary")?;
            let user = p.patched(&at, json!([{"op": "remove", "path": "emails[type eq \"other\"]"}])).await?;
            user.ensure(primary(&user).is_empty(), "promote no other element when the primary one goes")
        })
    })
    .needs(&[Patch]),
    must("P-41", "RFC 7644 §3.5.2", "schemas can be changed, but not lose the base; an extension goes with its URN", |p| {
        Box::pin(async move {
            let sent = json!({"schemas": [USER, ENTERPRISE], ENTERPRISE: {"department": "D"}});
            let at = format!("/Users/{}", p.user_with(sent).await?.id()?);
            let base = json!([{"op": "remove", "path": format!("schemas[value eq \"{USER}\"]")}]);
            p.patch(&at, base).await?.refused_as(400, &["mutability", "invalidValue"])?;
            let all = json!([{"op": "replace", "path": "schemas", "value": [ENTERPRISE]}]);
            p.patch(&at, all).await?.refused_as(400, &["mutability", "invalidValue"])?;
            let less = json!([{"op": "replace", "path": "schemas", "value": [USER]}]);
            let user = p.patched(&at, less).await?;
            user.lacks(EXTENSION)?;
            user.ensure(user.schemas() == [USER], "clear an extension whose URN is taken out of schemas")
        })
    })
    .needs(&[Patch]),
];
