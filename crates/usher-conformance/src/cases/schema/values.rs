//! S-17 to S-37: names, types, null and empty.

use serde_json::{Value, json};
use usher_scim::schema::USER;

use super::certificate::PADDED;
use crate::{
    case::{Case, Need::Filter, may, must, practice, should},
    probe::Probe,
    verdict::{ensure, skip},
};

/// Whether `null` or `[]` stands anywhere in it.
fn holds_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(all) => all.is_empty() || all.iter().any(holds_nothing),
        Value::Object(all) => all.values().any(holds_nothing),
        _ => false,
    }
}

/// Visits each attribute of the served schemas; `true` for sub-attributes.
fn each_attribute(schemas: &[Value], mut visit: impl FnMut(&Value, bool)) {
    for schema in schemas {
        for attribute in schema["attributes"].as_array().map_or(&[][..], Vec::as_slice) {
            visit(attribute, false);
            for sub in attribute["subAttributes"].as_array().map_or(&[][..], Vec::as_slice) {
                visit(sub, true);
            }
        }
    }
}

/// A single-valued attribute of the core User schema that clients may write, of one of these types.
fn writable(schemas: &[Value], types: &[&str]) -> Option<String> {
    let user = schemas.iter().find(|schema| schema["id"] == USER)?;
    let all = user["attributes"].as_array()?;
    let fits = |a: &&Value| {
        types.iter().any(|kind| a["type"] == *kind)
            && a["mutability"] == "readWrite"
            && a["multiValued"] != true
    };
    all.iter().find(fits).and_then(|a| a["name"].as_str()).map(str::to_owned)
}

fn swapped_case(text: &str) -> String {
    let swap = |c: char| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
    text.chars().map(swap).collect()
}

