//! sorting.

use serde_json::json;

use crate::{
    case::{
        Case,
        Need::{Filter, Sort},
        may, must, practice,
    },
    probe::{Probe, encoded},
    verdict::{Fallible, ensure},
};

/// Asserts the order of resources under a filter.
async fn ordered(p: &mut Probe, filter: &str, sort: &str, expected: &[&String]) -> Fallible {
    let list = p.get(&format!("/Users?filter={}&{sort}", encoded(filter))).await?.expect(200)?;
    let ids = list.ids()?;
    ensure(
        ids.iter().collect::<Vec<_>>() == expected,
        format!("{sort} gives {expected:?}"),
        format!("{ids:?} in {}", list.seen()),
    )
}

pub(in crate::cases) const CASES: &[Case] = &[
    may(
        "Q-36",
        "RFC 7644 §3.4.2.3",
        "Sorting is done where it is announced, and ignored where it is not",
        |p| {
            Box::pin(async move {
                let (mine, ids) = super::users(p, &["b", "a"]).await?;
                if p.can().sort {
                    return ordered(p, &mine, "sortBy=nickName", &[&ids[1], &ids[0]]).await;
                }
                let list =
                    p.get(&format!("/Users?filter={}&sortBy=nickName", encoded(&mine))).await?.expect(200)?;
                list.ids()?;
                list.has("/totalResults", 2)?;
                Ok(())
            })
        },
    )
    .needs(&[Filter]),
    must(
        "Q-37",
        "RFC 7644 §3.4.2.3",
        "sortOrder is ascending unless said; another word is refused; without sortBy it is ignored",
        |p| {
            Box::pin(async move {
                let (mine, ids) = super::users(p, &["b", "a", "c"]).await?;
                let (b, a, c) = (&ids[0], &ids[1], &ids[2]);
                ordered(p, &mine, "sortBy=nickName", &[a, b, c]).await?;
                ordered(p, &mine, "sortBy=nickName&sortOrder=ascending", &[a, b, c]).await?;
                ordered(p, &mine, "sortBy=nickName&sortOrder=Descending", &[c, b, a]).await?;
                p.get("/Users?sortBy=nickName&sortOrder=upwards&count=1")
                    .await?
                    .refused(400, "invalidValue")?;
                let list = p
                    .get(&format!("/Users?sortOrder=descending&filter={}", encoded(&mine)))
                    .await?
                    .expect(200)?;
                list.has("/totalResults", 3)?;
                Ok(())
            })
        },
    )
    .needs(&[Filter, Sort]),
    must(
        "Q-38",
        "RFC 7644 §3.4.2.3",
        "Order follows type and case: texts without case, times by time",
        |p| {
            Box::pin(async move {
                let (mine, ids) = super::users(p, &["b", "A", "C"]).await?;
                let (b, a, c) = (&ids[0], &ids[1], &ids[2]);
                ordered(p, &mine, "sortBy=nickName", &[a, b, c]).await?;
                for (order, descends) in [("ascending", false), ("descending", true)] {
                    let path =
                        format!("/Users?sortBy=meta.created&sortOrder={order}&filter={}", encoded(&mine));
                    let list = p.get(&path).await?.expect(200)?;
                    let mut times: Vec<_> = list
                        .all("/Resources")
                        .iter()
                        .filter_map(|r| r["meta"]["created"].as_str()?.parse::<jiff::Timestamp>().ok())
                        .collect();
                    if descends {
                        times.reverse();
                    }
                    list.ensure(times.len() == 3 && times.is_sorted(), "sort times by time")?;
                }
                Ok(())
            })
        },
    )
    .needs(&[Filter, Sort]),
    must("Q-39", "RFC 7644 §3.4.2.3", "Of several values the primary one counts, else the first", |p| {
        Box::pin(async move {
            let title = p.name("title");
            let mut ids = Vec::new();
            for mails in [
                json!([{"value": "a@example.com"}, {"value": "z@example.com", "primary": true}]),
                json!([{"value": "m@example.com"}, {"value": "a@example.com"}]),
                json!([{"value": "b@example.com"}]),
            ] {
                ids.push(p.user_with(json!({"title": title, "emails": mails})).await?.id()?);
            }
            let mine = format!("title eq \"{title}\"");
            ordered(p, &mine, "sortBy=emails.value", &[&ids[2], &ids[1], &ids[0]]).await
        })
    })
    .needs(&[Filter, Sort]),
    must(
        "Q-40",
        "RFC 7644 §3.4.2.3",
        "Who has no value comes last, and first where the order is descending",
        |p| {
            Box::pin(async move {
                let title = p.name("title");
                let without = p.user_with(json!({"title": title})).await?.id()?;
                let with = p.user_with(json!({"title": title, "nickName": "n"})).await?.id()?;
                let mine = format!("title eq \"{title}\"");
                ordered(p, &mine, "sortBy=nickName", &[&with, &without]).await?;
                ordered(p, &mine, "sortBy=nickName&sortOrder=descending", &[&without, &with]).await
            })
        },
    )
    .needs(&[Filter, Sort]),
    practice(
        "Q-41",
        "RFC 7644 §3.4.2.3",
        "Sorting by a complex or unknown attribute is refused; equal values keep one order",
        |p| {
            Box::pin(async move {
                for bad in ["name", "noSuchAttribute"] {
                    p.get(&format!("/Users?sortBy={bad}&count=1"))
                        .await?
                        .refused_as(400, &["invalidValue", "invalidPath"])?;
                }
                let (mine, _) = super::users(p, &["same", "same", "same", "same"]).await?;
                let whole = p
                    .get(&format!("/Users?sortBy=nickName&filter={}", encoded(&mine)))
                    .await?
                    .expect(200)?
                    .ids()?;
                let mut pages = Vec::new();
                for start in 1..=4 {
                    let page = format!(
                        "/Users?sortBy=nickName&filter={}&startIndex={start}&count=1",
                        encoded(&mine)
                    );
                    pages.extend(p.get(&page).await?.expect(200)?.ids()?);
                }
                ensure(
                    whole.len() == 4 && pages == whole,
                    "keep one order among equal values",
                    format!("{pages:?}"),
                )
            })
        },
    )
    .needs(&[Filter, Sort]),
];
