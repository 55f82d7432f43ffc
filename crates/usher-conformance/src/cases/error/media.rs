//! R-36 to R-45: media types, authentication.

use bytes::Bytes;
use serde_json::json;
use usher_scim::schema::USER;

use crate::{
    case::{Case, must, practice, should},
    verdict::ensure,
};

pub(in crate::cases) const CASES: &[Case] = &[
    must(
        "R-36",
        "RFC 7644 §3.8",
        "A body comes as application/scim+json; application/json, in any case and with charset, is taken too",
        |p| {
            Box::pin(async move {
                for kind in [
                    "application/scim+json",
                    "application/scim+json; charset=utf-8",
                    "application/json",
                    "Application/JSON; charset=UTF-8",
                    "",
                ] {
                    let body = json!({"schemas": [USER], "userName": p.name("user")}).to_string();
                    p.send("POST", "/Users", &[("content-type", kind)], body).await?.expect(201)?.id()?;
                }
                Ok(())
            })
        },
    ),
    must(
        "R-37",
        "RFC 7644 §3.8",
        "Answers come as application/scim+json, unless another type is asked for",
        |p| {
            Box::pin(async move {
                for accept in ["application/scim+json", "", "*/*", "application/scim+json; charset=utf-8"] {
                    let answer = p.send("GET", "/Users?count=1", &[("accept", accept)], Bytes::new()).await?;
                    let answer = answer.expect(200)?;
                    answer.ids()?;
                    answer.ensure(
                        answer.media() == "application/scim+json",
                        "answer as application/scim+json",
                    )?;
                }
                Ok(())
            })
        },
    ),
    practice(
        "R-38",
        "RFC 7644 §3.8",
        "Who takes only application/json gets it, or SCIM's own type; errors are always SCIM's",
        |p| {
            Box::pin(async move {
                let json_only = [("accept", "application/json")];
                let answer = p.send("GET", "/Users?count=1", &json_only, Bytes::new()).await?.expect(200)?;
                answer.ids()?;
                answer.ensure(
                    matches!(answer.media().as_str(), "application/json" | "application/scim+json"),
                    "answer as application/json, or as application/scim+json",
                )?;
                let weighed = [("accept", "application/json;q=0.1, application/scim+json")];
                let answer = p.send("GET", "/Users?count=1", &weighed, Bytes::new()).await?.expect(200)?;
                answer.ensure(answer.media() == "application/scim+json", "give what is weighed most")?;
                p.send("GET", "/Users/nobody", &json_only, Bytes::new()).await?.refused(404, "")?;
                Ok(())
            })
        },
    ),
    must(
        "R-39",
        "RFC 7644 §3.8",
        "JSON is UTF-8: bad bytes, lone surrogates and a byte order mark are invalidSyntax",
        |p| {
            Box::pin(async move {
                let name = p.name("user");
                let bytes = |title: &[u8]| {
                    let mut body =
                        format!(r#"{{"schemas":["{USER}"],"userName":"{name}","title":""#).into_bytes();
                    body.extend_from_slice(title);
                    body.extend_from_slice(b"\"}");
                    Bytes::from(body)
                };
                for bad in [&b"\xff\xfe"[..], b"\xc3", b"\\ud800", b"\xed\xa0\x80"] {
                    p.send("POST", "/Users", &[], bytes(bad)).await?.refused(400, "invalidSyntax")?;
                }
                let mut marked = b"\xef\xbb\xbf".to_vec();
                marked.extend_from_slice(&bytes(b"T"));
                p.send("POST", "/Users", &[], marked).await?.refused(400, "invalidSyntax")?;
                let made =
                    p.send("POST", "/Users", &[], bytes("\u{fc}\\u00fc".as_bytes())).await?.expect(201)?;
                made.has("/title", "\u{fc}\u{fc}")?;
                made.ensure(!made.header("content-type").contains("charset"), "send no charset with JSON")
            })
        },
    ),
    must(
        "R-40",
        "RFC 7644 §2; RFC 6750 §3",
        "401 names the schemes that the server takes, and is a SCIM error",
        |p| {
            Box::pin(async move {
                let refused = p
                    .send("GET", "/Users", &[("authorization", "")], Bytes::new())
                    .await?
                    .refused(401, "")?;
                let challenge = refused.header("www-authenticate").to_lowercase();
                refused.ensure(challenge.contains("bearer"), "name Bearer in WWW-Authenticate")
            })
        },
    ),
    should(
        "R-41",
        "RFC 6750 §3.1",
        "No credentials: a challenge without error; a bad token: error=\"invalid_token\"",
        |p| {
            Box::pin(async move {
                let none = p
                    .send("GET", "/Users", &[("authorization", "")], Bytes::new())
                    .await?
                    .refused(401, "")?;
                let challenge = none.header("www-authenticate").to_owned();
                none.ensure(
                    !challenge.is_empty() && !challenge.contains("error"),
                    "challenge without an error",
                )?;
                let bad = [("authorization", "Bearer nobody-has-this-token")];
                let bad = p.send("GET", "/Users", &bad, Bytes::new()).await?.refused(401, "")?;
                bad.ensure(
                    bad.header("www-authenticate").contains("invalid_token"),
                    "say error=\"invalid_token\" in WWW-Authenticate",
                )
            })
        },
    ),
    must(
        "R-42",
        "RFC 6750 §2.1",
        "The bearer token comes in the Authorization header, the word Bearer in any case",
        |p| {
            Box::pin(async move {
                let token = p.own_token();
                for scheme in ["Bearer", "bearer", "BEARER", "Bearer "] {
                    let value = format!("{scheme} {token}");
                    let headers = [("authorization", value.as_str())];
                    p.send("GET", "/Users?count=1", &headers, Bytes::new()).await?.expect(200)?.ids()?;
                }
                let cut = format!("Bearer {}", &token[..token.len() - 1]);
                p.send("GET", "/Users?count=1", &[("authorization", &cut)], Bytes::new())
                    .await?
                    .refused(401, "")?;
                Ok(())
            })
        },
    ),
    practice(
        "R-43",
        "RFC 6750 §2.2-3",
        "A token in the query string or in a form does not open the server",
        |p| {
            Box::pin(async move {
                let token = p.own_token();
                let nobody = ("authorization", "");
                let path = format!("/Users?count=1&access_token={token}");
                p.send("GET", &path, &[nobody], Bytes::new()).await?.refused(401, "")?;
                let form = [nobody, ("content-type", "application/x-www-form-urlencoded")];
                p.send("POST", "/Users", &form, format!("access_token={token}")).await?.refused(401, "")?;
                Ok(())
            })
        },
    ),
    practice(
        "R-44",
        "RFC 6750 §5.2",
        "An unknown token, a mangled one and one that is none get the same 401",
        |p| {
            Box::pin(async move {
                let token = p.own_token();
                let mangled = format!("Bearer {}x", &token[..token.len() - 1]);
                let mut details = Vec::new();
                for authorization in ["Bearer nobody-has-this-token", "Bearer 0", mangled.as_str()] {
                    let headers = [("authorization", authorization)];
                    let refused =
                        p.send("GET", "/Users?count=1", &headers, Bytes::new()).await?.refused(401, "")?;
                    details.push(refused.at("/detail").clone());
                }
                details.dedup();
                ensure(
                    details.len() == 1,
                    "answer for every token that is none the same 401, so that nobody learns which were once good",
                    format!("{details:?}"),
                )
            })
        },
    ),
    must("R-45", "RFC 7644 §2.2, §7.6", "Nobody without a token reads or writes resources", |p| {
        Box::pin(async move {
            let nobody = [("authorization", "")];
            for path in ["/Users", "/Groups", "/Users/nobody"] {
                p.send("GET", path, &nobody, Bytes::new()).await?.refused(401, "")?;
            }
            let body = json!({"schemas": [USER], "userName": p.name("user")}).to_string();
            p.send("POST", "/Users", &nobody, body).await?.refused(401, "")?;
            p.send("DELETE", "/Users/nobody", &nobody, Bytes::new()).await?.refused(401, "")?;
            Ok(())
        })
    }),
];
