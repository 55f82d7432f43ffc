//! S-38 to S-45: what the characteristics mean.

use serde_json::json;
use usher_scim::schema::{GROUP, USER};

use crate::{
    case::{Case, Need::Filter, must, practice, should},
    verdict::ensure,
};

pub(in crate::cases) const CASES: &[Case] = &[
    must(
        "S-38",
        "RFC 7643 §7",
        "caseExact: where true, case counts and stays; where false, it does not count",
        |p| {
            Box::pin(async move {
                let (external, title) = (p.name("Ext"), p.name("Title"));
                let user = p.user_with(json!({"externalId": external, "title": title})).await?;
                user.has("/externalId", external.as_str())?.has("/title", title.as_str())?;
                let id = user.id()?;
                p.finds("/Users", &format!("externalId eq \"{external}\""), &[&id]).await?;
                p.finds("/Users", &format!("externalId eq \"{}\"", external.to_lowercase()), &[]).await?;
                p.finds("/Users", &format!("title eq \"{}\"", title.to_uppercase()), &[&id]).await
            })
        },
    )
    .needs(&[Filter]),
    must(
        "S-39",
        "RFC 7643 §7",
        "mutability: readOnly never changes by a client, readWrite does, immutable only once, writeOnly is set and not shown",
        |p| {
            Box::pin(async move {
                let name = p.name("user");
                let made = p.user_with(json!({"userName": name, "title": "old"})).await?;
                let (id, at) = (made.id()?, format!("/Users/{}", made.id()?));
                let body = json!({
                    "schemas": [USER], "userName": name, "title": "new", "password": "Sesame-1-open",
                    "meta": {"created": "2001-01-01T00:00:00Z"}, "groups": [{"value": "nowhere"}],
                });
                let put = p.put(&at, body).await?.expect(200)?;
                put.has("/title", "new")?.has("/id", id.as_str())?.lacks("/groups")?.lacks("/password")?;
                put.has("/meta/created", made.at("/meta/created").clone())?;
                if !p.can().patch {
                    return Ok(());
                }
                for (path, value) in [("id", json!("mine")), ("meta.created", json!("2001-01-01T00:00:00Z"))]
                {
                    let op = json!([{"op": "replace", "path": path, "value": value}]);
                    p.patch(&at, op).await?.refused(400, "mutability")?;
                }
                let op = json!([{"op": "replace", "path": "title", "value": "newer"}]);
                let read = p.patched(&at, op).await?;
                read.has("/title", "newer")?.has("/id", id.as_str())?.lacks("/password")?;
                read.has("/meta/created", made.at("/meta/created").clone())?;
                // What a member is was settled when it came.
                let (group, other) = (p.group(&[&id]).await?, p.user().await?);
                for (part, value) in [("value", other.as_str()), ("type", "Group")] {
                    let path = format!("members[value eq \"{id}\"].{part}");
                    let op = json!([{"op": "replace", "path": path, "value": value}]);
                    p.patch(&format!("/Groups/{group}"), op).await?.refused(400, "mutability")?;
                }
                p.members_are(&group, &[&id]).await
            })
        },
    ),
    must(
        "S-40",
        "RFC 7643 §7",
        "returned: always survives every choice of attributes, never is never shown, default is shown unless left out",
        |p| {
            Box::pin(async move {
                let made = p.user_with(json!({"title": "T", "password": "Sesame-1-open"})).await?;
                let at = format!("/Users/{}", made.id()?);
                made.has("/title", "T")?.lacks("/password")?;
                let cut = p.get(&format!("{at}?attributes=userName,password")).await?.expect(200)?;
                cut.has("/id", made.id()?)?.lacks("/title")?.lacks("/password")?;
                let cut = p.get(&format!("{at}?excludedAttributes=id,title")).await?.expect(200)?;
                cut.has("/id", made.id()?)?
                    .has("/userName", made.at("/userName").clone())?
                    .lacks("/title")?;
                Ok(())
            })
        },
    ),
    should(
        "S-41",
        "RFC 7643 §7",
        "uniqueness: server is one value for one resource, in any case for caseExact false; none is not checked",
        |p| {
            Box::pin(async move {
                let name = p.name("User");
                p.user_with(json!({"userName": name, "displayName": "Same"})).await?;
                p.user_with(json!({"displayName": "Same"})).await?;
                for taken in [name.clone(), name.to_uppercase()] {
                    let body = json!({"schemas": [USER], "userName": taken});
                    p.post("/Users", body).await?.refused(409, "uniqueness")?;
                }
                Ok(())
            })
        },
    ),
    practice(
        "S-42",
        "RFC 7643 §7",
        "Of creators of one userName at one time exactly one gets 201, every other 409",
        |p| {
            Box::pin(async move {
                let name = p.name("race");
                let body = json!({"schemas": [USER], "userName": name});
                let answers = p.at_once("POST", "/Users", &[], vec![body; 6]).await?;
                let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
                statuses.sort_unstable();
                ensure(
                    statuses == [201, 409, 409, 409, 409, 409],
                    "let exactly one of several creators of a userName win, and answer the others 409",
                    format!("{statuses:?}"),
                )
            })
        },
    )
    .advice("hold userName unique by an index of the store, not by looking first and writing then"),
    must("S-43", "RFC 7643 §4.1.1", "userName is required, not empty, and unique whatever its case", |p| {
        Box::pin(async move {
            p.post("/Users", json!({"schemas": [USER]})).await?.refused(400, "invalidValue")?;
            p.post("/Users", json!({"schemas": [USER], "userName": ""}))
                .await?
                .refused(400, "invalidValue")?;
            let name = p.name("bjensen");
            p.user_with(json!({"userName": name})).await?.has("/userName", name.as_str())?;
            let body = json!({"schemas": [USER], "userName": name.to_uppercase()});
            p.post("/Users", body).await?.refused(409, "uniqueness")?;
            Ok(())
        })
    }),
    must("S-44", "RFC 7643 §4.1.1, §9.2", "A password is in no answer, neither as text nor as hash", |p| {
        Box::pin(async move {
            let secret = "Sesame-7f3a-open";
            let name = p.name("user");
            let made = p.user_with(json!({"userName": name, "password": secret})).await?;
            let at = format!("/Users/{}", made.id()?);
            let body = json!({"schemas": [USER], "userName": name, "password": secret});
            let answers = [
                p.get(&at).await?.expect(200)?,
                p.get(&format!("{at}?attributes=password")).await?.expect(200)?,
                p.put(&at, body.clone()).await?.expect(200)?,
                p.post("/Users", body).await?.expect(409)?,
                made,
            ];
            for answer in answers {
                answer.ensure(!answer.text().contains(secret), "keep the password out of the answer")?;
                answer.lacks("/password")?;
            }
            Ok(())
        })
    }),
    should(
        "S-45",
        "RFC 7643 §4.1.1",
        "A password that is not taken is refused with invalidValue, or left unused, and never repeated",
        |p| {
            Box::pin(async move {
                let secret = format!("weak{}", "k".repeat(3000));
                let body = json!({"schemas": [USER], "userName": p.name("user"), "password": secret});
                let answer = p.post("/Users", body).await?.one_of(&[201, 400])?;
                answer.ensure(!answer.text().contains("kkkkkkkk"), "keep the password out of the answer")?;
                if answer.status == 400 {
                    answer.refused(400, "invalidValue")?;
                }
                let body = json!({"schemas": [GROUP], "displayName": p.name("group"), "password": secret});
                let answer = p.post("/Groups", body).await?.one_of(&[201, 400])?;
                answer.ensure(!answer.text().contains("kkkkkkkk"), "keep the password out of the answer")
            })
        },
    ),
];
