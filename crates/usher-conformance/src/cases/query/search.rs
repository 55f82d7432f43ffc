//! POST .search.

use serde_json::{Value, json};

use crate::{
    case::{Case, Need::Filter, must, practice},
    probe::{Probe, encoded},
    verdict::{Fallible, ensure, skip},
};

const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// A search request with its URN.
fn request(mut fields: Value) -> Value {
    fields["schemas"] = json!([SEARCH]);
    fields
}

/// Skips the case where searching by POST is said not to be offered.
async fn offered(p: &mut Probe) -> Fallible {
    let answer = p.post("/Users/.search", request(json!({"count": 0}))).await?;
    if answer.status == 501 {
        answer.an_error()?;
        return skip("POST .search is not offered");
    }
    answer.expect(200)?.ids()?;
    Ok(())
}

pub(in crate::cases) const CASES: &[Case] = &[
    must(
        "Q-64",
        "RFC 7644 §3.4.3",
        "POST .search answers 200 with what GET answers, at the root and below each type",
        |p| {
            Box::pin(async move {
                offered(p).await?;
                let external = p.name("external");
                let user = p.user_with(json!({"externalId": external})).await?.id()?;
                let group = p.group_with(json!({"externalId": external})).await?.id()?;
                let filter = format!("externalId eq \"{external}\"");
                for (path, expected) in [
                    ("/Users/.search", vec![user.as_str()]),
                    ("/Groups/.search", vec![group.as_str()]),
                    ("/.search", vec![user.as_str(), group.as_str()]),
                ] {
                    let found = p.post(path, request(json!({"filter": filter}))).await?.expect(200)?;
                    found.ids()?;
                    found.each_is("/Resources", "id", &expected)?;
                }
                let get = p.query("/Users", &filter).await?.expect(200)?;
                let post = p.post("/Users/.search", request(json!({"filter": filter}))).await?.expect(200)?;
                ensure(get.json == post.json, "answer a search by POST as one by GET", post.seen())
            })
        },
    )
    .needs(&[Filter]),
    must(
        "Q-65",
        "RFC 7644 §3.4.3; RFC 9865 §3",
        "Its fields mean what the parameters of GET mean; a query string beside it does not count",
        |p| {
            Box::pin(async move {
                offered(p).await?;
                let (mine, ids) = super::users(p, &["b", "a", "c"]).await?;
                let body =
                    request(json!({"filter": mine, "startIndex": 2, "count": 1, "attributes": ["nickName"]}));
                let page = p.post("/Users/.search", body).await?.expect(200)?;
                page.has("/totalResults", 3)?.has("/startIndex", 2)?.has("/itemsPerPage", 1)?;
                page.lacks("/Resources/0/title")?;
                ensure(ids.contains(&page.ids()?.concat()), "send one of the matches", page.seen())?;
                let body = request(json!({"filter": mine, "excludedAttributes": ["nickName"]}));
                let other = encoded("title eq \"other\"");
                let less = p.post(&format!("/Users/.search?filter={other}"), body).await?.expect(200)?;
                less.has("/totalResults", 3)?.lacks("/Resources/0/nickName")?;
                if p.can().sort {
                    let body =
                        request(json!({"filter": mine, "sortBy": "nickName", "sortOrder": "descending"}));
                    let sorted = p.post("/Users/.search", body).await?.expect(200)?;
                    ensure(
                        sorted.ids()? == [ids[2].clone(), ids[0].clone(), ids[1].clone()],
                        "sort as the body says",
                        sorted.seen(),
                    )?;
                }
                if p.can().cursor {
                    let body = request(json!({"filter": mine, "cursor": "", "count": 2}));
                    let first = p.post("/Users/.search", body).await?.expect(200)?;
                    let next = first.at("/nextCursor").clone();
                    first.ensure(next.is_string(), "give a nextCursor")?;
                    let body = request(json!({"filter": mine, "cursor": next, "count": 2}));
                    let second = p.post("/Users/.search", body).await?.expect(200)?;
                    second.ensure(second.ids()?.len() == 1, "go on where the cursor says")?;
                }
                Ok(())
            })
        },
    )
    .needs(&[Filter]),
    practice(
        "Q-66",
        "RFC 7644 §3.4.3",
        "Another message is invalidSyntax, a field of the wrong type invalidValue; the filter is not decoded",
        |p| {
            Box::pin(async move {
                offered(p).await?;
                p.post("/Users/.search", json!({"count": 1})).await?.refused(400, "invalidSyntax")?;
                let wrong = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "count": 1});
                p.post("/Users/.search", wrong).await?.refused(400, "invalidSyntax")?;
                for bad in [
                    json!({"count": "1"}),
                    json!({"filter": 5}),
                    json!({"attributes": "title"}),
                    json!({"startIndex": true}),
                ] {
                    p.post("/Users/.search", request(bad)).await?.refused(400, "invalidValue")?;
                }
                let name = p.name("a%20b");
                let id = p.user_with(json!({"userName": name})).await?.id()?;
                let found = p
                    .post("/Users/.search", request(json!({"filter": format!("userName eq \"{name}\"")})))
                    .await?;
                found.expect(200)?.each_is("/Resources", "id", &[&id])
            })
        },
    )
    .needs(&[Filter]),
];
