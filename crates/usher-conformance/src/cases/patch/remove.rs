//! P-24 to P-30: remove.

use serde_json::{Value, json};

use crate::case::{Case, Need::Patch, must, practice};

fn two() -> Value {
    json!({"title": "T", "emails": [
        {"type": "work", "value": "w@example.com", "display": "W"},
        {"type": "home", "value": "h@example.com", "display": "H"},
    ]})
}

pub(in crate::cases) const CASES: &[Case] = &[
    must("P-24", "RFC 7644 §3.5.2.2", "remove without a path is noTarget", |p| {
        Box::pin(async move {
            let at = format!("/Users/{}", p.user_with(two()).await?.id()?);
            for op in [json!({"op": "remove"}), json!({"op": "remove", "value": {"title": "T"}})] {
                p.patch(&at, json!([op])).await?.refused(400, "noTarget")?;
            }
            p.get(&at).await?.expect(200)?.has("/title", "T")?;
            Ok(())
        })
    })
    .needs(&[Patch]),
    must("P-25", "RFC 7644 §3.5.2.2", "remove unassigns a single value, and all of several; a group can be emptied", |p| {
        Box::pin(async move {
            let user = p.user_with(two()).await?.id()?;
            let ops = json!([{"op": "remove", "path": "title"}, {"op": "remove", "path": "emails"}]);
            p.patched(&format!("/Users/{user}"), ops).await?.lacks("/title")?.lacks("/emails")?;
            let group = p.group(&[&user]).await?;
            p.members_are(&group, &[&user]).await?;
            let op = json!([{"op": "remove", "path": "members"}]);
            p.patched(&format!("/Groups/{group}"), op).await?.lacks("/members")?;
            Ok(())
        })
    })
    .needs(&[Patch]),
    must("P-26", "RFC 7644 §3.5.2.2", "remove with a filter takes the matching elements; without any left the attribute is unassigned", |p| {
        Box::pin(async move {
            let at = format!("/Users/{}", p.user_with(two()).await?.id()?);
            let op = json!([{"op": "remove", "path": "emails[type eq \"work\"]"}]);
            p.patched(&at, op).await?.each_is("/emails", "type", &["home"])?;
            let op = json!([{"op": "remove", "path": "emails[type eq \"home\"]"}]);
            p.patched(&at, op).await?.lacks("/emails")?;
            let member = p.user().await?;
            let group = p.group(&[&member]).await?;
            let op = json!([{"op": "remove", "path": format!("members[value eq \"{member}\"]")}]);
            p.patched(&format!("/Groups/{group}"), op).await?.lacks("/members")?;
            Ok(())
        })
    })
    .needs(&[Patch]),
    must("P-27", "RFC 7644 §3.5.2.2", "remove of a part of an element unassigns just that part", |p| {
        Box::pin(async move {
            let at = format!("/Users/{}", p.user_with(two()).await?.id()?);
            let op = json!([{"op": "remove", "path": "emails[type eq \"work\"].display"}]);
            let user = p.patched(&at, op).await?;
            user.each_is("/emails", "display", &["H"])?;
            user.each_is("/emails", "value", &["w@example.com", "h@example.com"])?;
            p.patched(&at, json!([{"op": "add", "path": "name", "value": {"givenName": "G", "familyName": "F"}}])).await?;
            let user = p.patched(&at, json!([{"op": "remove", "path": "name.givenName"}])).await?;
            user.has("/name/familyName", "F")?.lacks("/name/givenName")?;
            Ok(())
        })
    })
    .needs(&[Patch]),
    must("P-28", "RFC 7644 §3.5.2.2", "What is required or read-only cannot be removed: mutability", |p| {
        Box::pin(async move {
            let at = format!("/Users/{}", p.user().await?);
            for path in ["userName", "id", "meta", "groups"] {
                p.patch(&at, json!([{"op": "remove", "path": path}])).await?.refused(400, "mutability")?;
            }
            let group = p.group(&[]).await?;
            let op = json!([{"op": "remove", "path": "displayName"}]);
            p.patch(&format!("/Groups/{group}"), op).await?.refused(400, "mutability")?;
            Ok(())
        })
    })
    .needs(&[Patch]),
    practice("P-29", "RFC 7644 §3.5.2.2", "remove of what is not there succeeds and changes nothing", |p| {
        Box::pin(async move {
            let user = p.user_with(two()).await?.id()?;
            let group = p.group(&[&user]).await?;
            let nobody = "members[value eq \"2819c223-7f76-453a-919d-413861904646\"]";
            let before = p.get(&format!("/Groups/{group}")).await?.expect(200)?;
            let after = p.patched(&format!("/Groups/{group}"), json!([{"op": "remove", "path": nobody}])).await?;
            after.each_is("/members", "value", &[&user])?;
            after.has("/meta/lastModified", before.at("/meta/lastModified").clone())?;
            p.patched(&format!("/Users/{user}"), json!([{"op": "remove", "path": "nickName"}])).await?.has("/title", "T")?;
            Ok(())
        })
    })
    .needs(&[Patch]),
    practice("P-30", "RFC 7644 §3.5.2.2", "remove of members with a value takes those members, or is refused; it never empties the group", |p| {
        Box::pin(async move {
            let (a, b) = (p.user().await?, p.user().await?);
            let group = p.group(&[&a, &b]).await?;
            let op = json!([{"op": "remove", "path": "members", "value": [{"value": a}]}]);
            let answer = p.patch(&format!("/Groups/{group}"), op.clone()).await?.one_of(&[200, 204, 400])?;
            if answer.status == 400 {
                answer.refused(400, "invalidValue")?;
                p.members_are(&group, &[&a, &b]).await?;
            } else {
                p.members_are(&group, &[&b]).await?;
            }
            if p.as_strict() {
                let (a, b) = (p.user().await?, p.user().await?);
                let group = p.group(&[&a, &b]).await?;
                p.patch(&format!("/Groups/{group}"), op).await?.refused(400, "invalidValue")?;
                p.members_are(&group, &[&a, &b]).await?;
            }
            Ok(())
        })
    })
    .needs(&[Patch])
    .advice("read the value as the members to take out, or refuse it; whoever sends this means some members, never all"),
];
