//! Section M: /Me.

use bytes::Bytes;
use serde_json::json;
use usher_scim::schema::USER;

use crate::{
    case::{Case, may, practice, should},
    verdict::skip,
};

pub(super) const CASES: &[Case] = &[
    should("M-01", "RFC 7644 §3.11", "Where /Me is not served, every method on it is 501", |p| {
        Box::pin(async move {
            let get = p.get("/Me").await?;
            if matches!(get.status, 200 | 308) {
                return skip("/Me is served");
            }
            if get.status == 404 {
                get.an_error()?;
                return skip("/Me is served, and this token stands for nobody");
            }
            get.refused(501, "")?;
            for method in ["POST", "PUT", "PATCH", "DELETE"] {
                let body = if method == "DELETE" { "" } else { "{}" };
                p.send(method, "/Me", &[], body).await?.refused(501, "")?;
            }
            Ok(())
        })
    }),
    may("M-02", "RFC 7644 §3.11", "Where /Me is served, it leads to the resource's own address", |p| {
        Box::pin(async move {
            let get = p.get("/Me").await?;
            match get.status {
                308 => get
                    .ensure(get.header("location").contains("/Users/"), "redirect to the user's own address"),
                200 => {
                    let place = get.at("/meta/location").as_str().unwrap_or_default();
                    let named = place.contains("/Users/") && get.header("location") == place;
                    get.ensure(named, "say the user's own address in meta.location and Location")
                }
                _ => skip("/Me is not served"),
            }
        })
    }),
    practice(
        "M-03",
        "RFC 7644 §3.11",
        "A token that stands for nobody gets 404 or 501 from /Me, and below it, never somebody",
        |p| {
            Box::pin(async move {
                let get = p.get("/Me").await?;
                if matches!(get.status, 200 | 308) {
                    return skip("/Me is served, and this token stands for somebody");
                }
                get.one_of(&[403, 404, 501])?.an_error()?;
                p.get("/Me/photos").await?.one_of(&[404, 501])?.an_error()?;
                Ok(())
            })
        },
    ),
    may("M-04", "RFC 7644 §3.11", "POST to /Me makes nobody, unless self-registration is offered", |p| {
        Box::pin(async move {
            let name = p.name("me");
            let answer = p.post("/Me", json!({"schemas": [USER], "userName": name})).await?;
            if answer.status == 201 {
                let id = answer.id()?;
                p.delete(&format!("/Users/{id}")).await?;
                return skip("self-registration is offered");
            }
            answer.one_of(&[403, 404, 405, 409, 501])?.an_error()?;
            let found = p.query("/Users", &format!("userName eq \"{name}\"")).await?.expect(200)?;
            found.ensure(found.ids()?.is_empty(), "make nobody by a POST to /Me that is refused")
        })
    }),
    practice("M-05", "RFC 7644 §3.11", "Nobody gives oneself roles by /Me", |p| {
        Box::pin(async move {
            let get = p.send("GET", "/Me", &[], Bytes::new()).await?;
            let op = json!([{"op": "add", "path": "roles", "value": [{"value": "admin"}]}]);
            let answer = p.patch("/Me", op).await?;
            if matches!(get.status, 200 | 308) {
                answer.one_of(&[308, 403])?;
                return Ok(());
            }
            answer.one_of(&[403, 404, 405, 501])?.an_error()?;
            Ok(())
        })
    }),
];
