//! the shape of a list, and lists of all types.

use serde_json::json;

use crate::{
    case::{Case, Need::Filter, may, must},
    probe::encoded,
    verdict::skip,
};

pub(in crate::cases) const CASES: &[Case] = &[
    must(
        "Q-01",
        "RFC 7644 §3.4.2",
        "A query answers 200 with a ListResponse, the number of matches and the matches",
        |p| {
            Box::pin(async move {
                let (filter, ids) = super::users(p, &["a", "b"]).await?;
                let list = p.query("/Users", &filter).await?.expect(200)?;
                let mut found = list.ids()?;
                list.has("/totalResults", 2)?;
                found.sort();
                let mut ids = ids;
                ids.sort();
                list.ensure(found == ids, "send the matching resources in Resources")
            })
        },
    )
    .needs(&[Filter]),
    must(
        "Q-02",
        "RFC 7644 §3.4.2",
        "Without a match the answer is 200 with totalResults 0, never 404",
        |p| {
            Box::pin(async move {
                for path in ["/Users", "/Groups"] {
                    let list = p.query(path, "displayName eq \"nobody-has-this-name\"").await?.expect(200)?;
                    list.ids()?;
                    list.has("/totalResults", 0)?.lacks("/Resources")?;
                }
                Ok(())
            })
        },
    )
    .needs(&[Filter]),
    must(
        "Q-03",
        "RFC 7644 §3.4.2.4",
        "A page says where it begins, how many it holds, and how many there are",
        |p| {
            Box::pin(async move {
                let (filter, _) = super::users(p, &["a", "b", "c"]).await?;
                let path = format!("/Users?startIndex=2&count=1&filter={}", encoded(&filter));
                let list = p.get(&path).await?.expect(200)?;
                list.ids()?;
                list.has("/startIndex", 2)?.has("/itemsPerPage", 1)?.has("/totalResults", 3)?;
                list.ensure(list.all("/Resources").len() == 1, "send one resource where one is asked for")
            })
        },
    )
    .needs(&[Filter]),
    may("Q-04", "RFC 7644 §3.4.2.1", "A query at the root finds resources of all types, or is 501", |p| {
        Box::pin(async move {
            let external = p.name("external");
            let user = p.user_with(json!({"externalId": external})).await?.id()?;
            let group = p.group_with(json!({"externalId": external})).await?.id()?;
            let filter = format!("externalId eq \"{external}\"");
            let list = p.query("/", &filter).await?;
            if matches!(list.status, 403 | 501) {
                list.an_error()?;
                return skip("a query at the root is not offered");
            }
            list.expect(200)?.each_is("/Resources", "id", &[&user, &group])?;
            p.finds("/", &format!("{filter} and meta.resourceType eq \"User\""), &[&user]).await
        })
    })
    .needs(&[Filter]),
    must(
        "Q-05",
        "RFC 7644 §3.4.2.1",
        "At the root, an attribute that a type does not have is without a value there",
        |p| {
            Box::pin(async move {
                let external = p.name("external");
                let user = p.user_with(json!({"externalId": external})).await?;
                let group = p.group_with(json!({"externalId": external})).await?.id()?;
                let mine = format!("externalId eq \"{external}\"");
                let first = p.query("/", &mine).await?;
                if matches!(first.status, 403 | 404 | 501) {
                    first.an_error()?;
                    return skip("a query at the root is not offered");
                }
                first.expect(200)?.has("/totalResults", 2)?;
                let id = user.id()?;
                let name = user.at("/userName").as_str().unwrap_or_default().to_owned();
                p.finds("/", &format!("{mine} and userName eq \"{name}\""), &[&id]).await?;
                p.finds("/", &format!("{mine} and userName pr"), &[&id]).await?;
                p.finds("/", &format!("{mine} and not (userName pr)"), &[&group]).await
            })
        },
    )
    .needs(&[Filter]),
    must(
        "Q-06",
        "RFC 7644 §3.4.2.1",
        "A query that finds more than the server will send is tooMany; better, it is paged",
        |p| {
            Box::pin(async move {
                let (root, token, filter) =
                    p.given("a filter that asks for too much", |f| f.broad.clone())?;
                p.speak_as(Some(token));
                let answer = p.get(&format!("{root}/Users?filter={}", encoded(&filter))).await?;
                if answer.status == 400 {
                    answer.refused(400, "tooMany")?;
                    return Ok(());
                }
                let answer = answer.expect(200)?;
                let (sent, all) = (answer.ids()?.len() as u64, answer.at("/totalResults").as_u64());
                answer.ensure(
                    sent > 0 && all > Some(sent),
                    "send a page of the matches, and say how many there are",
                )
            })
        },
    )
    .needs(&[Filter]),
];
