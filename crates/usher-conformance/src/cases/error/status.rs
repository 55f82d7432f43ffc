//! the error body, and each status.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use usher_scim::schema::USER;

use crate::{
    case::{
        Case, Level,
        Need::{Bulk, Cursor, Etag, Filter, Patch},
        may, must, practice, should, unseen,
    },
    probe::encoded,
    verdict::skip,
};

const KINDS: &[&str] = &[
    "invalidFilter",
    "tooMany",
    "uniqueness",
    "mutability",
    "invalidSyntax",
    "invalidPath",
    "noTarget",
    "invalidValue",
    "invalidVers",
    "sensitive",
    "invalidCursor",
    "expiredCursor",
    "invalidCount",
];

pub(in crate::cases) const CASES: &[Case] = &[
    must("R-01", "RFC 7644 §3.12", "Every error, from wherever in the server, is a SCIM error with its status as text", |p| {
        Box::pin(async move {
            let errors = [
                p.send("GET", "/Users", &[("authorization", "")], Bytes::new()).await?.expect(401)?,
                p.get("/nope").await?.expect(404)?,
                p.get("/Users/nobody").await?.expect(404)?,
                p.delete("/Users").await?.expect(405)?,
                p.send("POST", "/Users", &[], "{").await?.expect(400)?,
            ];
            for error in errors {
                let error = error.an_error()?;
                let said = error.at("/detail").as_str().is_some_and(|detail| !detail.is_empty());
                error.ensure(said, "say in detail what is wrong")?;
            }
            Ok(())
        })
    }),
    practice("R-02", "RFC 7644 §3.12", "scimType is a word of the RFC or missing; detail names what is at fault and nothing inside the server", |p| {
        Box::pin(async move {
            let wrong = json!({"schemas": [USER], "userName": p.name("user"), "active": "no"});
            let bad = p.post("/Users", wrong).await?.refused(400, "")?;
            let detail = bad.at("/detail").as_str().unwrap_or_default().to_owned();
            bad.ensure(detail.contains("active"), "name the attribute at fault in detail")?;
            let errors = [bad, p.get("/Users/nobody").await?.refused(404, "")?, p.delete("/Users").await?.refused(405, "")?];
            for error in errors {
                let kind = error.at("/scimType");
                error.ensure(
                    kind.is_null() || kind.as_str().is_some_and(|kind| KINDS.contains(&kind)),
                    "use only the scimTypes of the RFCs",
                )?;
                let text = error.text().to_lowercase();
                let inside = ["select ", "exception", "stack", "panicked", "traceback", " at /", "\\n    at "];
                error.ensure(!inside.iter().any(|word| text.contains(word)), "keep SQL and stack traces out of errors")?;
            }
            Ok(())
        })
    }),
    must("R-03", "RFC 7644 §3.4, §3.5", "Reading, querying (also without a match) and replacing answer 200", |p| {
        Box::pin(async move {
            let made = p.user_with(json!({})).await?;
            let at = format!("/Users/{}", made.id()?);
            p.get(&at).await?.expect(200)?.has("/id", made.id()?)?;
            p.put(&at, json!({"schemas": [USER], "userName": made.at("/userName")})).await?.expect(200)?.id()?;
            let nobody = p.query("/Users", "userName eq \"nobody-has-this-name\"").await?.expect(200)?;
            nobody.has("/totalResults", 0)?;
            Ok(())
        })
    })
    .needs(&[Filter]),
    must("R-04", "RFC 7644 §3.3", "Creation answers 201", |p| {
        Box::pin(async move {
            let body = json!({"schemas": [USER], "userName": p.name("user")});
            p.post("/Users", body).await?.expect(201)?.id()?;
            p.group_with(json!({})).await?.id()?;
            Ok(())
        })
    }),
    must("R-05", "RFC 9967 §2.5.1.1", "Prefer: respond-async is answered as ever, or by 202 without a body and with Set-Txn", |p| {
        Box::pin(async move {
            let body = json!({"schemas": [USER], "userName": p.name("user")}).to_string();
            let answer = p.send("POST", "/Users", &[("prefer", "respond-async")], body).await?;
            if answer.status == 202 {
                return answer.ensure(
                    answer.is_empty() && !answer.header("set-txn").is_empty(),
                    "send 202 without a body and with Set-Txn",
                );
            }
            answer.expect(201)?.id()?;
            Ok(())
        })
    }),
    must("R-06", "RFC 7644 §3.6", "Deletion answers 204 without a body", |p| {
        Box::pin(async move {
            let (user, group) = (p.user().await?, p.group(&[]).await?);
            for at in [format!("/Users/{user}"), format!("/Groups/{group}")] {
                let gone = p.delete(&at).await?.expect(204)?;
                gone.ensure(gone.is_empty(), "send no body with 204")?;
            }
            Ok(())
        })
    }),
    must("R-07", "RFC 7644 §3.12", "A filter that is none is 400 invalidFilter", |p| {
        Box::pin(async move {
            for list in ["/Users", "/Groups"] {
                p.query(list, "this is no filter").await?.refused(400, "invalidFilter")?;
            }
            p.query("/Users", "active gt true").await?.refused(400, "invalidFilter")?;
            Ok(())
        })
    })
    .needs(&[Filter]),
    must("R-08", "RFC 7644 §3.4.2.1", "A query that would produce too much is 400 tooMany", |p| {
        Box::pin(async move {
            let (root, token, filter) = p.given("a filter that asks for too much", |f| f.broad.clone())?;
            p.speak_as(Some(token));
            let answer = p.get(&format!("{root}/Users?filter={}", encoded(&filter))).await?;
            let answer = answer.refused(400, "tooMany")?;
            let said = answer.at("/detail").as_str().is_some_and(|detail| !detail.is_empty());
            answer.ensure(said, "say in detail what to ask for instead")
        })
    })
    .needs(&[Filter]),
    must("R-09", "RFC 7644 §3.3, §3.12", "A taken unique value is 409 uniqueness, in POST, PUT and PATCH", |p| {
        Box::pin(async move {
            let taken = p.name("taken");
            p.user_with(json!({"userName": taken})).await?;
            let body = json!({"schemas": [USER], "userName": taken});
            p.post("/Users", body.clone()).await?.refused(409, "uniqueness")?;
            let at = format!("/Users/{}", p.user().await?);
            p.put(&at, body).await?.refused(409, "uniqueness")?;
            if p.can().patch {
                let op = json!([{"op": "replace", "path": "userName", "value": taken}]);
                p.patch(&at, op).await?.refused(409, "uniqueness")?;
            }
            Ok(())
        })
    }),
    must("R-10", "RFC 7644 §3.5.2.2", "A change that an attribute does not allow is 400 mutability", |p| {
        Box::pin(async move {
            let at = format!("/Users/{}", p.user().await?);
            for op in [json!({"op": "remove", "path": "userName"}), json!({"op": "replace", "path": "id", "value": "x"})] {
                p.patch(&at, json!([op])).await?.refused(400, "mutability")?;
            }
            Ok(())
        })
    })
    .needs(&[Patch]),
    should("R-11", "RFC 7644 §3.12", "A body that is no JSON, or not the message it should be, is 400 invalidSyntax", |p| {
        Box::pin(async move {
            p.send("POST", "/Users", &[], "{\"schemas\":").await?.refused(400, "invalidSyntax")?;
            let at = format!("/Users/{}", p.user().await?);
            p.send("PUT", &at, &[], "[]").await?.refused(400, "invalidSyntax")?;
            if p.can().patch {
                let wrong = json!({"schemas": [USER], "Operations": [{"op": "add", "path": "title", "value": "T"}]});
                p.send("PATCH", &at, &[], wrong.to_string()).await?.refused(400, "invalidSyntax")?;
            }
            Ok(())
        })
    }),
    should("R-12", "RFC 7644 §3.12", "A path that is none is 400 invalidPath", |p| {
        Box::pin(async move {
            let at = format!("/Users/{}", p.user().await?);
            for path in ["emails[type eq \"work\"", "name..givenName", "emails[0].value"] {
                let op = json!([{"op": "replace", "path": path, "value": "x"}]);
                p.patch(&at, op).await?.refused_as(400, &["invalidPath", "invalidFilter"])?;
            }
            p.patch(&at, json!([{"op": "replace", "path": "no such thing", "value": "x"}])).await?.refused(400, "invalidPath")?;
            Ok(())
        })
    })
    .needs(&[Patch]),
    must("R-13", "RFC 7644 §3.5.2.2-3", "A PATCH without anything to work on is 400 noTarget", |p| {
        Box::pin(async move {
            let at = format!("/Users/{}", p.user().await?);
            p.patch(&at, json!([{"op": "remove"}])).await?.refused(400, "noTarget")?;
            let op = json!([{"op": "replace", "path": "emails[type co \"nothing\"].value", "value": "a@example.com"}]);
            p.patch(&at, op).await?.refused(400, "noTarget")?;
            Ok(())
        })
    })
    .needs(&[Patch]),
    should("R-14", "RFC 7644 §3.12", "A missing value, or one of the wrong type, is 400 invalidValue", |p| {
        Box::pin(async move {
            p.post("/Users", json!({"schemas": [USER], "title": "T"})).await?.refused(400, "invalidValue")?;
            let body = json!({"schemas": [USER], "userName": p.name("user"), "emails": "a@example.com"});
            p.post("/Users", body).await?.refused(400, "invalidValue")?;
            if p.can().patch {
                let at = format!("/Users/{}", p.user().await?);
                let op = json!([{"op": "replace", "path": "active", "value": "perhaps"}]);
                p.patch(&at, op).await?.refused(400, "invalidValue")?;
            }
            Ok(())
        })
    }),
    should("R-15", "RFC 7644 §3.12-13", "A version of the protocol that is not spoken is 400 invalidVers", |p| {
        Box::pin(async move {
            let base = p.base();
            let Some(root) = base.strip_suffix("/v2") else { return skip("the service root names no version") };
            let answer = p.get(&format!("{root}/v9/Users?count=1")).await?;
            if answer.status == 404 {
                answer.an_error()?;
                return Ok(());
            }
            answer.refused(400, "invalidVers")?;
            Ok(())
        })
    }),
    should("R-16", "RFC 7644 §7.5.2", "A filter by GET on a secret is refused: 403 sensitive, or 400 invalidFilter", |p| {
        Box::pin(async move {
            let answer = p.query("/Users", "password eq \"Sesame\"").await?;
            if answer.status == 403 {
                answer.refused(403, "sensitive")?;
            } else {
                answer.refused(400, "invalidFilter")?;
            }
            Ok(())
        })
    })
    .needs(&[Filter]),
    should("R-17", "RFC 9865 §2.1", "A cursor that the server never gave is 400 invalidCursor", |p| {
        Box::pin(async move {
            p.get("/Users?cursor=forged-by-the-check&count=1").await?.refused(400, "invalidCursor")?;
            Ok(())
        })
    })
    .needs(&[Cursor]),
    should("R-18", "RFC 9865 §2.1", "A cursor that is too old is 400 expiredCursor", |p| {
        Box::pin(async move {
            let timeout = p.can().config.pointer("/pagination/cursorTimeout").and_then(serde_json::Value::as_u64);
            let Some(seconds) = timeout.filter(|seconds| *seconds <= 5) else {
                return skip("cursors live longer than a check may wait");
            };
            let (_one, _two) = (p.user().await?, p.user().await?);
            let page = p.get("/Users?cursor&count=1").await?.expect(200)?;
            let cursor = page.at("/nextCursor").as_str().unwrap_or_default().to_owned();
            page.ensure(!cursor.is_empty(), "give a nextCursor")?;
            tokio::time::sleep(Duration::from_secs(seconds + 1)).await;
            let answer = p.get(&format!("/Users?cursor={}&count=1", encoded(&cursor))).await?;
            answer.refused(400, "expiredCursor")?;
            Ok(())
        })
    })
    .needs(&[Cursor]),
    should("R-19", "RFC 9865 §2.1", "A count that is no number is 400 invalidCount where pages go by cursor", |p| {
        Box::pin(async move {
            p.get("/Users?cursor&count=many").await?.refused(400, "invalidCount")?;
            Ok(())
        })
    })
    .needs(&[Cursor]),
    must("R-20", "RFC 7644 §3.14", "If-None-Match with the present version is 304", |p| {
        Box::pin(async move {
            let group = p.group_with(json!({})).await?;
            let at = format!("/Groups/{}", group.id()?);
            let tag = p.get(&at).await?.expect(200)?.header("etag").to_owned();
            p.send("GET", &at, &[("if-none-match", &tag)], Bytes::new()).await?.expect(304)?;
            Ok(())
        })
    })
    .needs(&[Etag]),
    may("R-21", "RFC 7644 §3.12", "A redirect says where to", |p| {
        Box::pin(async move {
            let id = p.user().await?;
            let mut redirected = false;
            for path in [format!("/Users/{id}"), format!("/Users/{id}/"), "/Users/".to_owned(), "/Me".to_owned()] {
                let answer = p.get(&path).await?;
                if matches!(answer.status, 300..=303 | 305..=399) {
                    redirected = true;
                    answer.ensure(
                        matches!(answer.status, 307 | 308) && !answer.header("location").is_empty(),
                        "redirect only by 307 or 308 with a Location",
                    )?;
                }
            }
            if redirected { Ok(()) } else { skip("nothing is redirected") }
        })
    }),
    should("R-22", "RFC 7644 §3.12; RFC 6750 §3", "Without credentials, or with wrong ones, 401 with a challenge", |p| {
        Box::pin(async move {
            for authorization in ["", "Bearer nobody-has-this-token", "Nonsense"] {
                let headers = [("authorization", authorization)];
                let refused = p.send("GET", "/Users", &headers, Bytes::new()).await?.refused(401, "")?;
                refused.ensure(!refused.header("www-authenticate").is_empty(), "send WWW-Authenticate with 401")?;
            }
            Ok(())
        })
    }),
    should("R-23", "RFC 7644 §3.12, §4", "What is not permitted is 403: a filter on discovery", |p| {
        Box::pin(async move {
            p.get("/ResourceTypes?filter=name%20eq%20%22User%22").await?.refused(403, "")?;
            Ok(())
        })
    }),
    must("R-24", "RFC 7644 §3.6, §3.12", "What is not there, or no more, is 404", |p| {
        Box::pin(async move {
            for path in ["/Users/nobody", "/Groups/nobody", "/nope", "/Users/a/b"] {
                p.get(path).await?.refused(404, "")?;
            }
            Ok(())
        })
    }),
    practice("R-25", "RFC 9110 §15.5.6", "A method that a route does not take is 405 with Allow", |p| {
        Box::pin(async move {
            for (method, path) in [("DELETE", "/Groups"), ("PUT", "/Users"), ("DELETE", "/Schemas")] {
                let body = if method == "PUT" { "{}" } else { "" };
                let refused = p.send(method, path, &[], body).await?.refused(405, "")?;
                refused.ensure(refused.header("allow").contains("GET"), "name the methods that it takes in Allow")?;
            }
            Ok(())
        })
    }),
    practice("R-26", "RFC 9110 §15.5.7", "An Accept that takes nothing the server has is 406, or answered as SCIM", |p| {
        Box::pin(async move {
            let answer = p.send("GET", "/Users?count=1", &[("accept", "image/png")], Bytes::new()).await?;
            if answer.status == 200 {
                return answer.ensure(answer.media() == "application/scim+json", "answer as application/scim+json");
            }
            answer.refused(406, "")?;
            Ok(())
        })
    }),
    must("R-27", "RFC 7644 §3.7.1, §3.12", "What a bulk operation cannot resolve fails for itself, as 409 or 400", |p| {
        Box::pin(async move {
            let name = p.name("group");
            let body = json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
                "Operations": [{
                    "method": "POST", "path": "/Groups", "bulkId": "g",
                    "data": {"schemas": [usher_scim::schema::GROUP], "displayName": name, "members": [{"value": "bulkId:never"}]},
                }],
            });
            let answer = p.post("/Bulk", body).await?.expect(200)?;
            let status = answer.at("/Operations/0/status");
            answer.ensure(status == "409" || status == "400", "fail the operation with 409 or 400")?;
            answer.has("/Operations/0/response/status", status.clone())?;
            Ok(())
        })
    })
    .needs(&[Bulk]),
    should("R-28", "RFC 7644 §3.12", "An If-Match that fails is 412", |p| {
        Box::pin(async move {
            let group = p.group(&[]).await?;
            let stale = [("if-match", "W/\"no-such-version\"")];
            p.send("DELETE", &format!("/Groups/{group}"), &stale, Bytes::new()).await?.refused(412, "")?;
            p.get(&format!("/Groups/{group}")).await?.expect(200)?;
            Ok(())
        })
    })
    .needs(&[Etag]),
    must("R-29", "RFC 7644 §3.7.4", "A body over the limit is 413", |p| {
        Box::pin(async move {
            let most = p.given("the server's limit of a request body", |f| f.body_bytes)?;
            let title = "x".repeat(most);
            let body = json!({"schemas": [USER], "userName": p.name("user"), "title": title}).to_string();
            p.send("POST", "/Users", &[], body).await?.refused(413, "")?;
            Ok(())
        })
    }),
    practice("R-30", "RFC 9110 §15.5.16", "A body in another media type is 415", |p| {
        Box::pin(async move {
            for kind in ["text/xml", "application/x-www-form-urlencoded", "application/json; charset=iso-8859-1"] {
                let body = json!({"schemas": [USER], "userName": p.name("user")}).to_string();
                p.send("POST", "/Users", &[("content-type", kind)], body).await?.refused(415, "")?;
            }
            Ok(())
        })
    }),
    may("R-31", "RFC 6585 §3", "A write without If-Match is taken; a server that asks for one says 428", |p| {
        Box::pin(async move {
            let made = p.user_with(json!({})).await?;
            let body = json!({"schemas": [USER], "userName": made.at("/userName"), "title": "T"});
            let answer = p.put(&format!("/Users/{}", made.id()?), body).await?;
            if answer.status == 428 {
                answer.refused(428, "")?;
                return Ok(());
            }
            answer.expect(200)?.has("/title", "T")?;
            Ok(())
        })
    }),
    practice("R-32", "RFC 6585 §4; RFC 9865 §5.3", "Too many requests are 429, with Retry-After in whole seconds", |p| {
        Box::pin(async move {
            let (root, token) = p.given("a server with a small request rate", |f| f.slow.clone())?;
            p.speak_as(Some(token));
            let path = format!("{root}/Users?count=0");
            let answer = p.until_too_many(&path).await?.expect(429)?.refused(429, "")?;
            let seconds = answer.header("retry-after").parse::<u64>().unwrap_or_default();
            answer.ensure(seconds > 0, "say in Retry-After after how many seconds to go on")?;
            // Whoever waits is served, unless the wait is longer than a check may take.
            if seconds <= 30 {
                p.get(&path).await?.expect(200)?;
            }
            Ok(())
        })
    }),
    unseen(
        Level::Should,
        "R-33",
        "RFC 7644 §3.12",
        "An internal error is 500 with a general detail and an id to look it up by",
        "no request makes a sound server fail inside",
    ),
    should("R-34", "RFC 7644 §3.11-12", "What is not implemented is 501", |p| {
        Box::pin(async move {
            let at = format!("/Users/{}", p.user().await?);
            let mut tried = false;
            if !p.can().patch {
                tried = true;
                p.patch(&at, json!([{"op": "add", "path": "title", "value": "T"}])).await?.refused(501, "")?;
            }
            if !p.can().bulk {
                tried = true;
                p.post("/Bulk", json!({})).await?.refused(501, "")?;
            }
            let me = p.get("/Me").await?;
            if !matches!(me.status, 200 | 308 | 403 | 404) {
                tried = true;
                me.refused(501, "")?;
            }
            if tried { Ok(()) } else { skip("everything is implemented") }
        })
    }),
    unseen(
        Level::Practice,
        "R-35",
        "RFC 9110 §15.6.4",
        "A server under too much load, or without its database, is 503 with Retry-After",
        "no request brings a sound server into that state",
    ),
];
