//! the grammar of filters.

use serde_json::json;
use usher_scim::schema::USER;

use crate::{
    case::{Case, Need::Filter, may, must, practice},
    probe::ENTERPRISE,
};

pub(in crate::cases) const CASES: &[Case] = &[
    must("Q-07", "RFC 7644 §3.4.2.2", "Names of attributes and operators are read in any case", |p| {
        Box::pin(async move {
            let (mine, ids) = super::users(p, &["a", "b"]).await?;
            let (a, b) = (&ids[0], &ids[1]);
            p.finds("/Users", &format!("{mine} AND NICKNAME Eq \"a\""), &[a]).await?;
            p.finds("/Users", &format!("{mine} And (nickname eq \"a\" OR nickName EQ \"b\")"), &[a, b])
                .await?;
            p.finds("/Users", &format!("{mine} and NOT (nickName PR)"), &[]).await
        })
    })
    .needs(&[Filter]),
    must("Q-08", "RFC 7644 §3.4.2.2", "Parentheses bind before not, not before and, and before or", |p| {
        Box::pin(async move {
            let (mine, ids) = super::users(p, &["a", "b", "c"]).await?;
            let (a, b, c) = (&ids[0], &ids[1], &ids[2]);
            let is = |name: &str| format!("nickName eq \"{name}\"");
            let or_first = format!("{mine} and {} or {} and {mine}", is("a"), is("b"));
            p.finds("/Users", &or_first, &[a, b]).await?;
            let mixed = format!("{} and {mine} or {} and {mine} and {}", is("a"), is("b"), is("c"));
            p.finds("/Users", &mixed, &[a]).await?;
            let grouped = format!("{mine} and ({} or {}) and not ({})", is("a"), is("b"), is("a"));
            p.finds("/Users", &grouped, &[b]).await?;
            let not_first = format!("not ({}) and {mine} and not ({})", is("a"), is("b"));
            p.finds("/Users", &not_first, &[c]).await
        })
    })
    .needs(&[Filter]),
    must("Q-09", "RFC 7644 §3.4.2.2", "not stands before parentheses only, with or without a space", |p| {
        Box::pin(async move {
            p.query("/Users", "not title pr").await?.refused(400, "invalidFilter")?;
            for filter in ["not (title pr)", "not(title pr)"] {
                p.query("/Users", filter).await?.expect(200)?.ids()?;
            }
            Ok(())
        })
    })
    .needs(&[Filter]),
    must(
        "Q-10",
        "RFC 7644 §3.4.2.2",
        "Values are JSON: texts with its escapes, numbers, true, false and null",
        |p| {
            Box::pin(async move {
                let (mine, ids) = super::users(p, &["say \"\u{e9}\" \\ /"]).await?;
                let one = &ids[0];
                for text in ["\"say \\\"\\u00e9\\\" \\\\ /\"", "\"say \\\"\u{e9}\\\" \\\\ \\/\""] {
                    p.finds("/Users", &format!("{mine} and nickName eq {text}"), &[one]).await?;
                }
                p.finds("/Users", &format!("{mine} and active eq true"), &[one]).await?;
                p.finds("/Users", &format!("{mine} and active eq false"), &[]).await?;
                for bad in ["nickName eq \"a\\x\"", "nickName eq \"open", "active eq TRUE"] {
                    p.query("/Users", bad).await?.refused(400, "invalidFilter")?;
                }
                Ok(())
            })
        },
    )
    .needs(&[Filter]),
    must("Q-11", "RFC 7644 §3.4.2.2, §3.12", "What is no filter is invalidFilter", |p| {
        Box::pin(async move {
            for bad in [
                "userName",
                "userName eq",
                "userName eq \"a\" and",
                "(userName eq \"a\"",
                "userName eq \"a\")",
                "userName eq 'a'",
                "userName eq \"a\" \"b\"",
                "eq \"a\"",
                "emails[type eq \"work\"",
                "and",
                "\"a\"",
            ] {
                p.query("/Users", bad).await?.refused(400, "invalidFilter")?;
            }
            Ok(())
        })
    })
    .needs(&[Filter]),
    must(
        "Q-12",
        "RFC 7644 §3.4.2.2",
        "An unknown operator is refused by name; no filter is ever passed over",
        |p| {
            Box::pin(async move {
                for operator in ["regex", "in", "like"] {
                    let refused = p.query("/Users", &format!("userName {operator} \"a\"")).await?;
                    let refused = refused.refused(400, "invalidFilter")?;
                    let named =
                        refused.at("/detail").as_str().is_some_and(|detail| detail.contains(operator));
                    refused.ensure(named, "name the operator that is not known in detail")?;
                }
                Ok(())
            })
        },
    )
    .needs(&[Filter]),
    practice("Q-13", "RFC 7644 §3.4.2.1", "A text without quotes is read as that text, or refused", |p| {
        Box::pin(async move {
            let (mine, ids) = super::users(p, &["plain"]).await?;
            let filter = format!("{mine} and nickName eq plain");
            let answer = p.query("/Users", &filter).await?;
            if answer.status == 400 {
                answer.refused(400, "invalidFilter")?;
            } else {
                p.finds("/Users", &filter, &[&ids[0]]).await?;
            }
            if p.as_strict() {
                p.query("/Users", &filter).await?.refused(400, "invalidFilter")?;
            }
            Ok(())
        })
    })
    .needs(&[Filter]),
    must(
        "Q-14",
        "RFC 7644 §3.10",
        "An attribute may be named with its URN, whose dots and colons split nothing",
        |p| {
            Box::pin(async move {
                let boss = p.user().await?;
                let number = p.name("n");
                let sent = json!({ENTERPRISE: {"employeeNumber": number, "manager": {"value": boss}}});
                let user = p.user_with(sent).await?;
                let (id, name) = (user.id()?, user.at("/userName").as_str().unwrap_or_default().to_owned());
                p.finds("/Users", &format!("{USER}:userName eq \"{name}\""), &[&id]).await?;
                p.finds("/Users", &format!("{ENTERPRISE}:employeeNumber eq \"{number}\""), &[&id]).await?;
                let manager = format!("{ENTERPRISE}:manager.value eq \"{boss}\"");
                p.finds("/Users", &manager, &[&id]).await?;
                let upper = ENTERPRISE.replace("enterprise", "ENTERPRISE").replace("User", "USER");
                p.finds("/Users", &format!("{upper}:employeeNumber eq \"{number}\""), &[&id]).await
            })
        },
    )
    .needs(&[Filter]),
    may(
        "Q-15",
        "RFC 7644 §3.10",
        "An attribute of an extension without its URN is found, or refused; never passed over",
        |p| {
            Box::pin(async move {
                let number = p.name("n");
                let id = p.user_with(json!({ENTERPRISE: {"employeeNumber": number}})).await?.id()?;
                let filter = format!("employeeNumber eq \"{number}\"");
                let answer = p.query("/Users", &filter).await?;
                if answer.status == 400 {
                    answer.refused(400, "invalidFilter")?;
                    return Ok(());
                }
                p.finds("/Users", &filter, &[&id]).await
            })
        },
    )
    .needs(&[Filter]),
    practice(
        "Q-16",
        "RFC 7644 §3.4.2.2, errata 4690, 7322",
        "Brackets stand in no brackets; inside them and, or, not and parentheses work",
        |p| {
            Box::pin(async move {
                for bad in ["emails[addresses[type eq \"a\"]]", "emails[type eq \"a\"][value pr]"] {
                    p.query("/Users", bad).await?.refused(400, "invalidFilter")?;
                }
                let inside = "emails[(type eq \"work\" or type eq \"home\") and not (value co \"@b\")]";
                p.query("/Users", inside).await?.expect(200)?.ids()?;
                Ok(())
            })
        },
    )
    .needs(&[Filter]),
    may(
        "Q-17",
        "RFC 7644 §3.4.2.2",
        "Brackets ask for one element that fits, also with a part after them; or they are refused",
        |p| {
            Box::pin(async move {
                let a = format!("{}@a.com", p.name("m"));
                let mails =
                    json!({"emails": [{"type": "work", "value": a}, {"type": "home", "value": "h@b.com"}]});
                let id = p.user_with(mails).await?.id()?;
                let element = format!("emails[type eq \"work\" and value eq \"{a}\"]");
                let answer = p.query("/Users", &element).await?;
                if answer.status == 400 {
                    answer.refused(400, "invalidFilter")?;
                    return Ok(());
                }
                p.finds("/Users", &element, &[&id]).await?;
                p.finds("/Users", &format!("emails[type eq \"home\" and value eq \"{a}\"]"), &[]).await?;
                p.finds("/Users", &format!("emails[type eq \"work\"].value eq \"{a}\""), &[&id]).await
            })
        },
    )
    .needs(&[Filter]),
    practice(
        "Q-18",
        "RFC 7644 §3.4.2.2",
        "A filter too deep, too long or of any bytes is refused, and the server goes on",
        |p| {
            Box::pin(async move {
                let deep = format!("{}title pr{}", "not (".repeat(400), ")".repeat(400));
                let long = format!("title eq \"{}\"", "x".repeat(20_000));
                p.query("/Users", &deep).await?.refused(400, "invalidFilter")?;
                p.query("/Users", &long).await?.one_of(&[200, 400, 414, 431])?;
                for bytes in ["%FF%FE", "%00", "%22%22%22", "((((((", "%F0%9F%98%80"] {
                    p.get(&format!("/Users?filter={bytes}"))
                        .await?
                        .refused_as(400, &["invalidFilter", "invalidValue"])?;
                }
                p.get("/Users?count=1").await?.ids()?;
                Ok(())
            })
        },
    )
    .needs(&[Filter]),
    practice(
        "Q-19",
        "RFC 7644 §3.4.2.2",
        "Several spaces are one, and a space is + or %20; a plus itself is %2B",
        |p| {
            Box::pin(async move {
                let (mine, ids) = super::users(p, &["a+b"]).await?;
                p.finds("/Users", &format!("{mine}  and   nickName  eq  \"a+b\""), &[&ids[0]]).await?;
                let title = mine.trim_start_matches("title eq \"").trim_end_matches('"').to_owned();
                let plus = format!("/Users?filter=title+eq+%22{title}%22+and+nickName+eq+%22a%2Bb%22");
                p.get(&plus).await?.expect(200)?.has("/totalResults", 1)?;
                let bare =
                    format!("/Users?filter=title%20eq%20%22{title}%22%20and%20nickName%20eq%20%22a+b%22");
                p.get(&bare).await?.expect(200)?.has("/totalResults", 0)?;
                Ok(())
            })
        },
    )
    .needs(&[Filter]),
];
