//! transport, tokens, tenants, secrets.

use bytes::Bytes;
use serde_json::json;
use usher_scim::schema::{GROUP, USER};

use crate::{
    case::{
        Case, Level,
        Need::{Filter, Patch},
        must, practice, should, unseen,
    },
    probe::ENTERPRISE,
    verdict::skip,
};

/// `{"alg":"none"}.{"sub":"admin","exp":9999999999}.` as a JWT without a signature.
const UNSIGNED: &str = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiIsImV4cCI6OTk5OTk5OTk5OX0.";

pub(in crate::cases) const CASES: &[Case] = &[
    must("X-01", "RFC 7644 §7.2", "The service is spoken to over TLS", |p| {
        Box::pin(async move {
            if p.base().starts_with("http://") {
                // Plain HTTP is only ever spoken to this machine.
                return skip("the server is on this machine, spoken to without TLS");
            }
            p.get("/ServiceProviderConfig").await?.expect(200)?;
            Ok(())
        })
    }),
    unseen(
        Level::Must,
        "X-02",
        "RFC 7644 §7.2; RFC 6750 §5",
        "A client checks the server's certificate and its name",
        "it is the client's duty; a server does not show it",
    ),
    must("X-03", "RFC 7644 §7.4", "A token that has expired or was revoked opens nothing, from the next request on", |p| {
        Box::pin(async move {
            let dead = p.given("a token that has expired or was revoked", |f| f.dead_token.clone())?;
            p.get("/Users?count=1").await?.ids()?;
            p.speak_as(Some(dead));
            for path in ["/Users?count=1", "/Groups?count=1"] {
                p.get(path).await?.refused(401, "")?;
            }
            Ok(())
        })
    }),
    must("X-04", "RFC 6750 §5.2", "A JWT without a signature opens nothing", |p| {
        Box::pin(async move {
            p.get("/Users?count=1").await?.ids()?;
            p.speak_as(Some(UNSIGNED.to_owned()));
            p.get("/Users?count=1").await?.refused(401, "")?;
            Ok(())
        })
    }),
    should("X-05", "RFC 7644 §7.7", "Clients are told apart, and each sees what is its own", |p| {
        Box::pin(async move {
            let other = p.given("a token of another tenant", |f| f.other_token.clone())?;
            let name = p.name("user");
            let id = p.user_with(json!({"userName": name})).await?.id()?;
            let filter = format!("userName eq \"{name}\"");
            p.finds("/Users", &filter, &[&id]).await?;
            p.speak_as(Some(other));
            p.finds("/Users", &filter, &[]).await?;
            if let Ok(reader) = p.given("a token that may read and not write", |f| f.reader_token.clone()) {
                p.speak_as(Some(reader));
                p.finds("/Users", &filter, &[&id]).await?;
                let body = json!({"schemas": [USER], "userName": p.name("refused")});
                p.post("/Users", body).await?.refused(403, "")?;
                p.delete(&format!("/Users/{id}")).await?.refused(403, "")?;
            }
            Ok(())
        })
    })
    .needs(&[Filter]),
    must("X-06", "RFC 6750 §5.3", "A token stands in no error and no address", |p| {
        Box::pin(async move {
            let bad = "a-token-that-nobody-has-4711";
            p.speak_as(Some(bad.to_owned()));
            for path in ["/Users", "/nope", "/Schemas"] {
                let refused = p.get(path).await?.refused(401, "")?;
                refused.ensure(!refused.text().contains(bad), "keep tokens out of errors")?;
            }
            p.speak_as(None);
            let token = p.own_token();
            let errors = [p.get("/nope").await?.refused(404, "")?, p.delete("/Users").await?.refused(405, "")?];
            for error in errors {
                error.ensure(!error.text().contains(&token), "keep tokens out of errors")?;
            }
            Ok(())
        })
    }),
    unseen(
        Level::Practice,
        "X-07",
        "RFC 7644 §7.2",
        "A client follows redirects only to the same origin, and connects only where it may",
        "it is the client's duty; a server does not show it",
    ),
    practice("X-08", "RFC 7644 §6", "Tenants are apart: names, externalIds and ids of one mean nothing in another", |p| {
        Box::pin(async move {
            let other = p.given("a token of another tenant", |f| f.other_token.clone())?;
            let (name, external) = (p.name("user"), p.name("external"));
            let mine = p.user_with(json!({"userName": name, "externalId": external})).await?.id()?;
            p.speak_as(Some(other));
            let theirs = p.user_with(json!({"userName": name, "externalId": external})).await?.id()?;
            p.get(&format!("/Users/{mine}")).await?.refused(404, "")?;
            p.put(&format!("/Users/{mine}"), json!({"schemas": [USER], "userName": name})).await?.refused(404, "")?;
            p.delete(&format!("/Users/{mine}")).await?.refused(404, "")?;
            let body = json!({"schemas": [GROUP], "displayName": p.name("group"), "members": [{"value": mine}]});
            let answer = p.post("/Groups", body).await?;
            if answer.status == 201 {
                answer.lacks("/members")?;
            } else {
                answer.refused(400, "invalidValue")?;
            }
            let report = p.user_with(json!({ENTERPRISE: {"manager": {"value": mine}}})).await?;
            let shown = report.at("/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/manager/displayName");
            report.ensure(shown.is_null(), "say nothing of another tenant's user")?;
            if p.can().filter {
                p.finds("/Users", &format!("externalId eq \"{external}\""), &[&theirs]).await?;
            }
            p.speak_as(None);
            p.get(&format!("/Users/{mine}")).await?.expect(200)?;
            Ok(())
        })
    })
    .advice("take the tenant from the credential, and make it part of every look-up"),
    should("X-09", "RFC 7644 §7.5.2", "A filter by GET on personal data works, or is 403 sensitive and works by POST .search", |p| {
        Box::pin(async move {
            let mail = format!("{}@example.com", p.name("mail"));
            let id = p.user_with(json!({"emails": [{"value": mail}]})).await?.id()?;
            let filter = format!("emails.value eq \"{mail}\"");
            let answer = p.query("/Users", &filter).await?;
            if answer.status == 200 {
                return p.finds("/Users", &filter, &[&id]).await;
            }
            answer.refused(403, "sensitive")?;
            let search = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": filter});
            let found = p.post("/Users/.search", search).await?.ids()?;
            crate::verdict::ensure(found == [id], "find it by POST .search", format!("{found:?}"))
        })
    })
    .needs(&[Filter]),
    unseen(
        Level::Must,
        "X-10",
        "RFC 7643 §4.1.1",
        "A password that is passed on goes over TLS at once, or waits encrypted",
        "what a server does with a password behind its door is not seen at the door",
    ),
    practice("X-11", "RFC 7643 §5", "Where passwords are not changed here, a POST with one is taken without it, and a PATCH never half", |p| {
        Box::pin(async move {
            let made = p.user_with(json!({"title": "old", "password": "Sesame-1-open"})).await?;
            made.lacks("/password")?;
            if p.can().change_password {
                return skip("passwords can be changed here");
            }
            let at = format!("/Users/{}", made.id()?);
            let ops = json!([
                {"op": "replace", "path": "password", "value": "Sesame-2-open"},
                {"op": "replace", "path": "title", "value": "new"},
            ]);
            let answer = p.patch(&at, ops).await?.one_of(&[200, 204, 400, 501])?;
            let done = matches!(answer.status, 200 | 204);
            if !done {
                answer.an_error()?;
            }
            let title = if done { "new" } else { "old" };
            p.get(&at).await?.expect(200)?.has("/title", title)?.lacks("/password")?;
            Ok(())
        })
    })
    .needs(&[Patch]),
    unseen(
        Level::Practice,
        "X-12",
        "RFC 7644 §7.5",
        "A log says who changed what and when, without the values of secrets",
        "a server's log is not read over SCIM",
    ),
    should("X-13", "RFC 7644 §7.6", "Nobody is made without a token; where that is offered, who is made is inactive", |p| {
        Box::pin(async move {
            let name = p.name("user");
            let body = json!({"schemas": [USER], "userName": name}).to_string();
            let answer = p.send("POST", "/Users", &[("authorization", "")], Bytes::from(body)).await?;
            if answer.status == 201 {
                answer.has("/active", false)?;
                return Ok(());
            }
            answer.one_of(&[401, 403])?.an_error()?;
            p.query("/Users", &format!("userName eq \"{name}\"")).await?.has("/totalResults", 0)?;
            Ok(())
        })
    }),
];
