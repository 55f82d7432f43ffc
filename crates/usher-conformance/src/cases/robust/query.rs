//! N-01 to N-10: filters.

use serde_json::json;

use crate::{
    case::{Case, Need::Filter, must, practice},
    probe::ENTERPRISE,
};

pub(in crate::cases) const CASES: &[Case] = &[
    must("N-01", "RFC 7644 §3.4.2.2", "and binds tighter than or, and parentheses tighter than both", |p| {
        Box::pin(async move {
            let (a, b) = (p.name("a"), p.name("b"));
            let one = p.user_with(json!({"userName": a, "active": false})).await?.id()?;
            let two = p.user_with(json!({"userName": b, "active": true})).await?.id()?;
            let plain = format!("userName eq \"{a}\" or userName eq \"{b}\" and active eq true");
            p.finds("/Users", &plain, &[&one, &two]).await?;
            let grouped = format!("(userName eq \"{a}\" or userName eq \"{b}\") and active eq true");
            p.finds("/Users", &grouped, &[&two]).await
        })
    })
    .restates(&["Q-08"])
    .needs(&[Filter]),
    must("N-02", "RFC 7644 §3.4.2.2", "not may stand first: both orders of an and find the same", |p| {
        Box::pin(async move {
            let stem = p.name("n");
            let mail = |host: &str| json!([{"value": format!("{stem}@{host}")}]);
            let out = json!({"emails": mail("x.com"), "userType": "Contractor", "title": stem});
            p.user_with(out).await?;
            let found = json!({"emails": mail("y.com"), "userType": "Contractor", "title": stem});
            let found = p.user_with(found).await?.id()?;
            let staff = json!({"emails": mail("y.com"), "userType": "Employee", "title": stem});
            p.user_with(staff).await?;
            let not = "not (emails.value co \"@x.com\" or emails.value co \"@x.org\")";
            let (kind, mine) = ("userType ne \"Employee\"", format!("title eq \"{stem}\""));
            p.finds("/Users", &format!("{not} and {kind} and {mine}"), &[&found]).await?;
            p.finds("/Users", &format!("{mine} and {kind} and {not}"), &[&found]).await
        })
    })
    .restates(&["Q-09"])
    .needs(&[Filter]),
    must("N-03", "RFC 7644 §3.4.2.2", "Operators, quotes and backslashes inside a text are text", |p| {
        Box::pin(async move {
            let stem = p.name("t");
            for name in ["OR", "a and b", "say \"hi\" \\ bye"] {
                let sent = json!({"title": stem, "name": {"familyName": name}});
                let id = p.user_with(sent).await?.id()?;
                let filter = format!("title eq \"{stem}\" and name.familyName eq {}", json!(name));
                p.finds("/Users", &filter, &[&id]).await?;
            }
            Ok(())
        })
    })
    .restates(&["Q-10"])
    .needs(&[Filter]),
    must("N-04", "RFC 7644 §3.10", "The dots and colons of a URN do not split an attribute's name", |p| {
        Box::pin(async move {
            let number = p.name("7");
            let id = p.user_with(json!({ENTERPRISE: {"employeeNumber": number}})).await?.id()?;
            p.user_with(json!({ENTERPRISE: {"employeeNumber": "other"}})).await?;
            p.finds("/Users", &format!("{ENTERPRISE}:employeeNumber eq \"{number}\""), &[&id]).await
        })
    })
    .restates(&["Q-14"])
    .needs(&[Filter]),
    practice("N-05", "RFC 7644 §3.4.2.2", "Brackets ask one element, and asks several", |p| {
        Box::pin(async move {
            let (a, b) = (format!("{}@a.com", p.name("m")), format!("{}@b.com", p.name("m")));
            let mails = json!({"emails": [{"type": "work", "value": b}, {"type": "home", "value": a}]});
            let id = p.user_with(mails).await?.id()?;
            p.finds("/Users", &format!("emails[type eq \"work\"].value eq \"{a}\""), &[]).await?;
            p.finds("/Users", &format!("emails[type eq \"work\"].value eq \"{b}\""), &[&id]).await?;
            let apart = format!("emails.type eq \"work\" and emails.value eq \"{a}\"");
            p.finds("/Users", &apart, &[&id]).await
        })
    })
    .restates(&["Q-17"])
    .needs(&[Filter]),
    must(
        "N-06",
        "RFC 7644 §3.4.2.2",
        "Who has no element has none that differs, and none that is equal",
        |p| {
            Box::pin(async move {
                let name = p.name("u");
                let id = p.user_with(json!({"userName": name})).await?.id()?;
                let mine = format!("userName eq \"{name}\"");
                p.finds("/Users", &format!("{mine} and emails[type ne \"work\"]"), &[]).await?;
                p.finds("/Users", &format!("{mine} and not (emails[type eq \"work\"])"), &[&id]).await
            })
        },
    )
    .restates(&["Q-25"])
    .needs(&[Filter]),
    must("N-07", "RFC 7644 §3.4.2.2", "false is present; an empty object and an empty array are not", |p| {
        Box::pin(async move {
            let name = p.name("u");
            let sent = json!({"userName": name, "active": false, "name": {}, "emails": []});
            let id = p.user_with(sent).await?.id()?;
            let mine = format!("userName eq \"{name}\"");
            p.finds("/Users", &format!("{mine} and active pr"), &[&id]).await?;
            p.finds("/Users", &format!("{mine} and name pr"), &[]).await?;
            p.finds("/Users", &format!("{mine} and emails pr"), &[]).await
        })
    })
    .restates(&["Q-24"])
    .needs(&[Filter]),
    must(
        "N-08",
        "RFC 7644 §3.4.2.2",
        "A time as the server printed it finds what it was printed for, in any offset",
        |p| {
            Box::pin(async move {
                let made = p.user_with(json!({})).await?;
                let id = made.id()?;
                let printed = made.at("/meta/lastModified").as_str().unwrap_or_default().to_owned();
                let Ok(instant) = printed.parse::<jiff::Timestamp>() else {
                    return made.ensure(false, "print meta.lastModified as date, time and offset");
                };
                let shifted = instant.to_zoned(jiff::tz::Offset::constant(2).to_time_zone());
                let shifted = shifted.strftime("%Y-%m-%dT%H:%M:%S%.f%:z").to_string();
                for time in [printed, shifted] {
                    for operator in ["ge", "le", "eq"] {
                        let filter = format!("id eq \"{id}\" and meta.lastModified {operator} \"{time}\"");
                        p.finds("/Users", &filter, &[&id]).await?;
                    }
                    let filter = format!("id eq \"{id}\" and meta.lastModified gt \"{time}\"");
                    p.finds("/Users", &filter, &[]).await?;
                }
                Ok(())
            })
        },
    )
    .restates(&["Q-21"])
    .needs(&[Filter])
    .advice("store times no finer than they are printed, and compare them as instants"),
    practice(
        "N-09",
        "RFC 3986 §2.1",
        "A plus in an address is found when it is sent as %2B; sent bare it is a space",
        |p| {
            Box::pin(async move {
                let name = format!("{}+b@x.com", p.name("a"));
                let id = p.user_with(json!({"userName": name})).await?.id()?;
                p.finds("/Users", &format!("userName eq \"{name}\""), &[&id]).await?;
                let bare = p.get(&format!("/Users?filter=userName+eq+%22{name}%22")).await?.expect(200)?;
                bare.has("/totalResults", 0)?;
                Ok(())
            })
        },
    )
    .restates(&["Q-19"])
    .needs(&[Filter]),
    practice(
        "N-10",
        "RFC 7644 §3.4.2.2",
        "No text of a filter becomes a pattern or a statement of the database",
        |p| {
            Box::pin(async move {
                let stem = p.name("u");
                let with = p.user_with(json!({"title": format!("{stem}_x")})).await?.id()?;
                p.user_with(json!({"title": format!("{stem}-x")})).await?;
                p.query("/Users", "userName sw \"%\"").await?.has("/totalResults", 0)?;
                let filter = format!("title sw \"{stem}\" and title co \"_\"");
                p.finds("/Users", &filter, &[&with]).await?;
                p.query("/Users", "userName eq \"' or 1=1 --\"").await?.has("/totalResults", 0)?;
                Ok(())
            })
        },
    )
    .restates(&["X-21"])
    .needs(&[Filter]),
];