pub(in crate::cases) const CASES: &[Case] = &[
    must(
        "S-17",
        "RFC 7643 §2.1; RFC 7644 §3.10",
        "Names of attributes and URNs compare ignoring case; answers spell them as the schema does",
        |p| {
            Box::pin(async move {
                let name = p.name("user");
                let body = json!({
                    "schemas": [USER.to_uppercase().replacen("URN:IETF", "urn:ietf", 1)],
                    "USERNAME": name, "Name": {"GIVENNAME": "G"},
                });
                let made = p.post("/Users", body).await?.expect(201)?;
                let at = format!("/Users/{}", made.id()?);
                let read = p.get(&at).await?.expect(200)?;
                read.has("/userName", name.as_str())?.has("/name/givenName", "G")?.lacks("/USERNAME")?;
                read.ensure(read.schemas() == [USER], "spell URNs as the schema does")?;
                let cut = p.get(&format!("{at}?attributes=NAME.GivenName")).await?.expect(200)?;
                cut.has("/name/givenName", "G")?.lacks("/userName")?;
                if p.can().filter {
                    p.finds("/Users", &format!("UserNAME eq \"{name}\""), &[&made.id()?]).await?;
                }
                Ok(())
            })
        },
    ),
    practice("S-18", "RFC 7643 §2.1", "An object with one name twice, in whatever case, is refused", |p| {
        Box::pin(async move {
            let (a, b) = (p.name("a"), p.name("b"));
            for second in ["userName", "USERNAME"] {
                let body = format!(r#"{{"schemas":["{USER}"],"userName":"{a}","{second}":"{b}"}}"#);
                p.send("POST", "/Users", &[], body).await?.refused(400, "invalidSyntax")?;
            }
            Ok(())
        })
    }),
    must(
        "S-19",
        "RFC 7643 §2.1",
        "Attribute names begin with a letter and go on with letters, digits, -, _ and $; only $ref is otherwise",
        |p| {
            Box::pin(async move {
                let schemas = p.get("/Schemas").await?.expect(200)?;
                let (mut bad, mut count) = (Vec::new(), 0);
                each_attribute(schemas.all("/Resources"), |attribute, _| {
                    let name = attribute["name"].as_str().unwrap_or_default();
                    let good = name.starts_with(|c: char| c.is_ascii_alphabetic())
                        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_$".contains(c));
                    count += 1;
                    if !good && name != "$ref" {
                        bad.push(name.to_owned());
                    }
                });
                schemas.ensure(count > 0, "list attributes in /Schemas")?;
                ensure(bad.is_empty(), "name attributes as the grammar allows", format!("{bad:?}"))
            })
        },
    ),
    must(
        "S-20",
        "RFC 7643 §2.2",
        "An attribute without further word is a text, optional, ignoring case, writable, shown, not unique",
        |p| {
            Box::pin(async move {
                let schemas = p.get("/Schemas").await?.expect(200)?;
                let user = schemas.all("/Resources").iter().find(|schema| schema["id"] == USER);
                let title = user
                    .and_then(|schema| schema["attributes"].as_array())
                    .and_then(|all| all.iter().find(|attribute| attribute["name"] == "title"));
                let Some(title) = title else { return skip("User has no title here") };
                for (characteristic, default) in [
                    ("type", json!("string")),
                    ("required", json!(false)),
                    ("caseExact", json!(false)),
                    ("mutability", json!("readWrite")),
                    ("returned", json!("default")),
                    ("uniqueness", json!("none")),
                ] {
                    let said = &title[characteristic];
                    let fits = said.is_null() || *said == default;
                    schemas
                        .ensure(fits, &format!("leave {characteristic} of title at its default {default}"))?;
                }
                let value = p.name("Title");
                let one = p.user_with(json!({"title": value})).await?;
                one.has("/title", value.as_str())?;
                let (one, two) = (one.id()?, p.user_with(json!({"title": value})).await?.id()?);
                p.finds("/Users", &format!("title eq \"{}\"", value.to_uppercase()), &[&one, &two]).await
            })
        },
    )
    .needs(&[Filter]),
    must("S-21", "RFC 7643 §2.3.8", "Nesting ends with sub-attributes: none of them is complex", |p| {
        Box::pin(async move {
            let schemas = p.get("/Schemas").await?.expect(200)?;
            let (mut bad, mut subs) = (Vec::new(), 0);
            for schema in schemas.all("/Resources") {
                // The schema of schemas is the one exception.
                let exempt = schema["name"] == "Schema";
                each_attribute(std::slice::from_ref(schema), |attribute, sub| {
                    subs += usize::from(sub);
                    if sub
                        && !exempt
                        && (attribute["type"] == "complex" || !attribute["subAttributes"].is_null())
                    {
                        bad.push(attribute["name"].to_string());
                    }
                });
            }
            schemas.ensure(subs > 0, "list sub-attributes in /Schemas")?;
            ensure(bad.is_empty(), "declare no complex sub-attribute", bad.join(", "))
        })
    }),
    must(
        "S-22",
        "RFC 7643 §2.3.1",
        "A text is a JSON string of Unicode; a number or boolean in its place is refused",
        |p| {
            Box::pin(async move {
                p.user_with(json!({"title": "Zoë 李 \u{1f600}"})).await?.has("/title", "Zoë 李 \u{1f600}")?;
                for wrong in [json!(5), json!(true), json!({"a": "b"})] {
                    let body = json!({"schemas": [USER], "userName": p.name("user"), "title": wrong});
                    p.post("/Users", body).await?.refused(400, "invalidValue")?;
                }
                Ok(())
            })
        },
    ),
    must(
        "S-23",
        "RFC 7643 §2.3.2",
        "Booleans are true and false, sent and shown as such, never as text",
        |p| {
            Box::pin(async move {
                for active in [true, false] {
                    let mails = json!([{"value": "a@example.com", "primary": true}]);
                    let made = p.user_with(json!({"active": active, "emails": mails})).await?;
                    for user in [p.get(&format!("/Users/{}", made.id()?)).await?.expect(200)?, made] {
                        user.has("/active", active)?.has("/emails/0/primary", true)?;
                    }
                }
                let user = |p: &mut Probe, active: Value, primary: Value| {
                    let mails = json!([{"value": "a@example.com", "primary": primary}]);
                    json!({"schemas": [USER], "userName": p.name("user"), "active": active, "emails": mails})
                };
                for (active, primary) in [
                    ("no".into(), true.into()),
                    (1.into(), true.into()),
                    (true.into(), "no".into()),
                    (json!([true]), json!(true)),
                ] {
                    let wrong = user(p, active, primary);
                    p.post("/Users", wrong).await?.refused(400, "invalidValue")?;
                }
                // A text that can only mean a boolean may be read as one, and is then shown as one.
                for (text, active) in [("True", true), ("False", false)] {
                    let said = user(p, text.into(), "True".into());
                    let answer = p.post("/Users", said).await?;
                    if answer.status == 400 {
                        answer.refused(400, "invalidValue")?;
                    } else {
                        answer.expect(201)?.has("/active", active)?.has("/emails/0/primary", true)?;
                    }
                }
                if p.as_strict() {
                    for (active, primary) in [("True".into(), true.into()), (true.into(), "True".into())] {
                        let said = user(p, active, primary);
                        p.post("/Users", said).await?.refused(400, "invalidValue")?;
                    }
                }
                Ok(())
            })
        },
    ),
    must(
        "S-24",
        "RFC 7643 §2.3.3-4",
        "An integer has no fraction or exponent, and comes back as the same number",
        |p| {
            Box::pin(async move {
                let Some(name) = writable(&p.can().schemas, &["integer"]) else {
                    return skip("User has no whole number that clients may write");
                };
                for number in ["0", "-1", "9007199254740993", "9223372036854775807"] {
                    let user = p.name("user");
                    let body = format!(r#"{{"schemas":["{USER}"],"userName":"{user}","{name}":{number}}}"#);
                    let made = p.send("POST", "/Users", &[], body).await?.expect(201)?;
                    let shown = made.at(&format!("/{name}")).to_string();
                    made.ensure(shown == number, "return the same number")?;
                }
                for number in ["1.0", "1e3"] {
                    let user = p.name("user");
                    let body = format!(r#"{{"schemas":["{USER}"],"userName":"{user}","{name}":{number}}}"#);
                    p.send("POST", "/Users", &[], body).await?.refused(400, "invalidValue")?;
                }
                Ok(())
            })
        },
    ),
    must("S-25", "RFC 7643 §2.3.5", "A dateTime has date and time, and says its offset from UTC", |p| {
        Box::pin(async move {
            let made = p.user_with(json!({})).await?;
            for pointer in ["/meta/created", "/meta/lastModified"] {
                let text = made.at(pointer).as_str().unwrap_or_default();
                made.ensure(
                    text.contains('T') && text.parse::<jiff::Timestamp>().is_ok(),
                    &format!("write {pointer} with date, time and offset"),
                )?;
            }
            if let Some(name) = writable(&p.can().schemas, &["dateTime"]) {
                let user = p.name("user");
                let body = json!({"schemas": [USER], "userName": user, name: "2024-01-01"});
                p.post("/Users", body).await?.refused(400, "invalidValue")?;
            }
            Ok(())
        })
    }),
    must(
        "S-26",
        "RFC 7643 §2.3.6",
        "Binary is base64, padded or not, compared exactly; anything else is refused",
        |p| {
            Box::pin(async move {
                let bare = PADDED.trim_end_matches('=');
                let certificate = |value: &str| json!({"x509Certificates": [{"value": value}]});
                for form in [PADDED, bare] {
                    let user = p.user_with(certificate(form)).await?;
                    let shown = user.at("/x509Certificates/0/value").as_str().unwrap_or_default().to_owned();
                    user.ensure(
                        shown.trim_end_matches('=') == bare,
                        "keep a binary value as it came, but for its padding",
                    )?;
                    if p.can().filter {
                        let other = swapped_case(&shown);
                        let mine = format!("id eq \"{}\" and x509Certificates.value eq", user.id()?);
                        p.finds("/Users", &format!("{mine} \"{shown}\""), &[&user.id()?]).await?;
                        p.finds("/Users", &format!("{mine} \"{other}\""), &[]).await?;
                    }
                }
                for wrong in [json!("no base64!"), json!("MIIB\u{e9}"), json!("MIIB="), json!(5), json!(true)]
                {
                    let mut body = json!({"schemas": [USER], "userName": p.name("user")});
                    body["x509Certificates"] = json!([{"value": wrong}]);
                    p.post("/Users", body).await?.refused(400, "invalidValue")?;
                }
                Ok(())
            })
        },
    ),
    must(
        "S-27",
        "RFC 7643 §2.3.7, §2.4",
        "A reference is a URI, absolute or relative, kept and compared exactly",
        |p| {
            Box::pin(async move {
                let uri = format!("https://example.com/{}/Me", p.name("Path"));
                let user = p.user_with(json!({"profileUrl": uri})).await?;
                user.has("/profileUrl", uri.as_str())?;
                let id = user.id()?;
                let group =
                    p.group_with(json!({"members": [{"value": id, "$ref": format!("Users/{id}")}]})).await?;
                let shown = p.get(&format!("/Groups/{}", group.id()?)).await?.expect(200)?;
                shown.each_is("/members", "value", &[&id])?;
                shown.has("/members/0/$ref", user.at("/meta/location").clone())?;
                if p.can().filter {
                    p.finds("/Users", &format!("profileUrl eq \"{uri}\""), &[&id]).await?;
                    p.finds("/Users", &format!("profileUrl eq \"{}\"", uri.to_lowercase()), &[]).await?;
                }
                Ok(())
            })
        },
    ),
    must(
        "S-28",
        "RFC 7643 §2.4",
        "Several values are an array; one bare value in its place is refused",
        |p| {
            Box::pin(async move {
                p.user_with(json!({"emails": [{"value": "a@example.com"}]}))
                    .await?
                    .has("/emails/0/value", "a@example.com")?;
                let body = json!({"schemas": [USER], "userName": p.name("user"), "emails": {"value": "a@example.com"}});
                p.post("/Users", body).await?.refused(400, "invalidValue")?;
                Ok(())
            })
        },
    ),
    must(
        "S-29",
        "RFC 7643 §2.4",
        "At most one value is primary; a write with two is refused and stores nothing",
        |p| {
            Box::pin(async move {
                let one = json!([{"value": "a@example.com", "primary": true}, {"value": "b@example.com"}]);
                let two = json!([
                    {"value": "a@example.com", "primary": true}, {"value": "b@example.com", "primary": true},
                ]);
                let name = p.name("user");
                let body = json!({"schemas": [USER], "userName": name, "emails": two});
                p.post("/Users", body.clone()).await?.refused(400, "invalidValue")?;
                let made =
                    p.post("/Users", json!({"schemas": [USER], "userName": name, "emails": one})).await?;
                let at = format!("/Users/{}", made.expect(201)?.id()?);
                p.put(&at, body).await?.refused(400, "invalidValue")?;
                if p.can().patch {
                    let op = json!([{"op": "replace", "path": "emails", "value": two}]);
                    p.patch(&at, op).await?.refused(400, "invalidValue")?;
                }
                let user = p.get(&at).await?.expect(200)?;
                let primaries = user.all("/emails").iter().filter(|email| email["primary"] == true).count();
                user.ensure(primaries == 1, "keep the one primary value")
            })
        },
    ),
    should(
        "S-30",
        "RFC 7643 §2.4",
        "No two values with the same type and value; one value under two types is fine",
        |p| {
            Box::pin(async move {
                let twice = json!([{"type": "work", "value": "a@example.com"}, {"type": "work", "value": "a@example.com"}]);
                let body = json!({"schemas": [USER], "userName": p.name("user"), "emails": twice});
                let answer = p.post("/Users", body).await?;
                if answer.status == 400 {
                    answer.refused(400, "invalidValue")?;
                } else {
                    let answer = answer.expect(201)?;
                    answer
                        .ensure(answer.all("/emails").len() == 1, "return the same value of one type once")?;
                }
                let types = json!([{"type": "work", "value": "a@example.com"}, {"type": "home", "value": "a@example.com"}]);
                p.user_with(json!({"emails": types})).await?.each_is("/emails", "type", &["work", "home"])
            })
        },
    ),
    may(
        "S-31",
        "RFC 7643 §2.3.1, §7",
        "Canonical values are suggestions: another is taken as it is, or refused",
        |p| {
            Box::pin(async move {
                let body = json!({
                    "schemas": [USER], "userName": p.name("user"),
                    "emails": [{"type": "mobile", "value": "a@example.com"}],
                });
                let answer = p.post("/Users", body).await?;
                if answer.status == 400 {
                    answer.refused(400, "invalidValue")?;
                } else {
                    answer.expect(201)?.has("/emails/0/type", "mobile")?;
                }
                Ok(())
            })
        },
    ),
    should(
        "S-32",
        "RFC 7643 §4.1.2",
        "E-mail addresses and phone numbers come back as they were sent, and are found in any case",
        |p| {
            Box::pin(async move {
                let mail = format!("{}@EXAMPLE.com", p.name("Ann"));
                let sent =
                    json!({"emails": [{"value": mail}], "phoneNumbers": [{"value": "+49 (30) 12-34 ext 5"}]});
                let user = p.user_with(sent).await?;
                user.has("/emails/0/value", mail.as_str())?
                    .has("/phoneNumbers/0/value", "+49 (30) 12-34 ext 5")?;
                if p.can().filter {
                    let filter = format!("emails.value eq \"{}\"", mail.to_lowercase());
                    p.finds("/Users", &filter, &[&user.id()?]).await?;
                }
                Ok(())
            })
        },
    ),
    must("S-33", "RFC 7643 §2.5", "Absent, null and [] are one state: unassigned", |p| {
        Box::pin(async move {
            let name = p.name("user");
            let made = p.user_with(json!({"userName": name, "title": "T"})).await?;
            let at = format!("/Users/{}", made.id()?);
            let bare = json!({"schemas": [USER], "userName": name, "title": "T"});
            let nulls = json!({
                "schemas": [USER], "userName": name, "title": "T", "nickName": null, "emails": [], "name": null,
            });
            let before = p.put(&at, bare).await?.expect(200)?;
            let after = p.put(&at, nulls).await?.expect(200)?;
            after.lacks("/nickName")?.lacks("/emails")?.lacks("/name")?.has("/title", "T")?;
            after.has("/meta/lastModified", before.at("/meta/lastModified").clone())?;
            Ok(())
        })
    }),
    may(
        "S-34",
        "RFC 7643 §2.5",
        "What is unassigned is left out of answers: no null, no empty array",
        |p| {
            Box::pin(async move {
                let user =
                    p.user_with(json!({"title": null, "emails": [], "name": {"givenName": "G"}})).await?;
                user.ensure(!holds_nothing(&user.json), "leave out what is unassigned")?;
                let read = p.get(&format!("/Users/{}", user.id()?)).await?.expect(200)?;
                read.ensure(!holds_nothing(&read.json), "leave out what is unassigned")
            })
        },
    ),
    may(
        "S-35",
        "RFC 7644 §3.3, §3.5.1",
        "A default that the client cleared with null is not set again",
        |p| {
            Box::pin(async move {
                let name = p.name("user");
                let made = p.user_with(json!({"userName": name})).await?;
                if made.at("/active").is_null() {
                    return skip("active has no default here");
                }
                let body = json!({"schemas": [USER], "userName": p.name("user"), "active": null});
                let cleared = p.post("/Users", body).await?.expect(201)?;
                let read = p.get(&format!("/Users/{}", cleared.id()?)).await?.expect(200)?;
                read.has("/active", cleared.at("/active").clone())?;
                let shown = read.at("/active");
                read.ensure(shown.is_null() || *shown == true, "leave active unset, or say true; never false")
            })
        },
    ),
    practice(
        "S-36",
        "RFC 7643 §2.5",
        "null for a required attribute is as if it were missing; an empty text is no value for pr",
        |p| {
            Box::pin(async move {
                for wrong in [json!(null), json!("")] {
                    let body = json!({"schemas": [USER], "userName": wrong});
                    p.post("/Users", body).await?.refused(400, "invalidValue")?;
                }
                let name = p.name("user");
                let id = p.user_with(json!({"userName": name, "title": ""})).await?.id()?;
                if p.can().filter {
                    p.finds("/Users", &format!("userName eq \"{name}\""), &[&id]).await?;
                    p.finds("/Users", &format!("userName eq \"{name}\" and title pr"), &[]).await?;
                }
                Ok(())
            })
        },
    ),
    practice(
        "S-37",
        "RFC 7643 §2.5",
        "A complex value whose parts are all unassigned is unassigned; null as an element is refused",
        |p| {
            Box::pin(async move {
                let sent = json!({"name": {"givenName": null}, "emails": [{"value": "a@example.com"}, {}]});
                let user = p.user_with(sent).await?;
                user.lacks("/name")?;
                user.ensure(user.all("/emails").len() == 1, "drop elements without any value")?;
                p.user_with(json!({"name": {}})).await?.lacks("/name")?;
                let body = json!({"schemas": [USER], "userName": p.name("user"), "emails": [null]});
                p.post("/Users", body).await?.refused(400, "invalidValue")?;
                Ok(())
            })
        },
    ),
];
