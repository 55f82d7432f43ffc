//! what the operators mean.

use serde_json::json;

use crate::{
    case::{Case, Need::Filter, must, practice},
    probe::ENTERPRISE,
};

pub(in crate::cases) const CASES: &[Case] = &[
    must("Q-20", "RFC 7644 §3.4.2.2", "Texts compare with or without case as their attribute says, by every operator", |p| {
        Box::pin(async move {
            let external = p.name("Ext-B");
            let (mine, _) = super::users(p, &[]).await?;
            let title = mine.trim_start_matches("title eq \"").trim_end_matches('"').to_owned();
            let sent = json!({"title": title, "nickName": "Bob", "externalId": external});
            let id = p.user_with(sent).await?.id()?;
            for test in ["eq \"bOB\"", "co \"O\"", "sw \"BO\"", "ew \"OB\"", "gt \"BOA\"", "le \"BOB\""] {
                p.finds("/Users", &format!("{mine} and nickName {test}"), &[&id]).await?;
            }
            p.finds("/Users", &format!("{mine} and nickName ne \"BOB\""), &[]).await?;
            let (lower, upper) = (external.to_lowercase(), external.to_uppercase());
            for (test, found) in [
                (format!("eq \"{external}\""), true), (format!("eq \"{lower}\""), false),
                (format!("sw \"{upper}\""), false), (format!("ne \"{lower}\""), true), ("ew \"ext-b\"".into(), false),
            ] {
                let expected: Vec<&String> = if found { vec![&id] } else { Vec::new() };
                p.finds("/Users", &format!("{mine} and externalId {test}"), &expected).await?;
            }
            Ok(())
        })
    })
    .needs(&[Filter]),
    must("Q-21", "RFC 7644 §3.4.2.2", "eq and ne compare whole values: texts, booleans, and times as instants", |p| {
        Box::pin(async move {
            let (mine, ids) = super::users(p, &["Bob", "Bobby"]).await?;
            let (bob, bobby) = (&ids[0], &ids[1]);
            p.finds("/Users", &format!("{mine} and nickName eq \"Bob\""), &[bob]).await?;
            p.finds("/Users", &format!("{mine} and nickName ne \"Bob\""), &[bobby]).await?;
            p.finds("/Users", &format!("{mine} and active eq true"), &[bob, bobby]).await?;
            p.finds("/Users", &format!("{mine} and active ne true"), &[]).await?;
            let read = p.get(&format!("/Users/{bob}")).await?.expect(200)?;
            let printed = read.at("/meta/created").as_str().unwrap_or_default();
            let Ok(instant) = printed.parse::<jiff::Timestamp>() else {
                return read.ensure(false, "print meta.created as date, time and offset");
            };
            let zone = jiff::tz::Offset::constant(2).to_time_zone();
            let shifted = instant.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%.f%:z").to_string();
            p.finds("/Users", &format!("id eq \"{bob}\" and meta.created eq \"{shifted}\""), &[bob]).await
        })
    })
    .needs(&[Filter]),
    must("Q-22", "RFC 7644 §3.4.2.2", "co, sw and ew look inside, before and behind; not in booleans and times", |p| {
        Box::pin(async move {
            let (mine, ids) = super::users(p, &["abc", "bcd"]).await?;
            let (abc, bcd) = (&ids[0], &ids[1]);
            for (test, expected) in [
                ("co \"bc\"", vec![abc, bcd]), ("sw \"ab\"", vec![abc]), ("ew \"cd\"", vec![bcd]),
                ("co \"abc\"", vec![abc]), ("sw \"abc\"", vec![abc]), ("ew \"abc\"", vec![abc]),
                ("co \"\"", vec![abc, bcd]), ("co \"x\"", vec![]),
            ] {
                p.finds("/Users", &format!("{mine} and nickName {test}"), &expected).await?;
            }
            for bad in ["active co \"tr\"", "active sw true", "meta.created co \"20\""] {
                p.query("/Users", bad).await?.refused(400, "invalidFilter")?;
            }
            Ok(())
        })
    })
    .needs(&[Filter]),
    must("Q-23", "RFC 7644 §3.4.2.2", "gt, ge, lt and le order texts by letters and times by time; not booleans", |p| {
        Box::pin(async move {
            let (mine, ids) = super::users(p, &["a", "b", "c"]).await?;
            let (a, b, c) = (&ids[0], &ids[1], &ids[2]);
            for (test, expected) in [
                ("gt \"b\"", vec![c]), ("ge \"b\"", vec![b, c]), ("lt \"b\"", vec![a]), ("le \"b\"", vec![a, b]),
            ] {
                p.finds("/Users", &format!("{mine} and nickName {test}"), &expected).await?;
            }
            let later = "meta.created gt \"2001-01-01T00:00:00+14:00\" and meta.created lt \"2901-01-01T00:00:00Z\"";
            p.finds("/Users", &format!("{mine} and {later}"), &[a, b, c]).await?;
            p.query("/Users", "active gt false").await?.refused(400, "invalidFilter")?;
            Ok(())
        })
    })
    .needs(&[Filter]),
    must("Q-24", "RFC 7644 §3.4.2.2", "pr asks for a value that is not empty; false is a value", |p| {
        Box::pin(async move {
            let title = p.name("title");
            let full = json!({"title": title, "active": false, "name": {"givenName": "G"}, "emails": [{"value": "a@example.com"}]});
            let full = p.user_with(full).await?.id()?;
            let bare = json!({"title": title, "active": false, "name": {"givenName": ""}, "nickName": ""});
            let bare = p.user_with(bare).await?.id()?;
            let mine = format!("title eq \"{title}\"");
            for (attribute, expected) in [
                ("active", vec![&full, &bare]), ("name", vec![&full]), ("name.givenName", vec![&full]),
                ("emails", vec![&full]), ("emails.value", vec![&full]), ("nickName", vec![]), ("userName", vec![&full, &bare]),
            ] {
                p.finds("/Users", &format!("{mine} and {attribute} pr"), &expected).await?;
            }
            Ok(())
        })
    })
    .needs(&[Filter]),
    must("Q-25", "RFC 7644 §3.4.2.2", "Of several values one has to fit; brackets ask both of the same one", |p| {
        Box::pin(async move {
            let title = p.name("title");
            let sent = json!({"title": title, "emails": [
                {"type": "work", "value": "w@a.com"}, {"type": "home", "value": "h@b.com"},
            ]});
            let id = p.user_with(sent).await?.id()?;
            let mine = format!("title eq \"{title}\"");
            p.finds("/Users", &format!("{mine} and emails.value co \"@b.com\""), &[&id]).await?;
            p.finds("/Users", &format!("{mine} and emails.type eq \"work\" and emails.value co \"@b\""), &[&id]).await?;
            p.finds("/Users", &format!("{mine} and emails[type eq \"work\" and value co \"@b\"]"), &[]).await?;
            p.finds("/Users", &format!("{mine} and emails[type eq \"work\" and value co \"@a\"]"), &[&id]).await
        })
    })
    .needs(&[Filter]),
    must("Q-26", "RFC 7644 §3.4.2.2", "ne on several values asks for one that differs", |p| {
        Box::pin(async move {
            let title = p.name("title");
            let sent = json!({"title": title, "emails": [
                {"type": "work", "value": "w@a.com"}, {"type": "home", "value": "h@b.com"},
            ]});
            let both = p.user_with(sent).await?.id()?;
            let work = json!({"title": title, "emails": [{"type": "work", "value": "w@a.com"}]});
            p.user_with(work).await?;
            let mine = format!("title eq \"{title}\"");
            p.finds("/Users", &format!("{mine} and emails.type ne \"work\""), &[&both]).await?;
            p.finds("/Users", &format!("{mine} and not (emails.type eq \"work\")"), &[]).await
        })
    })
    .needs(&[Filter]),
    practice("Q-27", "RFC 7644 §3.4.2.2", "What is absent differs from everything and is like nothing; not turns that round", |p| {
        Box::pin(async move {
            let (mine, ids) = super::users(p, &["a"]).await?;
            let id = &ids[0];
            p.finds("/Users", &format!("{mine} and userType ne \"x\""), &[id]).await?;
            for test in ["eq \"x\"", "co \"x\"", "sw \"x\"", "ew \"x\"", "gt \"x\"", "le \"x\""] {
                p.finds("/Users", &format!("{mine} and userType {test}"), &[]).await?;
                p.finds("/Users", &format!("{mine} and not (userType {test})"), &[id]).await?;
            }
            Ok(())
        })
    })
    .needs(&[Filter]),
    practice("Q-28", "RFC 7643 §2.5", "eq null is not present, ne null is present; other operators refuse null", |p| {
        Box::pin(async move {
            let (mine, ids) = super::users(p, &["a"]).await?;
            let id = &ids[0];
            p.finds("/Users", &format!("{mine} and userType eq null"), &[id]).await?;
            p.finds("/Users", &format!("{mine} and userType ne null"), &[]).await?;
            p.finds("/Users", &format!("{mine} and nickName ne null"), &[id]).await?;
            p.finds("/Users", &format!("{mine} and nickName eq null"), &[]).await?;
            p.query("/Users", "nickName co null").await?.refused(400, "invalidFilter")?;
            Ok(())
        })
    })
    .needs(&[Filter]),
    must("Q-29", "RFC 7644 §3.4.2.2", "A complex attribute is compared by a part of it; of several, without a part, by value", |p| {
        Box::pin(async move {
            let mail = format!("{}@example.com", p.name("m"));
            let sent = json!({"name": {"givenName": "G"}, "emails": [{"value": mail}]});
            let id = p.user_with(sent).await?.id()?;
            p.query("/Users", "name eq \"G\"").await?.refused(400, "invalidFilter")?;
            p.finds("/Users", &format!("emails.value eq \"{mail}\" and name pr"), &[&id]).await?;
            p.finds("/Users", &format!("emails eq \"{mail}\""), &[&id]).await
        })
    })
    .needs(&[Filter]),
    practice("Q-30", "RFC 7644 §3.4.2.2", "A value of another type than the attribute's is invalidFilter", |p| {
        Box::pin(async move {
            for bad in ["active eq \"yes\"", "meta.created gt \"soon\"", "userName eq 5", "title eq true", "active eq 1"] {
                p.query("/Users", bad).await?.refused(400, "invalidFilter")?;
            }
            Ok(())
        })
    })
    .needs(&[Filter]),
    must("Q-31", "RFC 7644 §3.4.2.2", "A filter on a defaulted attribute uses the value that was returned", |p| {
        Box::pin(async move {
            let user = p.user_with(json!({})).await?;
            let id = user.id()?;
            let active = user.at("/active").clone();
            let (same, other) = if active.is_null() { ("not (active pr)".to_owned(), "active pr".to_owned()) } else {
                (format!("active eq {active}"), format!("active ne {active}"))
            };
            p.finds("/Users", &format!("id eq \"{id}\" and {same}"), &[&id]).await?;
            p.finds("/Users", &format!("id eq \"{id}\" and {other}"), &[]).await
        })
    })
    .needs(&[Filter]),
    practice("Q-32", "RFC 7644 §3.4.2.2", "An attribute that a type does not have is invalidFilter there", |p| {
        Box::pin(async move {
            for bad in ["noSuchAttribute eq \"x\"", "name.noSuchPart eq \"x\"", "emails[noSuchPart eq \"x\"]", "noSuchAttribute pr"] {
                p.query("/Users", bad).await?.refused(400, "invalidFilter")?;
            }
            p.query("/Groups", "userName eq \"x\"").await?.refused(400, "invalidFilter")?;
            Ok(())
        })
    })
    .needs(&[Filter]),
    practice("Q-33", "RFC 7643 §4.1.1, §7", "A password can't be searched, sorted by or probed", |p| {
        Box::pin(async move {
            for bad in ["password eq \"x\"", "password pr", "not (password pr)"] {
                p.query("/Users", bad).await?.one_of(&[400, 403])?.an_error()?;
            }
            if p.can().sort {
                p.get("/Users?sortBy=password&count=1").await?.refused(400, "")?;
            }
            Ok(())
        })
    })
    .needs(&[Filter]),
    practice("Q-34", "RFC 7644 §7.5", "What a caller may not read can't be inferred by filters: another tenant's values find nothing", |p| {
        Box::pin(async move {
            let other = p.given("a token of another tenant", |f| f.other_token.clone())?;
            let (mine, ids) = super::users(p, &["a"]).await?;
            p.finds("/Users", &mine, &[&ids[0]]).await?;
            let group = p.group(&[&ids[0]]).await?;
            p.finds("/Groups", &format!("members.value eq \"{}\"", ids[0]), &[&group]).await?;
            p.speak_as(Some(other));
            p.query("/Users", &mine).await?.expect(200)?.has("/totalResults", 0)?;
            let members = format!("members.value eq \"{}\"", ids[0]);
            p.query("/Groups", &members).await?.expect(200)?.has("/totalResults", 0)?;
            Ok(())
        })
    })
    .needs(&[Filter]),
    practice("Q-35", "Entra ID, Okta", "The filters that the large clients send", |p| {
        Box::pin(async move {
            let boss = p.user().await?;
            let (external, display) = (p.name("external"), p.name("display"));
            let mail = format!("{}@example.com", p.name("m"));
            let user = p
                .user_with(json!({
                    "externalId": external, "displayName": display, "emails": [{"type": "work", "value": mail}],
                    ENTERPRISE: {"manager": {"value": boss}},
                }))
                .await?;
            let id = user.id()?;
            let name = user.at("/userName").as_str().unwrap_or_default().to_owned();
            for filter in [
                format!("userName eq \"{name}\""),
                format!("externalId eq \"{external}\""),
                format!("displayName eq \"{display}\""),
                format!("emails.value eq \"{mail}\""),
                format!("emails[type eq \"work\"].value eq \"{mail}\""),
                format!("userName eq \"{name}\" and externalId eq \"{external}\""),
                format!("id eq \"{id}\" and {ENTERPRISE}:manager.value eq \"{boss}\""),
            ] {
                p.finds("/Users", &filter, &[&id]).await?;
            }
            let group = p.group_with(json!({"displayName": display, "members": [{"value": id}]})).await?.id()?;
            for filter in [
                format!("displayName eq \"{display}\""),
                format!("id eq \"{group}\" and members.value eq \"{id}\""),
                format!("members[value eq \"{id}\"]"),
            ] {
                p.finds("/Groups", &filter, &[&group]).await?;
            }
            Ok(())
        })
    })
    .needs(&[Filter]),
];
