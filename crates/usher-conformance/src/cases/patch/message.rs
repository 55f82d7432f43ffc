//! P-01 to P-14: the message and its paths.

use serde_json::{Value, json};
use usher_scim::schema::USER;

use crate::{
    case::{Case, Need::Patch, must, practice, should},
    probe::{ENTERPRISE, PATCH},
    verdict::skip,
};

const EXTENSION: &str = "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Three addresses: work, home and other.
fn mails() -> Value {
    json!({"emails": [
        {"type": "work", "value": "w@example.com"}, {"type": "home", "value": "h@example.com"},
        {"type": "other", "value": "o@example.org"},
    ]})
}

pub(in crate::cases) const CASES: &[Case] = &[
    should("P-01", "RFC 7644 §3.5.2", "PATCH is there, and announced; where it is not, it is 501", |p| {
        Box::pin(async move {
            let at = format!("/Users/{}", p.user().await?);
            let op = json!([{"op": "add", "path": "title", "value": "T"}]);
            if p.can().patch {
                p.patched(&at, op).await?.has("/title", "T")?;
                return Ok(());
            }
            p.patch(&at, op).await?.refused(501, "")?;
            skip("PATCH is not offered, and says so")
        })
    }),
    must("P-02", "RFC 7644 §3.5.2", "The body is a PatchOp with at least one operation; anything else is invalidSyntax", |p| {
        Box::pin(async move {
            let at = format!("/Users/{}", p.user_with(json!({"title": "old"})).await?.id()?);
            let op = json!([{"op": "replace", "path": "title", "value": "new"}]);
            for body in [
                json!({"Operations": op}),
                json!({"schemas": [USER], "Operations": op}),
                json!({"schemas": [PATCH]}),
                json!({"schemas": [PATCH], "Operations": {"op": "replace", "path": "title", "value": "new"}}),
            ] {
                p.send("PATCH", &at, &[], body.to_string()).await?.refused(400, "invalidSyntax")?;
            }
            p.get(&at).await?.expect(200)?.has("/title", "old")?;
            p.patched(&at, op).await?.has("/title", "new")?;
            Ok(())
        })
    })
    .needs(&[Patch]),
    practice("P-03", "RFC 7644 §3.5.2", "Operations is found in any case, other members are ignored, an empty list does nothing or is refused", |p| {
        Box::pin(async move {
            let at = format!("/Users/{}", p.user_with(json!({"title": "old"})).await?.id()?);
            let op = json!([{"op": "replace", "path": "title", "value": "new"}]);
            let body = json!({"schemas": [PATCH], "operations": op, "name": "x", "id": "y"});
            p.send("PATCH", &at, &[], body.to_string()).await?.one_of(&[200, 204])?;
            p.get(&at).await?.expect(200)?.has("/title", "new")?;
            let answer = p.patch(&at, json!([])).await?.one_of(&[200, 204, 400])?;
            if answer.status == 400 {
                answer.refused_as(400, &["invalidSyntax", "invalidValue"])?;
            }
            p.get(&at).await?.expect(200)?.has("/title", "new")?;
            if p.as_strict() {
                let at = format!("/Users/{}", p.user().await?);
                p.patch(&at, json!([])).await?.refused(400, "invalidSyntax")?;
            }
            Ok(())
        })
    })
    .needs(&[Patch]),
    must("P-04", "RFC 7644 §3.5.2", "op is add, remove or replace, in any case; anything else is invalidSyntax", |p| {
        Box::pin(async move {
            let at = format!("/Users/{}", p.user().await?);
            for (op, value) in [("Add", "a"), ("REPLACE", "b"), ("replace", "c")] {
                let ops = json!([{"op": op, "path": "title", "value": value}]);
                p.patched(&at, ops).await?.has("/title", value)?;
            }
            p.patched(&at, json!([{"op": "Remove", "path": "title"}])).await?.lacks("/title")?;
            for wrong in [json!("move"), json!("copy"), json!("test"), json!(null), json!(5)] {
                let ops = json!([{"op": wrong, "path": "title", "value": "x"}]);
                p.patch(&at, ops).await?.refused(400, "invalidSyntax")?;
            }
            p.patch(&at, json!([{"path": "title", "value": "x"}])).await?.refused(400, "invalidSyntax")?;
            p.get(&at).await?.expect(200)?.lacks("/title")?;
            Ok(())
        })
    })
    .needs(&[Patch]),
    must("P-05", "RFC 7644 §3.5.2", "Operations are applied in order, each to what the one before left", |p| {
        Box::pin(async move {
            let at = format!("/Users/{}", p.user().await?);
            let ops = json!([
                {"op": "add", "path": "title", "value": "first"},
                {"op": "add", "path": "nickName", "value": "gone"},
                {"op": "replace", "path": "title", "value": "second"},
                {"op": "remove", "path": "nickName"},
                {"op": "add", "path": "emails", "value": [{"type": "work", "value": "a@example.com"}]},
                {"op": "replace", "path": "emails[type eq \"work\"].value", "value": "b@example.com"},
            ]);
            let user = p.patched(&at, ops).await?;
            user.has("/title", "second")?.lacks("/nickName")?.each_is("/emails", "value", &["b@example.com"])
        })
    })
    .needs(&[Patch]),
    must("P-06", "RFC 7644 §3.5.2", "A PATCH is done whole or not at all: when one operation fails, nothing has changed", |p| {
        Box::pin(async move {
            let member = p.user().await?;
            let made = p.group_with(json!({"externalId": "old"})).await?;
            let at = format!("/Groups/{}", made.id()?);
            let ops = json!([
                {"op": "replace", "path": "externalId", "value": "new"},
                {"op": "add", "path": "members", "value": [{"value": member}]},
                {"op": "replace", "path": "noSuchAttribute", "value": "x"},
            ]);
            p.patch(&at, ops).await?.refused(400, "")?;
            let read = p.get(&at).await?.expect(200)?;
            read.has("/externalId", "old")?.lacks("/members")?;
            read.has("/meta", made.at("/meta").clone())?;
            Ok(())
        })
    })
    .needs(&[Patch])
    .advice("apply all operations to a copy, and write it only when every one of them succeeded"),
    must("P-07", "RFC 7644 §3.5.2", "Success is 200 with the whole resource or 204; with attributes it is 200", |p| {
        Box::pin(async move {
            let at = format!("/Users/{}", p.user_with(json!({"nickName": "N"})).await?.id()?);
            let op = |title: &str| json!([{"op": "replace", "path": "title", "value": title}]);
            let answer = p.patch(&at, op("one")).await?.one_of(&[200, 204])?;
            if answer.status == 200 {
                answer.has("/title", "one")?.has("/nickName", "N")?;
            } else {
                answer.ensure(answer.is_empty(), "send no body with 204")?;
            }
            let cut = p.patch(&format!("{at}?attributes=title"), op("two")).await?.expect(200)?;
            cut.has("/title", "two")?.lacks("/nickName")?;
            cut.id()?;
            Ok(())
        })
    })
    .needs(&[Patch]),
    must("P-08", "RFC 7644 §3.5.2", "A path is an attribute, a part of one, a filtered one, or a part of that; names in any case", |p| {
        Box::pin(async move {
            let at = format!("/Users/{}", p.user_with(mails()).await?.id()?);
            let ops = json!([
                {"op": "replace", "path": "TITLE", "value": "T"},
                {"op": "replace", "path": "name.GivenName", "value": "G"},
                {"op": "replace", "path": "emails[type eq \"work\"]", "value": {"type": "work", "value": "new@example.com"}},
                {"op": "replace", "path": "Emails[Type eq \"other\"].Value", "value": "other@example.com"},
                {"op": "replace", "path": format!("{USER}:nickName"), "value": "N"},
            ]);
            let user = p.patched(&at, ops).await?;
            user.has("/title", "T")?.has("/name/givenName", "G")?.has("/nickName", "N")?;
            user.each_is("/emails", "value", &["new@example.com", "h@example.com", "other@example.com"])
        })
    })
    .needs(&[Patch]),
    must("P-09", "RFC 7644 §3.10", "A path may begin with a URN; a value in an extension brings its URN into schemas", |p| {
        Box::pin(async move {
            let boss = p.user().await?;
            let at = format!("/Users/{}", p.user().await?);
            let ops = json!([
                {"op": "add", "path": format!("{ENTERPRISE}:department"), "value": "D"},
                {"op": "add", "path": format!("{ENTERPRISE}:manager.value"), "value": boss},
                {"op": "add", "path": format!("{USER}:name.familyName"), "value": "F"},
            ]);
            let user = p.patched(&at, ops).await?;
            user.has(&format!("{EXTENSION}/department"), "D")?.has("/name/familyName", "F")?;
            user.has(&format!("{EXTENSION}/manager/value"), boss)?;
            user.ensure(user.schemas().iter().any(|urn| urn == ENTERPRISE), "add the extension's URN to schemas")
        })
    })
    .needs(&[Patch]),
    practice("P-10", "RFC 7644 §3.5.2", "The URN of an extension as path is the whole extension", |p| {
        Box::pin(async move {
            let sent = json!({"schemas": [USER, ENTERPRISE], ENTERPRISE: {"department": "D", "division": "V"}});
            let at = format!("/Users/{}", p.user_with(sent).await?.id()?);
            let merge = json!([{"op": "replace", "path": ENTERPRISE, "value": {"department": "E"}}]);
            let user = p.patched(&at, merge).await?;
            user.has(&format!("{EXTENSION}/department"), "E")?.has(&format!("{EXTENSION}/division"), "V")?;
            let user = p.patched(&at, json!([{"op": "remove", "path": ENTERPRISE}])).await?;
            user.lacks(EXTENSION)?;
            user.ensure(user.schemas() == [USER], "leave out the URN of a cleared extension")
        })
    })
    .needs(&[Patch]),
    must("P-11", "RFC 7644 §3.5.2, §3.12", "A path that is none is invalidPath: an index, a bad bracket, an attribute that nobody has", |p| {
        Box::pin(async move {
            let at = format!("/Users/{}", p.user_with(mails()).await?.id()?);
            for path in ["emails[0].value", "emails.0", "no such thing", "noSuchAttribute", "name.noSuchPart"] {
                let op = json!([{"op": "replace", "path": path, "value": "x"}]);
                p.patch(&at, op).await?.refused_as(400, &["invalidPath", "invalidFilter"])?;
            }
            p.patch(&at, json!([{"op": "replace", "path": "noSuchAttribute", "value": "x"}])).await?.refused(400, "invalidPath")?;
            let op = json!([{"op": "replace", "path": "emails[type foo \"work\"].value", "value": "x"}]);
            p.patch(&at, op).await?.refused_as(400, &["invalidFilter", "invalidPath"])?;
            Ok(())
        })
    })
    .needs(&[Patch]),
    practice("P-12", "RFC 7644 §3.5.2", "A text in a path's filter may hold brackets, dots, quotes and backslashes", |p| {
        Box::pin(async move {
            let odd = "x].y[\"z\\";
            let sent = json!({"emails": [{"type": "work", "value": odd}, {"type": "home", "value": "h@example.com"}]});
            let at = format!("/Users/{}", p.user_with(sent).await?.id()?);
            let path = format!("emails[value eq {}].display", json!(odd));
            let user = p.patched(&at, json!([{"op": "add", "path": path, "value": "D"}])).await?;
            let shown = user.all("/emails").iter().find(|e| e["display"] == "D").map(|e| e["value"].clone());
            user.ensure(shown == Some(json!(odd)), "change the element that the path names, and no other")?;
            user.ensure(user.each("/emails", "display") == ["D"], "change the element that the path names, and no other")
        })
    })
    .needs(&[Patch]),
    practice("P-13", "RFC 7644 §3.5.2", "A filter on a single value is invalidPath; a part without filter is that part of all elements", |p| {
        Box::pin(async move {
            let at = format!("/Users/{}", p.user_with(mails()).await?.id()?);
            let op = json!([{"op": "replace", "path": "name[givenName eq \"x\"]", "value": {"givenName": "y"}}]);
            p.patch(&at, op).await?.refused(400, "invalidPath")?;
            let all = json!([{"op": "replace", "path": "emails.display", "value": "D"}]);
            p.patched(&at, all).await?.each_is("/emails", "display", &["D", "D", "D"])
        })
    })
    .needs(&[Patch]),
    must("P-14", "RFC 7644 §3.5.2.2", "A path's filter may be any filter over the parts of an element", |p| {
        Box::pin(async move {
            let at = format!("/Users/{}", p.user_with(mails()).await?.id()?);
            let op = |filter: &str| json!([{"op": "remove", "path": format!("emails[{filter}]")}]);
            let left = p.patched(&at, op("type eq \"work\" and value ew \"example.com\"")).await?;
            left.each_is("/emails", "type", &["home", "other"])?;
            let left = p.patched(&at, op("not (value co \".org\") or display pr")).await?;
            left.each_is("/emails", "type", &["other"])?;
            p.patched(&at, op("value eq\"o@example.org\"")).await?.lacks("/emails")?;
            Ok(())
        })
    })
    .needs(&[Patch]),
];
