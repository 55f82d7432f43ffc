//! C-25 to C-31: OneLogin, JumpCloud, Ping, Google, scripts.

use serde_json::json;
use usher_scim::schema::{GROUP, USER};

use crate::{
    case::{
        Case, Level,
        Need::{Filter, Patch},
        practice, unseen,
    },
    probe::PATCH,
};

pub(in crate::cases) const CASES: &[Case] = &[
    practice("C-25", "OneLogin", "Spaces as +, an & at the end, a ? at the end, URNs from before the RFC, an empty User-Agent", |p| {
        Box::pin(async move {
            let name = p.name("user");
            let old = json!({
                "schemas": ["urn:scim:schemas:core:2.0", "urn:scim:schemas:extension:enterprise:2.0"], "userName": name,
            });
            let answer = p.post("/Users", old.clone()).await?;
            let id = if answer.status == 400 {
                answer.refused(400, "invalidSyntax")?;
                p.user_with(json!({"userName": name})).await?.id()?
            } else {
                let answer = answer.expect(201)?;
                answer.ensure(answer.schemas() == [USER], "answer with the URNs of the RFC")?;
                answer.id()?
            };
            let path = format!("/Users?filter=userName+eq+%22{name}%22&");
            let found = p.send("GET", &path, &[("user-agent", " ")], "").await?.expect(200)?;
            found.has("/totalResults", 1)?.has("/Resources/0/id", id.as_str())?;
            let body = json!({"schemas": [USER], "userName": name, "title": "T"});
            p.put(&format!("/Users/{id}?"), body).await?.expect(200)?.has("/title", "T")?;
            Ok(())
        })
    })
    .needs(&[Filter]),
    practice("C-26", "JumpCloud", "Its set-up makes a user and a group, puts one into the other, and removes both", |p| {
        Box::pin(async move {
            let user = p.user_with(json!({"name": {"givenName": "G", "familyName": "F"}, "active": true})).await?.id()?;
            let group = p.group(&[]).await?;
            let at = format!("/Groups/{group}");
            let add = json!([{"op": "add", "path": "members", "value": [{"value": user}]}]);
            p.patched(&at, add).await?.each_is("/members", "value", &[&user])?;
            let remove = json!([{"op": "remove", "path": format!("members[value eq \"{user}\"]")}]);
            p.patched(&at, remove).await?.lacks("/members")?;
            p.delete(&at).await?.expect(204)?;
            p.delete(&format!("/Users/{user}")).await?.expect(204)?;
            Ok(())
        })
    })
    .needs(&[Patch]),
    practice("C-27", "Ping", "Users change by PUT, groups by PATCH; a group is found by listing all of them", |p| {
        Box::pin(async move {
            let made = p.user_with(json!({})).await?;
            let id = made.id()?;
            let body = json!({"schemas": [USER], "userName": made.at("/userName"), "title": "T"});
            p.put(&format!("/Users/{id}"), body).await?.expect(200)?.has("/title", "T")?;
            let name = p.name("group");
            let group = p.group_with(json!({"displayName": name})).await?.id()?;
            let (mut start, mut found) = (1, false);
            loop {
                let page = p.get(&format!("/Groups?startIndex={start}&count=100")).await?.expect(200)?;
                let ids = page.ids()?;
                found = found || page.all("/Resources").iter().any(|g| g["id"] == group.as_str() && g["displayName"] == name.as_str());
                start += ids.len();
                if ids.is_empty() || found {
                    break page.ensure(found, "list every group, page by page")?;
                }
            }
            let op = json!([{"op": "add", "path": "members", "value": [{"value": id}]}]);
            p.patched(&format!("/Groups/{group}"), op).await?.each_is("/members", "value", &[&id])
        })
    })
    .needs(&[Patch]),
    practice("C-28", "Google Workspace", "It tries the connection by asking for one user", |p| {
        Box::pin(async move {
            let page = p.get("/Users?count=1").await?.expect(200)?;
            page.ensure(page.ids()?.len() <= 1, "send one user when one is asked for")
        })
    }),
    practice("C-29", "authentik", "patch.supported is true for users and groups alike", |p| {
        Box::pin(async move {
            let said = p.can().patch;
            let user = format!("/Users/{}", p.user().await?);
            let group = format!("/Groups/{}", p.group(&[]).await?);
            for at in [user, group] {
                let op = json!([{"op": "add", "path": "externalId", "value": "e"}]);
                let answer = p.patch(&at, op).await?;
                if said {
                    answer.one_of(&[200, 204])?;
                    p.get(&at).await?.expect(200)?.has("/externalId", "e")?;
                } else {
                    answer.ensure(!matches!(answer.status, 200 | 204), "announce PATCH where it works")?;
                }
            }
            Ok(())
        })
    }),
    practice("C-30", "Scripts", "Members as bare ids are read or refused; op delete, and operation delete in a member, are refused", |p| {
        Box::pin(async move {
            let user = p.user().await?;
            let id = p.group(&[&user]).await?;
            let at = format!("/Groups/{id}");
            let script = json!({"schemas": [PATCH], "operations": [{"op": "add", "path": "members", "value": [user]}]});
            p.send("PATCH", &at, &[], script.to_string()).await?.one_of(&[200, 204, 400])?;
            p.members_are(&id, &[&user]).await?;
            let old = json!([{"op": "delete", "path": "members"}]);
            p.patch(&at, old).await?.refused(400, "invalidSyntax")?;
            let older = json!({
                "schemas": [GROUP], "displayName": "x", "members": [{"value": user, "operation": "delete"}],
            });
            p.send("PATCH", &at, &[], older.to_string()).await?.refused(400, "invalidSyntax")?;
            p.members_are(&id, &[&user]).await
        })
    })
    .needs(&[Patch]),
    unseen(
        Level::Practice,
        "C-31",
        "Operators",
        "Each tolerance that was applied is noted, so that an operator sees which are in use",
        "a server's log is not read over SCIM",
    ),
];
