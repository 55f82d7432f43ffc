//! C-01 to C-15: Microsoft Entra ID.

use serde_json::{Value, json};
use usher_scim::schema::{GROUP, USER};

use crate::{
    case::{
        Case,
        Need::{Filter, Patch},
        practice,
    },
    probe::{ENTERPRISE, Probe},
    verdict::{Fallible, ensure, skip},
};

const EXTENSION: &str = "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Asserts that a PATCH is done, or refused with 400 and then leaves everything as it was; `true`: done.
async fn done_or_refused(p: &mut Probe, at: &str, ops: Value) -> Fallible<bool> {
    let before = p.get(at).await?.expect(200)?;
    let answer = p.patch(at, ops).await?.one_of(&[200, 204, 400])?;
    if answer.status != 400 {
        return Ok(true);
    }
    answer.refused(400, "")?;
    let after = p.get(at).await?.expect(200)?;
    after.ensure(after.json == before.json, "change nothing by a PATCH that is refused")?;
    Ok(false)
}

pub(in crate::cases) const CASES: &[Case] = &[
    practice("C-01", "Entra ID", "Booleans as the texts True and False are read as meant, or refused; any other text is refused", |p| {
        Box::pin(async move {
            let made = p.user_with(json!({"active": true, "nickName": "C-01"})).await?;
            let at = format!("/Users/{}", made.id()?);
            let set = |value: &str| json!([{"op": "Replace", "path": "active", "value": value}]);
            for (text, active) in [("False", false), ("True", true), ("false", false), ("true", true)] {
                let before = p.get(&at).await?.expect(200)?.at("/active").clone();
                let done = done_or_refused(p, &at, set(text)).await?;
                let expected = if done { json!(active) } else { before };
                p.get(&at).await?.expect(200)?.has("/active", expected)?;
            }
            p.patch(&at, set("no")).await?.refused(400, "invalidValue")?;
            if p.as_strict() {
                let at = format!("/Users/{}", p.user().await?);
                p.patch(&at, set("False")).await?.refused(400, "invalidValue")?;
            }
            Ok(())
        })
    })
    .needs(&[Patch])
    .advice("read the texts true, false, True and False as booleans where a boolean belongs, or refuse them; never answer 200 and ignore them"),
    practice("C-02", "Entra ID", "An operation for each part, all in one request, is one change", |p| {
        Box::pin(async move {
            let made = p.user().await?;
            let at = format!("/Users/{made}");
            let ops = json!([
                {"op": "Add", "path": "name.givenName", "value": "G"},
                {"op": "Add", "path": "emails[type eq \"work\"].value", "value": "w@example.com"},
                {"op": "Add", "path": "addresses[type eq \"other\"].Formatted", "value": "Somewhere"},
                {"op": "Add", "path": format!("{ENTERPRISE}:employeeNumber"), "value": "7"},
            ]);
            let user = p.patched(&at, ops).await?;
            user.has("/name/givenName", "G")?.has("/emails/0/value", "w@example.com")?;
            user.has("/addresses/0/formatted", "Somewhere")?.has(&format!("{EXTENSION}/employeeNumber"), "7")?;
            Ok(())
        })
    })
    .needs(&[Patch]),
    practice("C-03", "Entra ID", "Parts of an element that is not there make one element, not one each", |p| {
        Box::pin(async move {
            let at = format!("/Users/{}", p.user().await?);
            let part = |op: &str, name: &str, value: Value| {
                json!({"op": op, "path": format!("emails[type eq \"work\"].{name}"), "value": value})
            };
            let added = json!([
                part("Add", "value", json!("w@example.com")), part("Add", "display", json!("W")),
                part("Add", "primary", json!(true)),
            ]);
            let user = p.patched(&at, added).await?;
            let whole = json!([{"type": "work", "value": "w@example.com", "display": "W", "primary": true}]);
            user.has("/emails", whole)?;
            let at = format!("/Users/{}", p.user().await?);
            let replaced = json!([
                part("Replace", "value", json!("w@example.com")), part("Replace", "display", json!("W")),
            ]);
            if done_or_refused(p, &at, replaced).await? {
                let user = p.get(&at).await?.expect(200)?;
                user.has("/emails", json!([{"type": "work", "value": "w@example.com", "display": "W"}]))?;
            }
            Ok(())
        })
    })
    .needs(&[Patch]),
    practice("C-04", "Entra ID", "Members are added and removed by a list of values with \"$ref\": null; just those", |p| {
        Box::pin(async move {
            let (a, b, c) = (p.user().await?, p.user().await?, p.user().await?);
            let at = format!("/Groups/{}", p.group(&[&a]).await?);
            let member = |id: &str| json!({"$ref": null, "value": id});
            let add = json!([{"op": "Add", "path": "members", "value": [member(&b), member(&c)]}]);
            p.patched(&at, add).await?.each_is("/members", "value", &[&a, &b, &c])?;
            let remove = json!([{"op": "Remove", "path": "members", "value": [member(&b)]}]);
            if done_or_refused(p, &at, remove).await? {
                p.get(&at).await?.expect(200)?.each_is("/members", "value", &[&a, &c])?;
            }
            Ok(())
        })
    })
    .restates(&["P-30"])
    .needs(&[Patch]),
    practice("C-05", "Entra ID", "A value without a path may have paths as keys: dotted, with a URN, with brackets", |p| {
        Box::pin(async move {
            let at = format!("/Users/{}", p.user_with(json!({"displayName": "A"})).await?.id()?);
            let number = format!("{ENTERPRISE}:employeeNumber");
            let value = json!({
                "displayName": "B", "name.familyName": "K", number.clone(): "A7",
                "emails[type eq \"work\"].value": "w@example.com",
            });
            let user = p.patched(&at, json!([{"op": "Replace", "value": value}])).await?;
            user.has("/displayName", "B")?.has("/name/familyName", "K")?;
            user.has(&format!("{EXTENSION}/employeeNumber"), "A7")?;
            user.has("/emails/0/value", "w@example.com")?.has("/emails/0/type", "work")?;
            let keys = user.json.as_object().map(|all| all.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
            let literal = |key: &String| key == "name.familyName" || *key == number || key.contains('[');
            user.ensure(!keys.iter().any(literal), "read such keys as paths, and never store them")
        })
    })
    .needs(&[Patch])
    .advice("read each key of a value without a path as a path"),
    practice("C-06", "Entra ID", "A manager comes as bare id, as object, or as an array of one; empty, it is none", |p| {
        Box::pin(async move {
            let boss = p.user().await?;
            let place = format!("{EXTENSION}/manager/value");
            let path = format!("{ENTERPRISE}:manager");
            let forms = [json!(boss), json!({"value": boss}), json!([{"$ref": format!("../Users/{boss}"), "value": boss}])];
            for value in forms {
                let at = format!("/Users/{}", p.user().await?);
                let ops = json!([{"op": "Replace", "path": path, "value": value}]);
                if done_or_refused(p, &at, ops).await? {
                    p.get(&at).await?.expect(200)?.has(&place, boss.as_str())?;
                } else {
                    ensure(!value.is_object(), "take a manager as an object with a value", value)?;
                }
                let ops = json!([{"op": "Replace", "path": path, "value": ""}]);
                if done_or_refused(p, &at, ops).await? {
                    p.get(&at).await?.expect(200)?.lacks(&place)?;
                }
            }
            Ok(())
        })
    })
    .needs(&[Patch]),
    practice("C-07", "Entra ID", "A new user with null for much, also for names that belong elsewhere, is made", |p| {
        Box::pin(async move {
            let user = p.user_with(json!({"displayName": "D"})).await?;
            user.has("/displayName", "D")?;
            let name = p.name("user");
            let body = json!({
                "schemas": [USER, ENTERPRISE], "userName": name, "department": null, "manager": null,
                "addresses": null, "phoneNumbers": null, "title": null, "name": {"givenName": null},
            });
            let made = p.post("/Users", body).await?.expect(201)?;
            made.has("/userName", name)?.lacks("/title")?.lacks("/department")?.lacks("/addresses")?;
            Ok(())
        })
    }),
    practice("C-08", "Entra ID", "The test of the connection asks for a userName that nobody has: 200, an empty list", |p| {
        Box::pin(async move {
            let found = p.query("/Users", "userName eq \"2819c223-7f76-453a-919d-413861904646\"").await?.expect(200)?;
            found.ids()?;
            found.has("/totalResults", 0)?;
            found.ensure(found.at("/Resources").is_array(), "send an empty Resources, too")
        })
    })
    .needs(&[Filter]),
    practice("C-09", "Entra ID", "Groups are read and found without their members", |p| {
        Box::pin(async move {
            let user = p.user().await?;
            let name = p.name("group");
            let id = p.group_with(json!({"displayName": name, "members": [{"value": user}]})).await?.id()?;
            let read = p.get(&format!("/Groups/{id}?excludedAttributes=members")).await?.expect(200)?;
            read.has("/displayName", name.as_str())?.lacks("/members")?;
            let filter = crate::probe::encoded(&format!("displayName eq \"{name}\""));
            let found = p.get(&format!("/Groups?excludedAttributes=members&filter={filter}")).await?.expect(200)?;
            found.has("/totalResults", 1)?.has("/Resources/0/id", id)?.lacks("/Resources/0/members")?;
            Ok(())
        })
    })
    .needs(&[Filter]),
    practice("C-10", "Entra ID", "Is u a member of g, is m the manager of u: two eq joined by and, the reference without its value", |p| {
        Box::pin(async move {
            let (boss, other) = (p.user().await?, p.user().await?);
            let user = p.user_with(json!({ENTERPRISE: {"manager": {"value": boss}}})).await?.id()?;
            let group = p.group(&[&user]).await?;
            let inside = |member: &str| format!("id eq \"{group}\" and members eq \"{member}\"");
            p.finds("/Groups", &inside(&user), &[&group]).await?;
            p.finds("/Groups", &inside(&other), &[]).await?;
            let under = |boss: &str| format!("id eq \"{user}\" and {ENTERPRISE}:manager eq \"{boss}\"");
            p.finds("/Users", &under(&boss), &[&user]).await?;
            p.finds("/Users", &under(&other), &[]).await
        })
    })
    .needs(&[Filter]),
    practice("C-11", "Entra ID", "App roles: a filter on primary as text is read, JSON text in a value is kept or unpacked", |p| {
        Box::pin(async move {
            let at = format!("/Users/{}", p.user().await?);
            let role = json!({"id": "1", "value": "Admin", "displayName": "Administrator"}).to_string();
            let ops = json!([{"op": "Add", "path": "roles", "value": [{"value": role}]}]);
            let user = p.patched(&at, ops).await?;
            let shown = user.at("/roles/0/value");
            user.ensure(shown == "Admin" || shown == role.as_str(), "keep a role as sent, or unpack it")?;
            let at = format!("/Users/{}", p.user().await?);
            let ops = json!([{"op": "Add", "path": "roles[primary eq \"True\"].value", "value": "Admin"}]);
            if done_or_refused(p, &at, ops).await? {
                let user = p.get(&at).await?.expect(200)?;
                user.has("/roles/0/value", "Admin")?.has("/roles/0/primary", true)?;
            }
            Ok(())
        })
    })
    .needs(&[Patch]),
    practice("C-12", "Entra ID", "active=false disables and active=true restores; in between the user is there; DELETE is 204", |p| {
        Box::pin(async move {
            let at = format!("/Users/{}", p.user_with(json!({"title": "T"})).await?.id()?);
            for active in [false, true, false] {
                let ops = json!([{"op": "Replace", "path": "active", "value": active}]);
                p.patched(&at, ops).await?.has("/active", active)?.has("/title", "T")?;
            }
            p.delete(&at).await?.expect(204)?;
            Ok(())
        })
    })
    .needs(&[Patch]),
    practice("C-13", "Entra ID", "Every answer with a body is application/scim+json", |p| {
        Box::pin(async move {
            let made = p.user_with(json!({})).await?;
            let at = format!("/Users/{}", made.id()?);
            let answers = [
                p.get(&at).await?.expect(200)?,
                p.get("/Users?count=1").await?.expect(200)?,
                p.get("/Schemas").await?.expect(200)?,
                p.get("/Users/nobody").await?.expect(404)?,
                made,
            ];
            for answer in answers {
                answer.ensure(answer.media() == "application/scim+json", "answer as application/scim+json")?;
            }
            Ok(())
        })
    }),
    practice("C-14", "Entra ID", "A member as a bare id is read as that member, or refused", |p| {
        Box::pin(async move {
            let user = p.user().await?;
            let at = format!("/Groups/{}", p.group(&[]).await?);
            let ops = json!([{"op": "add", "path": "members", "value": user}]);
            if done_or_refused(p, &at, ops.clone()).await? {
                p.get(&at).await?.expect(200)?.each_is("/members", "value", &[&user])?;
            }
            if p.as_strict() {
                let user = p.user().await?;
                let at = format!("/Groups/{}", p.group(&[]).await?);
                let ops = json!([{"op": "add", "path": "members", "value": user}]);
                p.patch(&at, ops).await?.refused(400, "invalidValue")?;
            }
            Ok(())
        })
    })
    .needs(&[Patch]),
    practice("C-15", "Entra ID", "Twenty-five requests at once are served, or told by 429 when to come again", |p| {
        Box::pin(async move {
            let names: Vec<String> = (0..25).map(|n| p.name(&format!("at-once-{n}"))).collect();
            let bodies =
                names.iter().map(|name| json!({"schemas": [GROUP], "displayName": name})).collect();
            let answers = p.burst("POST", "/Groups", &[], bodies).await?;
            let mut served = 0;
            for answer in answers {
                let answer = answer.one_of(&[201, 429])?;
                if answer.status == 429 {
                    answer.ensure(!answer.header("retry-after").is_empty(), "say in Retry-After when to come again")?;
                } else {
                    served += 1;
                }
            }
            if served == 0 {
                return skip("the server's rate is used up");
            }
            Ok(())
        })
    }),
];
