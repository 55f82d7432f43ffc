//! pages, by index and by cursor.

use serde_json::json;

use crate::{
    answer::Answer,
    case::{
        Case,
        Need::{Cursor, Filter},
        must, practice, should,
    },
    probe::{Probe, encoded},
    verdict::{Fallible, ensure},
};

fn cursor(page: &Answer) -> String {
    page.at("/nextCursor").as_str().unwrap_or_default().to_owned()
}

/// One page of a walk by cursor; `""` is the first.
async fn page(p: &mut Probe, filter: &str, count: usize, cursor: &str) -> Fallible<Answer> {
    let path = format!("/Users?filter={}&count={count}&cursor={}", encoded(filter), encoded(cursor));
    p.get(&path).await?.expect(200)
}

pub(in crate::cases) const CASES: &[Case] = &[
    must("Q-42", "RFC 7644 §3.4.2.4", "startIndex begins at 1, less is 1; a negative count is 0; 0 is the total alone; beyond the end is empty", |p| {
        Box::pin(async move {
            let (mine, ids) = super::users(p, &["a", "b"]).await?;
            let mine = encoded(&mine);
            for (query, found, start) in [
                ("startIndex=0", 2, 1), ("startIndex=-5", 2, 1), ("startIndex=2", 1, 2), ("count=0", 0, 1),
                ("count=-3", 0, 1), ("startIndex=3", 0, 3), ("startIndex=900", 0, 900),
            ] {
                let list = p.get(&format!("/Users?filter={mine}&{query}")).await?.expect(200)?;
                list.has("/totalResults", ids.len())?;
                list.ensure(list.ids()?.len() == found, &format!("send {found} resources for {query}"))?;
                list.has("/itemsPerPage", found)?;
                if found > 0 {
                    list.has("/startIndex", start)?;
                }
            }
            Ok(())
        })
    })
    .needs(&[Filter]),
    must("Q-43", "RFC 7644 §3.4.2.4", "A page holds no more than asked for, nor than the server's most; more is no fault", |p| {
        Box::pin(async move {
            let (mine, _) = super::users(p, &["a", "b", "c"]).await?;
            let mine = encoded(&mine);
            let two = p.get(&format!("/Users?filter={mine}&count=2")).await?.expect(200)?;
            two.ensure(two.ids()?.len() <= 2, "send at most count resources")?;
            two.has("/totalResults", 3)?;
            let all = p.get(&format!("/Users?filter={mine}&count=1000000")).await?.expect(200)?;
            all.ensure(all.ids()?.len() == 3, "cap a large count instead of refusing it")?;
            if let Some(most) = p.can().max_results {
                ensure(most >= 3, "allow pages of a useful size in filter.maxResults", most)?;
            }
            Ok(())
        })
    })
    .needs(&[Filter]),
    practice("Q-44", "RFC 7644 §3.4.2.4", "A startIndex or count that is no whole number is invalidValue", |p| {
        Box::pin(async move {
            for bad in ["startIndex=abc", "startIndex=1.5", "count=1.5", "count=abc", "count=0x10"] {
                p.get(&format!("/Users?{bad}")).await?.refused_as(400, &["invalidValue", "invalidCount"])?;
            }
            let huge = p.get("/Users?count=1&startIndex=1000000000000000000000000000000").await?.one_of(&[200, 400])?;
            if huge.status == 400 {
                huge.an_error()?;
            } else {
                huge.ensure(huge.ids()?.is_empty(), "send nothing from beyond the end")?;
            }
            Ok(())
        })
    }),
    practice("Q-45", "RFC 7644 §3.4.2.4", "Page after page by startIndex shows each resource once, in one order", |p| {
        Box::pin(async move {
            let (mine, ids) = super::users(p, &["a", "b", "c", "d", "e"]).await?;
            let mine = encoded(&mine);
            let whole = p.get(&format!("/Users?filter={mine}")).await?.expect(200)?.ids()?;
            let mut walked = Vec::new();
            for start in [1, 3, 5] {
                let path = format!("/Users?filter={mine}&startIndex={start}&count=2");
                walked.extend(p.get(&path).await?.expect(200)?.ids()?);
            }
            ensure(walked == whole && walked.len() == ids.len(), "show each resource once in one order", format!("{walked:?}"))
        })
    })
    .needs(&[Filter]),
    must("Q-46", "RFC 9865 §2", "An empty cursor is the first page; nextCursor with the same query the next", |p| {
        Box::pin(async move {
            let (mine, mut ids) = super::users(p, &["a", "b", "c"]).await?;
            let first = page(p, &mine, 2, "").await?;
            let mut walked = first.ids()?;
            let second = page(p, &mine, 2, &cursor(&first)).await?;
            walked.extend(second.ids()?);
            walked.sort();
            ids.sort();
            ensure(walked == ids, "show each resource once on the pages of a cursor", format!("{walked:?}"))
        })
    })
    .needs(&[Cursor, Filter]),
    must("Q-47", "RFC 9865 §2", "A cursor is made of letters, digits and - . _ ~", |p| {
        Box::pin(async move {
            let (mine, _) = super::users(p, &["a", "b"]).await?;
            let first = page(p, &mine, 1, "").await?;
            let next = cursor(&first);
            let plain = next.chars().all(|c| c.is_ascii_alphanumeric() || "-._~".contains(c));
            first.ensure(!next.is_empty() && plain, "make cursors of letters, digits and - . _ ~")
        })
    })
    .needs(&[Cursor, Filter]),
    must("Q-48", "RFC 9865 §2", "nextCursor is on every page but the last; previousCursor never on the first", |p| {
        Box::pin(async move {
            let (mine, _) = super::users(p, &["a", "b", "c", "d"]).await?;
            let first = page(p, &mine, 2, "").await?;
            first.ensure(!cursor(&first).is_empty(), "give a nextCursor while there is more")?;
            first.lacks("/previousCursor")?;
            let last = page(p, &mine, 2, &cursor(&first)).await?;
            last.ensure(last.ids()?.len() == 2, "send the other two")?;
            last.lacks("/nextCursor")?;
            page(p, &mine, 10, "").await?.lacks("/nextCursor")?;
            Ok(())
        })
    })
    .needs(&[Cursor, Filter]),
    should("Q-49", "RFC 9865 §2.1", "A forged cursor is invalidCursor, a count that is none or changes invalidCount", |p| {
        Box::pin(async move {
            let (mine, _) = super::users(p, &["a", "b", "c"]).await?;
            let filter = encoded(&mine);
            p.get(&format!("/Users?filter={filter}&count=1&cursor=forged")).await?.refused(400, "invalidCursor")?;
            p.get(&format!("/Users?filter={filter}&count=x&cursor")).await?.refused(400, "invalidCount")?;
            let first = page(p, &mine, 1, "").await?;
            let next = cursor(&first);
            let mut changed = next.clone();
            let last = changed.pop();
            changed.push(if last == Some('A') { 'B' } else { 'A' });
            changed.insert(0, 'x');
            p.get(&format!("/Users?filter={filter}&count=1&cursor={changed}")).await?.refused(400, "invalidCursor")?;
            let other = p.get(&format!("/Users?filter={filter}&count=2&cursor={next}")).await?.one_of(&[200, 400])?;
            if other.status == 400 {
                other.refused(400, "invalidCount")?;
            }
            Ok(())
        })
    })
    .needs(&[Cursor, Filter]),
    practice("Q-50", "RFC 9865 §2", "A cursor with another filter, order, endpoint or tenant is invalidCursor", |p| {
        Box::pin(async move {
            let (mine, _) = super::users(p, &["a", "b", "c"]).await?;
            let next = cursor(&page(p, &mine, 1, "").await?);
            ensure(!next.is_empty(), "give a nextCursor", &next)?;
            let (mine, other) = (encoded(&mine), encoded("title eq \"other\""));
            for path in [
                format!("/Users?filter={other}&count=1&cursor={next}"),
                format!("/Users?count=1&cursor={next}"),
                format!("/Users?filter={mine}&count=1&sortBy=nickName&cursor={next}"),
                format!("/Groups?count=1&cursor={next}"),
            ] {
                p.get(&path).await?.refused(400, "invalidCursor")?;
            }
            Ok(())
        })
    })
    .needs(&[Cursor, Filter]),
    must("Q-51", "RFC 9865 §2.4", "Which method holds without startIndex and cursor is said and done; both at once are refused", |p| {
        Box::pin(async move {
            let method = p.can().config.pointer("/pagination/defaultPaginationMethod").cloned().unwrap_or_default();
            let (mine, _) = super::users(p, &["a", "b"]).await?;
            let mine = encoded(&mine);
            let list = p.get(&format!("/Users?filter={mine}&count=1")).await?.expect(200)?;
            let by_cursor = !cursor(&list).is_empty();
            list.ensure(
                if method == "cursor" { by_cursor } else { list.at("/startIndex").is_u64() },
                "page by the default method that is announced",
            )?;
            let both = p.get(&format!("/Users?filter={mine}&startIndex=1&count=1&cursor")).await?;
            both.refused_as(400, &["invalidValue", "invalidCursor"])?;
            Ok(())
        })
    })
    .needs(&[Cursor, Filter]),
    must("Q-52", "RFC 9865 §5.2", "A cursor opens nothing: in another tenant it is as good as a forged one", |p| {
        Box::pin(async move {
            let other = p.given("a token of another tenant", |f| f.other_token.clone())?;
            let (mine, _) = super::users(p, &["a", "b"]).await?;
            let next = cursor(&page(p, &mine, 1, "").await?);
            ensure(!next.is_empty(), "give a nextCursor", &next)?;
            let path = format!("/Users?filter={}&count=1&cursor=", encoded(&mine));
            p.speak_as(Some(other));
            let theirs = p.get(&format!("{path}{next}")).await?.refused(400, "invalidCursor")?;
            let forged = p.get(&format!("{path}forged")).await?.refused(400, "invalidCursor")?;
            theirs.ensure(theirs.at("/detail") == forged.at("/detail"), "answer as for a forged cursor")
        })
    })
    .needs(&[Cursor, Filter]),
    practice("Q-53", "RFC 9865 §2", "A walk by cursor shows who was there throughout just once, whoever comes and goes meanwhile", |p| {
        Box::pin(async move {
            let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
            let (mine, ids) = super::users(p, &names).await?;
            let title = mine.trim_start_matches("title eq \"").trim_end_matches('"').to_owned();
            let mut gone = Vec::new();
            let (mut next, mut walked) = (String::new(), Vec::new());
            loop {
                let page = page(p, &mine, 2, &next).await?;
                walked.extend(page.ids()?);
                next = cursor(&page);
                // The first that was shown goes, and somebody new comes.
                if let Some(first) = walked.iter().find(|id| ids.contains(id) && !gone.contains(*id)).cloned() {
                    p.delete(&format!("/Users/{first}")).await?.expect(204)?;
                    gone.push(first);
                }
                if walked.len() < 20 {
                    p.user_with(json!({"title": title})).await?;
                }
                if next.is_empty() || walked.len() > 40 {
                    break;
                }
            }
            let mut once = walked.clone();
            once.sort();
            once.dedup();
            ensure(once.len() == walked.len(), "show nobody twice", format!("{walked:?}"))?;
            let missed: Vec<_> = ids.iter().filter(|id| !walked.contains(id)).collect();
            ensure(missed.is_empty(), "show everybody who was there throughout", format!("missed {missed:?}"))
        })
    })
    .needs(&[Cursor, Filter])
    .advice("go on behind the last key that was shown, not at a number of rows"),
];
