//! S-46 to S-58: what single attributes ask for.

use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;
use usher_scim::schema::{GROUP, USER};

use super::certificate::{PADDED, WHOLE};
use crate::{
    answer::Answer,
    case::{
        Case,
        Need::{Filter, Patch},
        may, must, practice,
    },
    probe::{ENTERPRISE, Probe},
    verdict::{Fallible, fail, skip},
};

const MANAGER: &str = "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/manager";

/// Users with each of these texts at `attribute`'s `sub`: the tolerant may keep it as sent, the strict have to refuse it.
async fn refused_or_kept(p: &mut Probe, attribute: &str, sub: &str, texts: &[&str]) -> Fallible {
    let mut kept = false;
    let body = |p: &mut Probe, text: &str| json!({"schemas": [USER], "userName": p.name("user"), attribute: [{"type": "work", sub: text}]});
    for text in texts {
        let body = body(p, text);
        let answer = p.post("/Users", body).await?;
        if answer.status == 400 {
            answer.refused(400, "invalidValue")?;
        } else {
            answer.expect(201)?.has(&format!("/{attribute}/0/{sub}"), *text)?;
            kept = true;
        }
    }
    if kept && !p.as_strict() {
        return skip("the server keeps such values as sent, and no token of a strict tenant was given");
    }
    for text in texts {
        let body = body(p, text);
        p.post("/Users", body).await?.refused(400, "invalidValue")?;
    }
    Ok(())
}

async fn member(p: &mut Probe, body: serde_json::Value) -> Fallible<Answer> {
    let id = p.group_with(json!({"members": [body]})).await?.id()?;
    p.get(&format!("/Groups/{id}")).await?.expect(200)
}

