//! E-31 to E-35: versions and preconditions.

use bytes::Bytes;
use serde_json::json;
use usher_scim::schema::USER;

use crate::{
    case::{
        Case,
        Need::{Etag, Patch},
        must, practice, should,
    },
    probe::patch_body,
    verdict::ensure,
};

pub(in crate::cases) const CASES: &[Case] = &[
    must(
        "E-31",
        "RFC 7644 §3.14",
        "If-None-Match with the present version is 304 without a body, with another 200",
        |p| {
            Box::pin(async move {
                let made = p.user_with(json!({})).await?;
                let at = format!("/Users/{}", made.id()?);
                let tag = made.header("etag").to_owned();
                let same = p.send("GET", &at, &[("if-none-match", &tag)], Bytes::new()).await?.expect(304)?;
                same.ensure(
                    same.is_empty() && same.header("etag") == tag,
                    "send 304 with the ETag and without a body",
                )?;
                let other = [("if-none-match", "W/\"no-such-version\"")];
                p.send("GET", &at, &other, Bytes::new()).await?.expect(200)?.has("/id", made.id()?)?;
                Ok(())
            })
        },
    )
    .needs(&[Etag]),
    should(
        "E-32",
        "RFC 7644 §3.12, §3.14",
        "A write with If-Match of another version is 412 and changes nothing",
        |p| {
            Box::pin(async move {
                let made = p.user_with(json!({"title": "old"})).await?;
                let at = format!("/Users/{}", made.id()?);
                let stale = [("if-match", "W/\"no-such-version\"")];
                let body =
                    json!({"schemas": [USER], "userName": made.at("/userName"), "title": "new"}).to_string();
                let op = patch_body(json!([{"op": "replace", "path": "title", "value": "new"}])).to_string();
                for (method, body) in [("PUT", body), ("PATCH", op), ("DELETE", String::new())] {
                    let refused = p.send(method, &at, &stale, body).await?.refused(412, "")?;
                    refused.ensure(refused.at("/scimType").is_null(), "send 412 without a scimType")?;
                }
                let read = p.get(&at).await?.expect(200)?;
                read.has("/title", "old")?.has("/meta/version", made.at("/meta/version").clone())?;
                Ok(())
            })
        },
    )
    .needs(&[Etag, Patch]),
    practice(
        "E-33",
        "RFC 7644 §3.14; RFC 9110 §13.1.1",
        "If-Match takes the tag weak or strong, a list of tags, and *",
        |p| {
            Box::pin(async move {
                let made = p.user_with(json!({})).await?;
                let at = format!("/Users/{}", made.id()?);
                let mut tag = made.header("etag").to_owned();
                for (n, form) in ["weak", "strong", "list", "any"].iter().enumerate() {
                    let strong = tag.trim_start_matches("W/").to_owned();
                    let value = match *form {
                        "weak" => format!("W/{strong}"),
                        "strong" => strong,
                        "list" => format!("\"another\", W/{strong}"),
                        _ => "*".to_owned(),
                    };
                    let op =
                        patch_body(json!([{"op": "replace", "path": "title", "value": format!("T{n}")}]));
                    p.send("PATCH", &at, &[("if-match", &value)], op.to_string())
                        .await?
                        .one_of(&[200, 204])?;
                    tag = p
                        .get(&at)
                        .await?
                        .expect(200)?
                        .has("/title", format!("T{n}"))?
                        .header("etag")
                        .to_owned();
                }
                let op = patch_body(json!([{"op": "replace", "path": "title", "value": "no"}])).to_string();
                p.send("PATCH", &at, &[("if-match", "nonsense")], op.clone()).await?.one_of(&[400, 412])?;
                p.get(&at).await?.expect(200)?.has("/title", "T3")?;
                p.send("PATCH", "/Users/nobody", &[("if-match", "*")], op).await?.one_of(&[404, 412])?;
                Ok(())
            })
        },
    )
    .needs(&[Etag, Patch]),
    practice(
        "E-34",
        "RFC 7644 §3.14",
        "The version changes just when what is seen changes; a group's covers its members",
        |p| {
            Box::pin(async move {
                let made = p.user_with(json!({"title": "T"})).await?;
                let id = made.id()?;
                let at = format!("/Users/{id}");
                let same = json!([{"op": "replace", "path": "title", "value": "T"}]);
                p.patched(&at, same).await?.has("/meta/version", made.at("/meta/version").clone())?;
                let changed =
                    p.patched(&at, json!([{"op": "replace", "path": "title", "value": "U"}])).await?;
                changed.ensure(
                    changed.at("/meta/version") != made.at("/meta/version"),
                    "give a changed resource another version",
                )?;
                let group = p.group_with(json!({})).await?;
                let add = json!([{"op": "add", "path": "members", "value": [{"value": id}]}]);
                let more = p.patched(&format!("/Groups/{}", group.id()?), add).await?;
                more.ensure(
                    more.at("/meta/version") != group.at("/meta/version"),
                    "give a group another version when its members change",
                )
            })
        },
    )
    .needs(&[Etag, Patch]),
    practice(
        "E-35",
        "RFC 7644 §3.14",
        "Checking the version and writing is one step: of writers with the same If-Match one wins",
        |p| {
            Box::pin(async move {
                let made = p.user_with(json!({"title": "start"})).await?;
                let at = format!("/Users/{}", made.id()?);
                let tag = made.header("etag").to_owned();
                let bodies = (0..6)
                    .map(|n| {
                        patch_body(json!([{"op": "replace", "path": "title", "value": format!("E-35 {n}")}]))
                    })
                    .collect();
                let answers = p.at_once("PATCH", &at, &[("if-match", &tag)], bodies).await?;
                let won = answers.iter().filter(|a| matches!(a.status, 200 | 204)).count();
                let lost = answers.iter().filter(|a| a.status == 412).count();
                ensure(
                    (won, lost) == (1, 5),
                    "let one of several writers with the same If-Match win, and answer the others 412",
                    format!("{won} won and {lost} were refused"),
                )
            })
        },
    )
    .needs(&[Etag, Patch])
    .advice("compare the version and write in one transaction, or by a conditional update"),
];
