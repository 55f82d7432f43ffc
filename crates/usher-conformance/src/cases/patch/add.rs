//! P-15 to P-23: add.

use serde_json::json;

use crate::{
    case::{Case, Need::Patch, must, practice, should},
    probe::ENTERPRISE,
};

pub(in crate::cases) const CASES: &[Case] = &[
    must("P-15", "RFC 7644 §3.5.2.1", "add without a value is invalidValue", |p| {
        Box::pin(async move {
            let at = format!("/Users/{}", p.user_with(json!({"title": "T"})).await?.id()?);
            p.patch(&at, json!([{"op": "add", "path": "title"}])).await?.refused(400, "invalidValue")?;
            p.get(&at).await?.expect(200)?.has("/title", "T")?;
            Ok(())
        })
    })
    .needs(&[Patch]),
    must("P-16", "RFC 7644 §3.5.2.1", "add without a path adds each attribute of its object", |p| {
        Box::pin(async move {
            let sent = json!({"nickName": "N", "emails": [{"type": "work", "value": "w@example.com"}]});
            let at = format!("/Users/{}", p.user_with(sent).await?.id()?);
            let value = json!({"title": "T", "emails": [{"type": "home", "value": "h@example.com"}]});
            let user = p.patched(&at, json!([{"op": "add", "value": value}])).await?;
            user.has("/title", "T")?.has("/nickName", "N")?;
            user.each_is("/emails", "type", &["work", "home"])?;
            p.patch(&at, json!([{"op": "add", "value": "text"}])).await?.refused(400, "")?;
            Ok(())
        })
    })
    .needs(&[Patch]),
    must("P-17", "RFC 7644 §3.5.2.1", "add to a single value sets it, or replaces it", |p| {
        Box::pin(async move {
            let at = format!("/Users/{}", p.user().await?);
            for value in ["one", "two"] {
                let op = json!([{"op": "add", "path": "title", "value": value}]);
                p.patched(&at, op).await?.has("/title", value)?;
            }
            Ok(())
        })
    })
    .needs(&[Patch]),
    must("P-18", "RFC 7644 §3.5.2.1", "add to a complex value sets the named parts and keeps the others", |p| {
        Box::pin(async move {
            let name = json!({"name": {"givenName": "G", "familyName": "F"}});
            let at = format!("/Users/{}", p.user_with(name).await?.id()?);
            let op = json!([{"op": "add", "path": "name", "value": {"familyName": "New", "middleName": "M"}}]);
            let user = p.patched(&at, op).await?;
            user.has("/name/givenName", "G")?.has("/name/familyName", "New")?.has("/name/middleName", "M")?;
            Ok(())
        })
    })
    .needs(&[Patch]),
    must("P-19", "RFC 7644 §3.5.2.1", "add to several values appends: one element or an array of them", |p| {
        Box::pin(async move {
            let sent = json!({"emails": [{"type": "work", "value": "w@example.com"}]});
            let at = format!("/Users/{}", p.user_with(sent).await?.id()?);
            let ops = json!([
                {"op": "add", "path": "emails", "value": {"type": "home", "value": "h@example.com"}},
                {"op": "add", "path": "emails", "value": [{"type": "other", "value": "o@example.com"}]},
            ]);
            let user = p.patched(&at, ops).await?;
            user.each_is("/emails", "value", &["w@example.com", "h@example.com", "o@example.com"])
        })
    })
    .needs(&[Patch]),
    should("P-20", "RFC 7644 §3.5.2.1", "add of what is there succeeds, adds nothing twice and leaves lastModified alone", |p| {
        Box::pin(async move {
            let sent = json!({"title": "T", "emails": [{"type": "work", "value": "w@example.com"}]});
            let made = p.user_with(sent).await?;
            let at = format!("/Users/{}", made.id()?);
            let ops = json!([
                {"op": "add", "path": "title", "value": "T"},
                {"op": "add", "path": "emails", "value": [{"type": "work", "value": "w@example.com"}]},
            ]);
            let user = p.patched(&at, ops).await?;
            user.each_is("/emails", "value", &["w@example.com"])?;
            user.has("/meta/lastModified", made.at("/meta/lastModified").clone())?;
            let group = p.group(&[&made.id()?]).await?;
            let at = format!("/Groups/{group}");
            let before = p.get(&at).await?.expect(200)?;
            let op = json!([{"op": "add", "path": "members", "value": [{"value": made.id()?}]}]);
            let after = p.patched(&at, op).await?;
            after.each_is("/members", "value", &[&made.id()?])?;
            after.has("/meta/lastModified", before.at("/meta/lastModified").clone())?;
            Ok(())
        })
    })
    .needs(&[Patch]),
    must("P-21", "RFC 7644 §3.5.2", "add to a read-only attribute, or to an immutable one with a value, is mutability", |p| {
        Box::pin(async move {
            let user = p.user().await?;
            let at = format!("/Users/{user}");
            for (path, value) in [("id", json!("x")), ("groups", json!([{"value": "x"}])), ("meta.created", json!("2001-01-01T00:00:00Z"))] {
                let op = json!([{"op": "add", "path": path, "value": value}]);
                p.patch(&at, op).await?.refused(400, "mutability")?;
            }
            let group = p.group(&[&user]).await?;
            let path = format!("members[value eq \"{user}\"].value");
            let op = json!([{"op": "add", "path": path, "value": "another"}]);
            p.patch(&format!("/Groups/{group}"), op).await?.refused(400, "mutability")?;
            p.members_are(&group, &[&user]).await
        })
    })
    .needs(&[Patch]),
    practice("P-22", "RFC 7644 §3.5.2.1", "add to a filtered element that is not there makes it, if the filter says what it is; else noTarget", |p| {
        Box::pin(async move {
            let at = format!("/Users/{}", p.user().await?);
            let op = json!([{"op": "add", "path": "emails[type eq \"work\"].value", "value": "w@example.com"}]);
            let user = p.patched(&at, op).await?;
            user.has("/emails", json!([{"type": "work", "value": "w@example.com"}]))?;
            let op = json!([{"op": "add", "path": "emails[type eq \"work\"].display", "value": "D"}]);
            p.patched(&at, op).await?.each_is("/emails", "display", &["D"])?;
            let op = json!([{"op": "add", "path": "emails[type sw \"ho\"].value", "value": "h@example.com"}]);
            p.patch(&at, op).await?.refused(400, "noTarget")?;
            Ok(())
        })
    })
    .needs(&[Patch]),
    practice("P-23", "RFC 7644 §3.5.2.1", "add of nothing does nothing; of null as an element, or of the wrong type, is invalidValue", |p| {
        Box::pin(async move {
            let sent = json!({"emails": [{"type": "work", "value": "w@example.com"}]});
            let at = format!("/Users/{}", p.user_with(sent).await?.id()?);
            for value in [json!([]), json!(null)] {
                let op = json!([{"op": "add", "path": "emails", "value": value}]);
                p.patched(&at, op).await?.each_is("/emails", "value", &["w@example.com"])?;
            }
            for (path, value) in [
                ("emails", json!([null])),
                ("emails", json!(5)),
                ("title", json!({"a": 1})),
                ("active", json!("perhaps")),
            ] {
                let op = json!([{"op": "add", "path": path, "value": value}]);
                p.patch(&at, op).await?.refused(400, "invalidValue")?;
            }
            let op = json!([{"op": "add", "path": format!("{ENTERPRISE}:department"), "value": 5}]);
            p.patch(&at, op).await?.refused(400, "invalidValue")?;
            Ok(())
        })
    })
    .needs(&[Patch]),
];
