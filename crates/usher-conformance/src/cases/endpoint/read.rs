//! E-01 to E-18: routes, creation, reading.

use serde_json::json;
use usher_scim::schema::{GROUP, USER};

use crate::{
    case::{Case, may, must, practice, should},
    verdict::{ensure, skip},
};

pub(in crate::cases) const CASES: &[Case] = &[
    must(
        "E-01",
        "RFC 7644 §3.2",
        "The endpoints of the RFC are there: resources, discovery; the others say that they are not",
        |p| {
            Box::pin(async move {
                for listed in ["/Users", "/Groups"] {
                    p.get(&format!("{listed}?count=1")).await?.ids()?;
                }
                for discovery in ["/ServiceProviderConfig", "/ResourceTypes", "/Schemas"] {
                    p.get(discovery).await?.expect(200)?;
                }
                let user = p.user().await?;
                let at = format!("/Users/{user}");
                p.get(&at).await?.expect(200)?;
                let name = p.name("user");
                p.put(&at, json!({"schemas": [USER], "userName": name})).await?.expect(200)?;
                if p.can().patch {
                    p.patch(&at, json!([{"op": "add", "path": "title", "value": "T"}]))
                        .await?
                        .one_of(&[200, 204])?;
                }
                p.delete(&at).await?.expect(204)?;
                for optional in ["/Bulk", "/.search", "/Users/.search", "/Groups/.search"] {
                    let answer = p.post(optional, json!({})).await?;
                    answer.ensure(
                        matches!(answer.status, 200 | 400 | 403 | 501),
                        "serve it, or say 501; a 404 makes clients believe the address to be wrong",
                    )?;
                }
                let me = p.get("/Me").await?;
                me.ensure(matches!(me.status, 200 | 308 | 403 | 404 | 501), "serve /Me, or say 501")
            })
        },
    ),
    must(
        "E-02",
        "RFC 7644 §1.3",
        "Every address that the server writes begins with the service root as the client sees it",
        |p| {
            Box::pin(async move {
                let base = p.base();
                let made = p.user_with(json!({})).await?;
                let id = made.id()?;
                let group = p.group(&[&id]).await?;
                let group = p.get(&format!("/Groups/{group}")).await?.expect(200)?;
                for (answer, pointer) in [(&made, "/meta/location"), (&group, "/meta/location")] {
                    let place = answer.at(pointer).as_str().unwrap_or_default();
                    answer.ensure(place.starts_with(&base), &format!("write {pointer} below {base}"))?;
                }
                made.ensure(
                    made.header("location").starts_with(&base),
                    &format!("write Location below {base}"),
                )?;
                let place = group.at("/members/0/$ref").as_str().unwrap_or_default();
                // A relative address is resolved against the service root (RFC 7643 §2.3.7).
                let relative = !place.contains("://");
                group.ensure(relative || place.starts_with(&base), &format!("write $ref below {base}"))
            })
        },
    ),
    may("E-03", "RFC 7644 §3.13", "A version in the address is the version spoken, or refused", |p| {
        Box::pin(async move {
            let base = p.base();
            let Some(root) = base.strip_suffix("/v2") else {
                return skip("the service root names no version");
            };
            let answer = p.get(&format!("{root}/v1/Users?count=1")).await?;
            if answer.status == 404 {
                answer.an_error()?;
            } else {
                answer.refused(400, "invalidVers")?;
            }
            p.get(&format!("{base}/Users?count=1")).await?.expect(200)?;
            Ok(())
        })
    }),
    practice(
        "E-04",
        "RFC 7644 §3.2",
        "A slash at the end, an empty query and an & at the end do no harm",
        |p| {
            Box::pin(async move {
                let id = p.user().await?;
                for path in [format!("/Users/{id}?"), format!("/Users/{id}/")] {
                    p.get(&path).await?.expect(200)?.has("/id", id.as_str())?;
                }
                for path in ["/Users/?count=1", "/Users?count=1&", "/Users/?count=1&"] {
                    p.get(path).await?.expect(200)?.ids()?;
                }
                Ok(())
            })
        },
    ),
    practice("E-05", "RFC 7644 §3.2", "Paths are compared exactly, ids too", |p| {
        Box::pin(async move {
            let id = p.user().await?;
            p.get("/users?count=1").await?.refused(404, "")?;
            let other = if id == id.to_uppercase() { id.to_lowercase() } else { id.to_uppercase() };
            if other != id {
                p.get(&format!("/Users/{other}")).await?.refused(404, "")?;
            }
            let escaped: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
            p.get(&format!("/Users/{escaped}")).await?.expect(200)?.has("/id", id.as_str())?;
            p.get(&format!("/Users/{}", escaped.replace('%', "%25"))).await?.refused(404, "")?;
            Ok(())
        })
    }),
    should("E-06", "RFC 7644 §3.4.2", "Unknown query parameters are ignored", |p| {
        Box::pin(async move {
            let plain = p.get("/Users?count=1").await?.expect(200)?;
            let more = p.get("/Users?count=1&foo=1&bar").await?.expect(200)?;
            ensure(
                plain.ids()? == more.ids()?,
                "answer as if unknown query parameters were not there",
                more.seen(),
            )
        })
    }),
    practice(
        "E-07",
        "RFC 7644 §3.12; RFC 9110 §15.5.6",
        "A method that an endpoint does not know is 405 with Allow, a feature that is off 501; never 404",
        |p| {
            Box::pin(async move {
                let refused = p.delete("/Users").await?.refused(405, "")?;
                let allow = refused.header("allow").to_ascii_uppercase();
                refused
                    .ensure(allow.contains("GET") && allow.contains("POST"), "name GET and POST in Allow")?;
                let id = p.user().await?;
                p.post(&format!("/Users/{id}"), json!({})).await?.refused(405, "")?;
                if !p.can().patch {
                    p.patch(&format!("/Users/{id}"), json!([])).await?.refused(501, "")?;
                }
                if !p.can().bulk {
                    p.post("/Bulk", json!({})).await?.refused(501, "")?;
                }
                Ok(())
            })
        },
    ),
    practice(
        "E-08",
        "RFC 7644 §3.12",
        "Token, route, method, media type, body, resource, precondition, schema, uniqueness are checked in this order",
        |p| {
            Box::pin(async move {
                let nobody = [("authorization", "")];
                p.send("GET", "/nope", &nobody, "").await?.refused(401, "")?;
                p.send("DELETE", "/Users", &nobody, "").await?.refused(401, "")?;
                let text = [("content-type", "text/plain")];
                p.send("POST", "/nope", &text, "{").await?.refused(404, "")?;
                p.send("DELETE", "/Users", &text, "{").await?.refused(405, "")?;
                p.send("POST", "/Users", &text, "{").await?.refused(415, "")?;
                p.send("PUT", "/Users/nobody", &[], "{").await?.refused(400, "invalidSyntax")?;
                let stale = [("if-match", "W/\"no-such-version\"")];
                let bad = json!({"schemas": [USER], "userName": 5}).to_string();
                p.send("PUT", "/Users/nobody", &stale, bad.clone()).await?.refused(404, "")?;
                if p.can().etag {
                    let id = p.user().await?;
                    p.send("PUT", &format!("/Users/{id}"), &stale, bad).await?.refused(412, "")?;
                }
                let taken = p.name("taken");
                p.user_with(json!({"userName": taken})).await?;
                let both = json!({"schemas": [USER], "userName": taken, "active": "no"});
                p.post("/Users", both).await?.refused(400, "invalidValue")?;
                Ok(())
            })
        },
    ),
    must(
        "E-09",
        "RFC 7644 §3.3",
        "Creation answers 201 with Location, meta.location the same, and the whole resource",
        |p| {
            Box::pin(async move {
                let made = p.user_with(json!({"title": "T"})).await?;
                let place = made.header("location").to_owned();
                made.ensure(!place.is_empty(), "send a Location with 201")?;
                made.has("/meta/location", place.as_str())?.has("/title", "T")?;
                p.get(&place).await?.expect(200)?.has("/id", made.id()?)?;
                let group = p.group_with(json!({})).await?;
                group.has("/meta/location", group.header("location"))?;
                Ok(())
            })
        },
    ),
    must(
        "E-10",
        "RFC 7644 §3.3; RFC 7643 §3.1",
        "Read-only attributes in a new resource are ignored, not refused",
        |p| {
            Box::pin(async move {
                let sent =
                    json!({"id": "mine", "groups": [{"value": "x"}], "meta": {"resourceType": "Robot"}});
                let made = p.user_with(sent).await?;
                made.ensure(made.id()? != "mine", "issue an id of the server's own")?;
                made.lacks("/groups")?.has("/meta/resourceType", "User")?;
                Ok(())
            })
        },
    ),
    must("E-11", "RFC 7644 §3.3", "A new resource with a taken unique value is 409 uniqueness", |p| {
        Box::pin(async move {
            let name = p.name("user");
            let body = json!({"schemas": [USER], "userName": name});
            p.post("/Users", body.clone()).await?.expect(201)?;
            p.post("/Users", body).await?.refused(409, "uniqueness")?;
            Ok(())
        })
    }),
    should(
        "E-12",
        "RFC 7644 §3.12",
        "A missing or mistyped value is invalidValue, a body that is no JSON object invalidSyntax",
        |p| {
            Box::pin(async move {
                p.post("/Users", json!({"schemas": [USER]})).await?.refused(400, "invalidValue")?;
                let mistyped = json!({"schemas": [USER], "userName": p.name("user"), "name": "text"});
                p.post("/Users", mistyped).await?.refused(400, "invalidValue")?;
                for body in ["{", "[]", "\"text\"", "null", "5"] {
                    p.send("POST", "/Users", &[], body).await?.refused(400, "invalidSyntax")?;
                }
                Ok(())
            })
        },
    ),
    may(
        "E-13",
        "RFC 7644 §3.3",
        "A default that the server sets is in the answer, and the same afterwards",
        |p| {
            Box::pin(async move {
                let made = p.user_with(json!({})).await?;
                let read = p.get(&format!("/Users/{}", made.id()?)).await?.expect(200)?;
                let (one, two) = (made.json.as_object(), read.json.as_object());
                let same = |a: &serde_json::Map<_, _>, b: &serde_json::Map<_, serde_json::Value>| {
                    a.iter().all(|(key, value)| b.get(key) == Some(value))
                };
                let equal = one.zip(two).is_some_and(|(one, two)| same(one, two) && same(two, one));
                read.ensure(equal, "answer the creation with all that is stored, defaults included")
            })
        },
    ),
    must(
        "E-14",
        "RFC 7644 §3.1, §3.3",
        "The answer to a creation is what is stored, not what was sent",
        |p| {
            Box::pin(async move {
                let sent = json!({"unknownThing": {"a": 1}, "title": "T", "nickName": null});
                let body_name = p.name("user");
                let mut body = sent;
                body["schemas"] = json!([USER]);
                body["userName"] = json!(body_name);
                let made = p.post("/Users", body).await?;
                if made.status == 400 {
                    made.refused(400, "")?;
                    let made = p.user_with(json!({"title": "T", "id": "mine"})).await?;
                    return made.ensure(made.id()? != "mine", "answer with what is stored");
                }
                let made = made.expect(201)?;
                made.id()?;
                made.has("/title", "T")?.lacks("/unknownThing")?;
                let shown = made.json.as_object().is_some_and(|all| !all.contains_key("nickName"));
                made.ensure(shown, "answer with what is stored")
            })
        },
    ),
    practice(
        "E-15",
        "RFC 7644 §3.3",
        "Unknown attributes are ignored and not stored, or refused with invalidSyntax",
        |p| {
            Box::pin(async move {
                let body = json!({"schemas": [USER], "userName": p.name("user"), "favouriteColour": "blue"});
                let answer = p.post("/Users", body.clone()).await?;
                if answer.status == 400 {
                    answer.refused_as(400, &["invalidSyntax", "invalidValue"])?;
                    return Ok(());
                }
                let id = answer.expect(201)?.id()?;
                p.get(&format!("/Users/{id}")).await?.expect(200)?.lacks("/favouriteColour")?;
                if p.as_strict() {
                    p.post("/Users", body).await?.refused(400, "invalidSyntax")?;
                }
                Ok(())
            })
        },
    ),
    practice(
        "E-16",
        "RFC 7644 §3.3",
        "A userName of somebody inactive is taken: 409; or that somebody comes back under the same id",
        |p| {
            Box::pin(async move {
                let name = p.name("user");
                let made = p.user_with(json!({"userName": name, "active": false})).await?;
                let answer =
                    p.post("/Users", json!({"schemas": [USER], "userName": name, "active": true})).await?;
                if answer.status == 409 {
                    answer.refused(409, "uniqueness")?;
                    p.get(&format!("/Users/{}", made.id()?)).await?.expect(200)?.has("/active", false)?;
                    return Ok(());
                }
                answer.one_of(&[200, 201])?.has("/id", made.id()?)?;
                Ok(())
            })
        },
    ),
    must(
        "E-17",
        "RFC 7644 §3.4.1",
        "A resource is read by its id; an unknown id is 404 with a SCIM error",
        |p| {
            Box::pin(async move {
                let made = p.user_with(json!({"title": "T"})).await?;
                let read = p.get(&format!("/Users/{}", made.id()?)).await?.expect(200)?;
                read.has("/id", made.id()?)?.has("/title", "T")?;
                if p.can().etag {
                    read.ensure(!read.header("etag").is_empty(), "send an ETag")?;
                }
                for nobody in
                    ["/Users/2819c223-7f76-453a-919d-413861904646", "/Users/nobody", "/Groups/nobody"]
                {
                    p.get(nobody).await?.refused(404, "")?;
                }
                let group = p.group(&[]).await?;
                p.get(&format!("/Users/{group}")).await?.refused(404, "")?;
                Ok(())
            })
        },
    ),
    practice("E-18", "RFC 7644 §6", "Another tenant's resource is as unknown as any: the same 404", |p| {
        Box::pin(async move {
            let other = p.given("a token of another tenant", |f| f.other_token.clone())?;
            let id = p.user().await?;
            let unknown = "2819c223-7f76-453a-919d-413861904646";
            p.speak_as(Some(other));
            let foreign = p.get(&format!("/Users/{id}")).await?.refused(404, "")?;
            let nobody = p.get(&format!("/Users/{unknown}")).await?.refused(404, "")?;
            foreign.ensure(
                foreign.text().replace(&id, "") == nobody.text().replace(unknown, ""),
                "answer for another tenant's resource just as for an unknown one",
            )?;
            let body =
                json!({"schemas": [GROUP], "displayName": p.name("group"), "members": [{"value": id}]});
            let answer = p.post("/Groups", body).await?;
            if answer.status == 201 {
                answer.lacks("/members")?;
            } else {
                answer.refused(400, "")?;
            }
            Ok(())
        })
    }),
];
