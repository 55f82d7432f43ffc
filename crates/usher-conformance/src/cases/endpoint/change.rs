//! E-19 to E-30: PUT and DELETE.

use serde_json::{Value, json};
use usher_scim::schema::{GROUP, USER};

use crate::{
    case::{
        Case,
        Need::{Filter, Patch},
        may, must, practice, should,
    },
    probe::ENTERPRISE,
};

const EXTENSION: &str = "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Texts of User that are set once, where a server has such.
fn immutable(schemas: &[Value]) -> Vec<String> {
    let user = schemas.iter().find(|schema| schema["id"] == USER);
    let all = user.and_then(|schema| schema["attributes"].as_array()).map_or(&[][..], Vec::as_slice);
    let fits =
        |a: &&Value| a["mutability"] == "immutable" && a["type"] == "string" && a["multiValued"] != true;
    all.iter().filter(fits).filter_map(|a| a["name"].as_str()).map(str::to_owned).collect()
}

pub(in crate::cases) const CASES: &[Case] = &[
    must("E-19", "RFC 7644 §3.5", "PUT is there, and never creates: an unknown id is 404", |p| {
        Box::pin(async move {
            let body = json!({"schemas": [USER], "userName": p.name("user")});
            p.put("/Users/2819c223-7f76-453a-919d-413861904646", body.clone()).await?.refused(404, "")?;
            let id = p.user().await?;
            p.put(&format!("/Users/{id}"), body).await?.expect(200)?;
            Ok(())
        })
    }),
    must("E-20", "RFC 7644 §3.5.1", "PUT answers 200 with the whole resource", |p| {
        Box::pin(async move {
            let made = p.user_with(json!({})).await?;
            let body = json!({"schemas": [USER], "userName": made.at("/userName"), "title": "T"});
            let put = p.put(&format!("/Users/{}", made.id()?), body).await?.expect(200)?;
            put.has("/id", made.id()?)?.has("/title", "T")?;
            put.has("/userName", made.at("/userName").clone())?;
            put.has("/meta/location", made.at("/meta/location").clone())?;
            Ok(())
        })
    }),
    must("E-21", "RFC 7644 §3.5.1", "PUT replaces what it sends; arrays as a whole", |p| {
        Box::pin(async move {
            let old =
                json!({"title": "old", "emails": [{"value": "a@example.com"}, {"value": "b@example.com"}]});
            let made = p.user_with(old).await?;
            let at = format!("/Users/{}", made.id()?);
            let body = json!({
                "schemas": [USER], "userName": made.at("/userName"), "title": "new",
                "emails": [{"value": "c@example.com"}],
            });
            p.put(&at, body).await?.expect(200)?;
            let read = p.get(&at).await?.expect(200)?;
            read.has("/title", "new")?.each_is("/emails", "value", &["c@example.com"])
        })
    }),
    must("E-22", "RFC 7644 §3.5.1", "PUT ignores read-only attributes", |p| {
        Box::pin(async move {
            let made = p.user_with(json!({})).await?;
            let (id, at) = (made.id()?, format!("/Users/{}", made.id()?));
            let body = json!({
                "schemas": [USER], "id": id, "userName": made.at("/userName"), "title": "T",
                "meta": {"created": "2001-01-01T00:00:00Z", "location": "https://example.org/"},
                "groups": [{"value": "nowhere"}],
            });
            let put = p.put(&at, body).await?.expect(200)?;
            put.has("/title", "T")?.lacks("/groups")?;
            put.has("/meta/created", made.at("/meta/created").clone())?;
            put.has("/meta/location", made.at("/meta/location").clone())?;
            let body = json!({"schemas": [USER], "id": "another", "userName": made.at("/userName")});
            let answer = p.put(&at, body).await?;
            if answer.status == 400 {
                answer.refused(400, "mutability")?;
            } else {
                answer.expect(200)?.has("/id", id)?;
            }
            if p.as_strict() {
                let made = p.user_with(json!({})).await?;
                let at = format!("/Users/{}", made.id()?);
                let body = |id: &str| json!({"schemas": [USER], "id": id, "userName": made.at("/userName"), "title": "T"});
                p.put(&at, body("another")).await?.refused(400, "mutability")?;
                p.get(&at).await?.expect(200)?.lacks("/title")?;
                p.put(&at, body(&made.id()?)).await?.expect(200)?.has("/title", "T")?;
            }
            Ok(())
        })
    }),
    should(
        "E-23",
        "RFC 7644 §3.5.1",
        "PUT leaves immutable values alone: the same is fine, another is refused",
        |p| {
            Box::pin(async move {
                let (a, b) = (p.user().await?, p.user().await?);
                let made = p.group_with(json!({"members": [{"value": a}]})).await?;
                let at = format!("/Groups/{}", made.id()?);
                let body = |members: Value| json!({"schemas": [GROUP], "displayName": made.at("/displayName"), "members": members});
                // Whole members come and go; only one that is there keeps its value and its type.
                p.put(&at, body(json!([{"value": a, "type": "User"}]))).await?.expect(200)?;
                p.members_are(&made.id()?, &[&a]).await?;
                p.put(&at, body(json!([{"value": a}, {"value": b}]))).await?.expect(200)?;
                p.members_are(&made.id()?, &[&a, &b]).await?;
                // Another type for the same member is refused, or passed over as the server's to say (S-53).
                let other = json!([{"value": a, "type": "Group"}, {"value": b, "type": "User"}]);
                let answer = p.put(&at, body(other)).await?;
                if answer.status == 400 {
                    answer.refused_as(400, &["mutability", "invalidValue"])?;
                } else {
                    answer.expect(200)?;
                }
                let read = p.get(&at).await?.expect(200)?;
                read.each_is("/members", "value", &[&a, &b])?;
                let groups = read.all("/members").iter().filter(|member| member["type"] == "Group").count();
                read.ensure(groups == 0, "keep the type that a member has")?;
                for name in immutable(&p.can().schemas) {
                    let name_of = p.name("user");
                    let of =
                        |value: &str| json!({"schemas": [USER], "userName": name_of, name.as_str(): value});
                    let id = p.post("/Users", of("first")).await?.expect(201)?.id()?;
                    let at = format!("/Users/{id}");
                    p.put(&at, of("first")).await?.expect(200)?.has(&format!("/{name}"), "first")?;
                    p.put(&at, of("second")).await?.refused(400, "mutability")?;
                    let left_out = json!({"schemas": [USER], "userName": name_of});
                    p.put(&at, left_out).await?.expect(200)?;
                    p.get(&at).await?.expect(200)?.has(&format!("/{name}"), "first")?;
                }
                Ok(())
            })
        },
    ),
    may(
        "E-24",
        "RFC 7644 §3.5.1",
        "PUT clears what it leaves out, but never sets active to false by itself",
        |p| {
            Box::pin(async move {
                let made = p.user_with(json!({"title": "T", "emails": [{"value": "a@example.com"}]})).await?;
                let at = format!("/Users/{}", made.id()?);
                let bare = json!({"schemas": [USER], "userName": made.at("/userName")});
                p.put(&at, bare).await?.expect(200)?;
                let read = p.get(&at).await?.expect(200)?;
                read.lacks("/title")?.lacks("/emails")?;
                read.ensure(read.at("/active") != false, "leave active as it is when a PUT does not name it")
            })
        },
    ),
    must("E-25", "RFC 7644 §3.5.1", "PUT without a required attribute is refused", |p| {
        Box::pin(async move {
            let made = p.user_with(json!({"title": "T"})).await?;
            let at = format!("/Users/{}", made.id()?);
            p.put(&at, json!({"schemas": [USER], "title": "new"})).await?.refused(400, "invalidValue")?;
            p.get(&at).await?.expect(200)?.has("/title", "T")?;
            Ok(())
        })
    }),
    practice(
        "E-26",
        "RFC 7644 §3.5.1",
        "PUT of a group without members, or with null or [], empties it",
        |p| {
            Box::pin(async move {
                let user = p.user().await?;
                for members in [None, Some(json!(null)), Some(json!([]))] {
                    let made = p.group_with(json!({"members": [{"value": user}]})).await?;
                    p.members_are(&made.id()?, &[&user]).await?;
                    let mut body = json!({"schemas": [GROUP], "displayName": made.at("/displayName")});
                    if let Some(members) = members {
                        body["members"] = members;
                    }
                    p.put(&format!("/Groups/{}", made.id()?), body).await?.expect(200)?;
                    p.members_are(&made.id()?, &[]).await?;
                }
                Ok(())
            })
        },
    ),
    practice(
        "E-27",
        "RFC 7644 §3.5.1",
        "PUT without an extension clears it; with a part of it clears the rest",
        |p| {
            Box::pin(async move {
                let made = p
                    .user_with(json!({
                        "schemas": [USER, ENTERPRISE], ENTERPRISE: {"department": "D", "costCenter": "C"},
                    }))
                    .await?;
                let at = format!("/Users/{}", made.id()?);
                let name = made.at("/userName").clone();
                let part =
                    json!({"schemas": [USER, ENTERPRISE], "userName": name, ENTERPRISE: {"department": "E"}});
                p.put(&at, part).await?.expect(200)?;
                let read = p.get(&at).await?.expect(200)?;
                read.has(&format!("{EXTENSION}/department"), "E")?
                    .lacks(&format!("{EXTENSION}/costCenter"))?;
                p.put(&at, json!({"schemas": [USER], "userName": name})).await?.expect(200)?;
                let read = p.get(&at).await?.expect(200)?;
                read.lacks(EXTENSION)?;
                read.ensure(read.schemas() == [USER], "leave out the URN of a cleared extension")
            })
        },
    ),
    must(
        "E-28",
        "RFC 7644 §3.1",
        "What was read can be put back as it is: 200, and nothing has changed",
        |p| {
            Box::pin(async move {
                let boss = p.user_with(json!({"displayName": "Boss"})).await?.id()?;
                let id = p
                    .user_with(json!({
                        "name": {"givenName": "G", "familyName": "F"},
                        "emails": [{"value": "a@example.com", "type": "work", "primary": true}],
                        "schemas": [USER, ENTERPRISE], ENTERPRISE: {"manager": {"value": boss}},
                    }))
                    .await?
                    .id()?;
                let group = p.group(&[&id]).await?;
                for at in [format!("/Users/{id}"), format!("/Groups/{group}")] {
                    let before = p.get(&at).await?.expect(200)?;
                    let after = p.put(&at, before.json.clone()).await?.expect(200)?;
                    after.has("/meta/lastModified", before.at("/meta/lastModified").clone())?;
                    after.has("/meta/version", before.at("/meta/version").clone())?;
                    let again = p.get(&at).await?.expect(200)?;
                    again
                        .ensure(again.json == before.json, "change nothing when what was read is put back")?;
                }
                Ok(())
            })
        },
    ),
    must(
        "E-29",
        "RFC 7644 §3.6",
        "DELETE answers 204 without a body; the resource is gone from reads, writes and queries",
        |p| {
            Box::pin(async move {
                let made = p.user_with(json!({})).await?;
                let at = format!("/Users/{}", made.id()?);
                let gone = p.delete(&at).await?.expect(204)?;
                gone.ensure(gone.is_empty(), "send no body with 204")?;
                p.get(&at).await?.refused(404, "")?;
                let body = json!({"schemas": [USER], "userName": made.at("/userName")});
                p.put(&at, body).await?.refused(404, "")?;
                p.delete(&at).await?.refused(404, "")?;
                if p.can().patch {
                    p.patch(&at, json!([{"op": "add", "path": "title", "value": "T"}]))
                        .await?
                        .refused(404, "")?;
                }
                let name = made.at("/userName").as_str().unwrap_or_default().to_owned();
                let found = p.query("/Users", &format!("userName eq \"{name}\"")).await?.expect(200)?;
                found.ensure(found.ids()?.is_empty(), "leave deleted resources out of queries")
            })
        },
    )
    .needs(&[Filter, Patch]),
    should(
        "E-30",
        "RFC 7644 §3.6",
        "What was deleted is in nobody's way: the same userName can be made anew, under a new id",
        |p| {
            Box::pin(async move {
                let name = p.name("user");
                let old = p.user_with(json!({"userName": name})).await?.id()?;
                p.delete(&format!("/Users/{old}")).await?.expect(204)?;
                let new = p.user_with(json!({"userName": name})).await?;
                new.ensure(new.id()? != old, "issue a new id")
            })
        },
    ),
];