pub(in crate::cases) const CASES: &[Case] = &[
    must(
        "S-46",
        "RFC 7643 §4.1.2",
        "A user's groups follow from the groups' members: id, $ref, direct or indirect; what a client sends is ignored",
        |p| {
            Box::pin(async move {
                let user = p.user_with(json!({"groups": [{"value": "nowhere"}]})).await?;
                user.lacks("/groups")?;
                let id = user.id()?;
                let inner = p.group(&[&id]).await?;
                let outer = p.group(&[&inner]).await?;
                let shown = p.get(&format!("/Users/{id}")).await?.expect(200)?;
                let direct = shown.all("/groups").iter().find(|g| g["value"] == inner.as_str()).cloned();
                let direct = direct.unwrap_or_default();
                shown.ensure(direct["type"] == "direct", "show a group that the user is in as direct")?;
                let place = direct["$ref"].as_str().unwrap_or_default();
                shown.ensure(
                    place.ends_with(&format!("Groups/{inner}")),
                    "say each group's address in $ref",
                )?;
                let indirect = shown.all("/groups").iter().find(|g| g["value"] == outer.as_str());
                shown.ensure(
                    indirect.is_none_or(|group| group["type"] == "indirect"),
                    "show a group of a group as indirect",
                )
            })
        },
    ),
    must("S-47", "RFC 7643 §4.1.2", "addresses.country is a code of two letters", |p| {
        Box::pin(async move {
            for code in ["DE", "US"] {
                let address = json!({"addresses": [{"type": "work", "country": code}]});
                let id = p.user_with(address).await?.id()?;
                p.get(&format!("/Users/{id}")).await?.expect(200)?.has("/addresses/0/country", code)?;
            }
            let number =
                json!({"schemas": [USER], "userName": p.name("user"), "addresses": [{"country": 49}]});
            p.post("/Users", number).await?.refused(400, "invalidValue")?;
            refused_or_kept(p, "addresses", "country", &["Germany", "USA", "D", "D1"]).await
        })
    }),
    must(
        "S-48",
        "RFC 7643 §4.1.2",
        "A certificate is the base64 of one DER certificate, without PEM's armour",
        |p| {
            Box::pin(async move {
                for one in [WHOLE, PADDED] {
                    let id = p.user_with(json!({"x509Certificates": [{"value": one}]})).await?.id()?;
                    p.get(&format!("/Users/{id}"))
                        .await?
                        .expect(200)?
                        .has("/x509Certificates/0/value", one)?;
                }
                let pem = format!("-----BEGIN CERTIFICATE-----\n{WHOLE}\n-----END CERTIFICATE-----");
                let chain = format!("{WHOLE}{WHOLE}");
                let wrong = [pem.as_str(), chain.as_str(), &WHOLE[..200], "bm8gY2VydGlmaWNhdGU="];
                refused_or_kept(p, "x509Certificates", "value", &wrong).await
            })
        },
    ),
    must(
        "S-49",
        "RFC 7643 §4.1.1",
        "locale, preferredLanguage and timezone take the tags and names of their standards, phone numbers any text",
        |p| {
            Box::pin(async move {
                let user = p
                    .user_with(json!({
                        "locale": "en-US", "preferredLanguage": "da, en-gb;q=0.8, en;q=0.7",
                        "timezone": "America/Los_Angeles", "phoneNumbers": [{"value": "ask the desk"}],
                    }))
                    .await?;
                user.has("/locale", "en-US")?.has("/preferredLanguage", "da, en-gb;q=0.8, en;q=0.7")?;
                user.has("/timezone", "America/Los_Angeles")?.has("/phoneNumbers/0/value", "ask the desk")?;
                Ok(())
            })
        },
    ),
    must(
        "S-50",
        "RFC 7643 §4.1.2",
        "photos and profileUrl are addresses that the server keeps and does not call",
        |p| {
            Box::pin(async move {
                let Ok(listener) = TcpListener::bind("127.0.0.1:0").await else {
                    return skip("no port is free here to see whether the server calls");
                };
                let port = listener.local_addr().map(|a| a.port()).unwrap_or_default();
                let photo = format!("http://127.0.0.1:{port}/photo.jpg");
                let user = p
                    .user_with(json!({"photos": [{"type": "photo", "value": photo}], "profileUrl": photo}))
                    .await?;
                user.has("/photos/0/value", photo.as_str())?.has("/profileUrl", photo.as_str())?;
                p.get(&format!("/Users/{}", user.id()?)).await?.expect(200)?;
                match tokio::time::timeout(Duration::from_millis(100), listener.accept()).await {
                    Err(_) => Ok(()),
                    Ok(_) => fail(
                        "no connection to the address of a photo",
                        "the server called it",
                        "never call addresses that a client stores: it would make the server a proxy into its own network",
                    ),
                }
            })
        },
    ),
    must("S-51", "RFC 7643 §4.2, erratum 5368", "A group has a displayName", |p| {
        Box::pin(async move {
            p.post("/Groups", json!({"schemas": [GROUP]})).await?.refused(400, "invalidValue")?;
            let name = p.name("group");
            p.group_with(json!({"displayName": name})).await?.has("/displayName", name.as_str())?;
            Ok(())
        })
    }),
    must(
        "S-52",
        "RFC 7643 §4.2",
        "A member can come and go; the value of one that is there cannot change",
        |p| {
            Box::pin(async move {
                let (a, b) = (p.user().await?, p.user().await?);
                let group = p.group(&[&a]).await?;
                let path = format!("members[value eq \"{a}\"].value");
                let op = json!([{"op": "replace", "path": path, "value": b}]);
                p.patch(&format!("/Groups/{group}"), op).await?.refused(400, "mutability")?;
                p.members_are(&group, &[&a]).await?;
                let ops = json!([
                    {"op": "remove", "path": format!("members[value eq \"{a}\"]")},
                    {"op": "add", "path": "members", "value": [{"value": b}]},
                ]);
                p.patched(&format!("/Groups/{group}"), ops).await?.each_is("/members", "value", &[&b])
            })
        },
    )
    .needs(&[Patch]),
    must(
        "S-53",
        "RFC 7643 §4.2",
        "A member is the id of a resource; $ref and type are the server's to say",
        |p| {
            Box::pin(async move {
                let user = p.user_with(json!({"displayName": "Right"})).await?;
                let id = user.id()?;
                let lies = json!({"value": id, "$ref": "https://example.org/Groups/1", "type": "Group", "display": "Wrong"});
                let group = member(p, lies).await?;
                group.each_is("/members", "value", &[&id])?;
                group
                    .has("/members/0/$ref", user.at("/meta/location").clone())?
                    .has("/members/0/type", "User")?;
                group.ensure(
                    group.at("/members/0/display") != "Wrong",
                    "say the member's own name, or none",
                )?;
                let inner = p.group(&[]).await?;
                member(p, json!({"value": inner})).await?.has("/members/0/type", "Group")?;
                Ok(())
            })
        },
    ),
    may(
        "S-54",
        "RFC 7643 §2.3.7",
        "A member that nobody has as id is refused, naming it, or skipped; never kept",
        |p| {
            Box::pin(async move {
                let nobody = "2819c223-7f76-453a-919d-413861904646";
                let body = json!({"schemas": [GROUP], "displayName": p.name("group"), "members": [{"value": nobody}]});
                let answer = p.post("/Groups", body).await?;
                if answer.status == 400 {
                    let answer = answer.refused(400, "invalidValue")?;
                    let named = answer.at("/detail").as_str().is_some_and(|detail| detail.contains(nobody));
                    return answer.ensure(named, "name the unknown member in the detail");
                }
                let id = answer.expect(201)?.id()?;
                p.get(&format!("/Groups/{id}")).await?.expect(200)?.lacks("/members")?;
                Ok(())
            })
        },
    ),
    practice(
        "S-55",
        "RFC 7643 §2.3.7",
        "A deleted user is in no group any more, and nobody's manager",
        |p| {
            Box::pin(async move {
                let (gone, stays) = (p.user().await?, p.user().await?);
                let group = p.group(&[&gone, &stays]).await?;
                let report = p.user_with(json!({ENTERPRISE: {"manager": {"value": gone}}})).await?;
                report.has(&format!("{MANAGER}/value"), gone.as_str())?;
                p.delete(&format!("/Users/{gone}")).await?.expect(204)?;
                p.members_are(&group, &[&stays]).await?;
                let report = p.get(&format!("/Users/{}", report.id()?)).await?.expect(200)?;
                report.lacks(&format!("{MANAGER}/value"))?;
                Ok(())
            })
        },
    ),
    practice(
        "S-56",
        "RFC 7644 §3.7.1",
        "No group is a member of itself; circles of groups are refused or borne",
        |p| {
            Box::pin(async move {
                let inner = p.group(&[]).await?;
                let outer = p.group(&[&inner]).await?;
                let at = format!("/Groups/{inner}");
                let own = json!([{"op": "add", "path": "members", "value": [{"value": inner}]}]);
                p.patch(&at, own).await?.refused(400, "invalidValue")?;
                let circle = json!([{"op": "add", "path": "members", "value": [{"value": outer}]}]);
                let answer = p.patch(&at, circle).await?.one_of(&[200, 204, 400, 409])?;
                if matches!(answer.status, 200 | 204) {
                    p.members_are(&inner, &[&outer]).await?;
                    p.members_are(&outer, &[&inner]).await?;
                    let user = p.user().await?;
                    let op = json!([{"op": "add", "path": "members", "value": [{"value": user}]}]);
                    p.patch(&at, op).await?.one_of(&[200, 204])?;
                    let user = p.get(&format!("/Users/{user}")).await?.expect(200)?;
                    user.ensure(
                        user.each("/groups", "value").contains(&inner),
                        "show the group of a user also where groups go in a circle",
                    )?;
                }
                Ok(())
            })
        },
    )
    .needs(&[Patch]),
    must(
        "S-57",
        "RFC 7643 §4.3",
        "manager.value is an id; manager.displayName is the server's, from that user",
        |p| {
            Box::pin(async move {
                let boss = p.user_with(json!({"displayName": "The Boss"})).await?.id()?;
                let sent = json!({ENTERPRISE: {"manager": {"value": boss, "displayName": "Somebody else"}}});
                let id = p.user_with(sent).await?.id()?;
                let user = p.get(&format!("/Users/{id}")).await?.expect(200)?;
                user.has(&format!("{MANAGER}/value"), boss.as_str())?;
                let shown = user.at(&format!("{MANAGER}/displayName"));
                user.ensure(
                    shown.is_null() || shown == "The Boss",
                    "say the manager's own displayName, or none; never what the client sent",
                )
            })
        },
    ),
    practice(
        "S-58",
        "RFC 7643 §4.1.1",
        "active is true unless said; who is inactive is still read and listed, and keeps the userName",
        |p| {
            Box::pin(async move {
                let fresh = p.user_with(json!({})).await?;
                let shown = fresh.at("/active");
                fresh.ensure(
                    shown.is_null() || *shown == true,
                    "make users active unless the client says otherwise",
                )?;
                let name = p.name("idle");
                let id = p.user_with(json!({"userName": name, "active": false})).await?.id()?;
                p.get(&format!("/Users/{id}")).await?.expect(200)?.has("/active", false)?;
                p.finds("/Users", &format!("userName eq \"{name}\""), &[&id]).await?;
                p.post("/Users", json!({"schemas": [USER], "userName": name}))
                    .await?
                    .refused(409, "uniqueness")?;
                Ok(())
            })
        },
    )
    .needs(&[Filter]),
];
