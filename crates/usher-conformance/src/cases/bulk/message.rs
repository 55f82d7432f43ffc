//! B-01 to B-09 and B-16 to B-21: messages, failures, limits.

use bytes::Bytes;
use serde_json::{Value, json};
use usher_scim::schema::USER;

use super::{ANSWER, BULK, id, job, make_group, make_user, statuses};
use crate::{
    answer::ERROR,
    case::{
        Case,
        Need::{Bulk, Etag, Filter, Patch},
        may, must, practice,
    },
    probe::patch_body,
    verdict::{ensure, skip},
};

pub(in crate::cases) const FIRST: &[Case] = &[
    may("B-01", "RFC 7644 §3.7", "/Bulk takes POST alone; where it is not offered, POST is 501", |p| {
        Box::pin(async move {
            if !p.can().bulk {
                p.post("/Bulk", json!({"schemas": [BULK], "Operations": []})).await?.refused(501, "")?;
                return skip("bulk is not offered, and says so");
            }
            for method in ["GET", "PUT", "DELETE"] {
                let body = if method == "PUT" { "{}" } else { "" };
                p.send(method, "/Bulk", &[], body).await?.refused(405, "")?;
            }
            let name = p.name("user");
            let done = job(p, json!([make_user(&name, "u")])).await?;
            statuses(&done, &["201"])
        })
    }),
    must("B-02", "RFC 7644 §3.7", "The message is a BulkRequest with operations; anything else is invalidSyntax as a whole", |p| {
        Box::pin(async move {
            let name = p.name("user");
            let op = make_user(&name, "u");
            for bad in [
                json!({"Operations": [op]}),
                json!({"schemas": [USER], "Operations": [op]}),
                json!({"schemas": [BULK]}),
                json!({"schemas": [BULK], "Operations": []}),
                json!({"schemas": [BULK], "Operations": op}),
            ] {
                p.post("/Bulk", bad).await?.refused(400, "invalidSyntax")?;
            }
            let done = p.post("/Bulk", json!({"schemas": [BULK], "Operations": [op]})).await?.expect(200)?;
            done.ensure(done.schemas() == [ANSWER], "answer with a BulkResponse")?;
            statuses(&done, &["201"])
        })
    })
    .needs(&[Bulk]),
    must("B-03", "RFC 7644 §3.7", "POST, PUT, PATCH and DELETE are taken, with their path, data, bulkId and version", |p| {
        Box::pin(async move {
            let (user, name) = (p.user().await?, p.name("user"));
            let at = format!("/Users/{user}");
            let put = json!({"schemas": [USER], "userName": name, "title": "T"});
            let patch = patch_body(json!([{"op": "add", "path": "nickName", "value": "N"}]));
            let more = p.name("more");
            let done = job(p, json!([
                make_user(&more, "u"),
                {"method": "PUT", "path": at, "data": put},
                {"method": "PATCH", "path": at, "data": patch},
            ]))
            .await?;
            let patched = done.at("/Operations/2/status").as_str().unwrap_or_default();
            let patched = if patched == "204" { "204" } else { "200" };
            statuses(&done, &["201", "200", patched])?;
            p.get(&at).await?.expect(200)?.has("/title", "T")?.has("/nickName", "N")?;
            statuses(&job(p, json!([{"method": "DELETE", "path": at}])).await?, &["204"])?;
            p.get(&at).await?.refused(404, "")?;
            Ok(())
        })
    })
    .needs(&[Bulk, Patch]),
    practice("B-04", "RFC 7644 §3.7", "An operation that is none fails for itself: 400 with an error; the others are done", |p| {
        Box::pin(async move {
            let user = p.user().await?;
            let (a, b) = (p.name("a"), p.name("b"));
            let data = json!({"schemas": [USER], "userName": b});
            let bad = [
                json!({"method": "GET", "path": format!("/Users/{user}")}),
                json!({"method": "MOVE", "path": format!("/Users/{user}")}),
                json!({"method": "POST", "path": "/Users", "bulkId": "x"}),
                json!({"method": "POST", "path": "/Users", "data": data}),
                json!({"method": "DELETE"}),
                json!({"method": "DELETE", "path": "/Users"}),
                json!({"method": "POST", "path": "/Bulk", "bulkId": "y", "data": data}),
                json!({"method": "POST", "path": "/Users/.search", "bulkId": "s", "data": data}),
                json!({"method": "PUT", "path": "/Me", "data": data}),
                json!({"method": "PUT", "path": "/Schemas", "data": data}),
                json!({"method": "POST", "path": format!("/Users/{user}"), "bulkId": "z", "data": data}),
                json!({"method": "DELETE", "path": format!("https://example.org/Users/{user}")}),
            ];
            for operation in bad {
                let name = p.name("good");
                let done = job(p, json!([operation, make_user(&name, "good")])).await?;
                statuses(&done, &["400", "201"])?;
                done.has("/Operations/0/response/status", "400")?;
            }
            p.get(&format!("/Users/{user}")).await?.expect(200)?;
            let done = job(p, json!([make_user(&a, "a")])).await?;
            statuses(&done, &["201"])
        })
    })
    .needs(&[Bulk]),
    must("B-05", "RFC 7644 §3.7", "A job that was processed is 200, also when all of it failed", |p| {
        Box::pin(async move {
            let bad = json!({"method": "POST", "path": "/Users", "bulkId": "u", "data": {"schemas": [USER]}});
            let done = job(p, json!([bad, {"method": "DELETE", "path": "/Users/nobody"}])).await?;
            statuses(&done, &["400", "404"])
        })
    })
    .needs(&[Bulk]),
    must("B-06", "RFC 7644 §3.7", "Without failOnErrors everything is tried, and what succeeded stays", |p| {
        Box::pin(async move {
            let (one, two) = (p.name("one"), p.name("two"));
            let bad = json!({"method": "DELETE", "path": "/Users/nobody"});
            let done = job(p, json!([make_user(&one, "a"), bad, bad, make_user(&two, "b")])).await?;
            statuses(&done, &["201", "404", "404", "201"])?;
            for at in [0, 3] {
                p.get(&format!("/Users/{}", id(&done, at))).await?.expect(200)?;
            }
            Ok(())
        })
    })
    .needs(&[Bulk]),
    must("B-07", "RFC 7644 §3.7, §3.7.3", "failOnErrors ends the job at that many failures, and the answer lists what was processed", |p| {
        Box::pin(async move {
            let bad = json!({"method": "DELETE", "path": "/Users/nobody"});
            for (stop, expected) in [(1, vec!["201", "404"]), (2, vec!["201", "404", "404"])] {
                let (one, last) = (p.name("one"), p.name("last"));
                let ops = json!([make_user(&one, "a"), bad, bad, make_user(&last, "z")]);
                let body = json!({"schemas": [BULK], "failOnErrors": stop, "Operations": ops});
                let done = p.post("/Bulk", body).await?.expect(200)?;
                statuses(&done, &expected)?;
                done.lacks("/failOnErrors")?;
                let found = p.query("/Users", &format!("userName eq \"{last}\"")).await?.expect(200)?;
                found.has("/totalResults", 0)?;
            }
            for wrong in [json!(0), json!(-1), json!("1"), json!(1.5)] {
                let name = p.name("user");
                let body = json!({"schemas": [BULK], "failOnErrors": wrong, "Operations": [make_user(&name, "a")]});
                p.post("/Bulk", body).await?.refused(400, "invalidValue")?;
            }
            Ok(())
        })
    })
    .needs(&[Bulk, Filter]),
    must("B-08", "RFC 7644 §3.7, §3.7.3", "Each operation is answered with method, status, bulkId, location and version, failures with an error", |p| {
        Box::pin(async move {
            let user = p.user().await?;
            let name = p.name("user");
            let bad = json!({"method": "POST", "path": "/Users", "bulkId": "bad", "data": {"schemas": [USER]}});
            let stale = json!({"method": "PUT", "path": format!("/Users/{user}"), "data": {"schemas": [USER]}});
            let done = job(p, json!([make_user(&name, "good"), bad, stale])).await?;
            statuses(&done, &["201", "400", "400"])?;
            done.has("/Operations/0/method", "POST")?.has("/Operations/0/bulkId", "good")?;
            done.has("/Operations/1/bulkId", "bad")?.lacks("/Operations/1/location")?;
            let made = p.get(&format!("/Users/{}", id(&done, 0))).await?.expect(200)?;
            made.has("/meta/location", done.at("/Operations/0/location").clone())?;
            if p.can().etag {
                made.has("/meta/version", done.at("/Operations/0/version").clone())?;
            }
            let place = done.at("/Operations/2/location").as_str().unwrap_or_default();
            done.ensure(place.ends_with(&user), "say the location also of operations that failed, but for POST")?;
            for at in [1, 2] {
                done.has(&format!("/Operations/{at}/response/status"), "400")?;
                done.has(&format!("/Operations/{at}/response/schemas"), json!([ERROR]))?;
            }
            Ok(())
        })
    })
    .needs(&[Bulk]),
    practice("B-09", "RFC 7644 §3.7, erratum 7916", "The status of an operation is a text, no number and no object", |p| {
        Box::pin(async move {
            let name = p.name("user");
            let done = job(p, json!([make_user(&name, "u"), {"method": "DELETE", "path": "/Users/nobody"}])).await?;
            for at in [0, 1] {
                done.ensure(done.at(&format!("/Operations/{at}/status")).is_string(), "send status as a text")?;
            }
            Ok(())
        })
    })
    .needs(&[Bulk]),
];

pub(in crate::cases) const LAST: &[Case] = &[
    must(
        "B-16",
        "RFC 7644 §3.7.4",
        "maxOperations and maxPayloadSize are said and kept to: beyond either 413, and nothing is done",
        |p| {
            Box::pin(async move {
                let most = p.can().bulk_operations.unwrap_or_default();
                ensure(most > 0, "say bulk.maxOperations", most)?;
                if most > 5_000 {
                    return skip("a job of that many operations is more than a check may send");
                }
                let name = p.name("user");
                let ops: Vec<Value> =
                    (0..=most).map(|n| make_user(&format!("{name}-{n}"), &n.to_string())).collect();
                let refused =
                    p.post("/Bulk", json!({"schemas": [BULK], "Operations": ops})).await?.refused(413, "")?;
                let named = refused
                    .at("/detail")
                    .as_str()
                    .is_some_and(|detail| detail.replace(',', "").contains(&most.to_string()));
                refused.ensure(named, "name the limit in detail")?;
                let found = p.query("/Users", &format!("userName eq \"{name}-0\"")).await?.expect(200)?;
                found.has("/totalResults", 0)?;
                Ok(())
            })
        },
    )
    .needs(&[Bulk, Filter]),
    practice(
        "B-17",
        "RFC 7644 §3.7.4",
        "maxPayloadSize holds while the body is read, whether its length is said or not",
        |p| {
            Box::pin(async move {
                let most = p.can().bulk_bytes.unwrap_or_default();
                ensure(most > 0, "say bulk.maxPayloadSize", most)?;
                if most > 64 * 1024 * 1024 {
                    return skip("a body of that size is more than a check may send");
                }
                let bytes = usize::try_from(most).unwrap_or(usize::MAX);
                p.send("POST", "/Bulk", &[], Bytes::from(vec![b' '; bytes + 1])).await?.refused(413, "")?;
                p.chunked("/Bulk", bytes + 1).await?.refused(413, "")?;
                Ok(())
            })
        },
    )
    .needs(&[Bulk]),
    must(
        "B-18",
        "RFC 7644 §3.7",
        "An operation means what the single request means: mutability, uniqueness, versions",
        |p| {
            Box::pin(async move {
                let made = p.user_with(json!({"title": "old"})).await?;
                let at = format!("/Users/{}", made.id()?);
                let taken = made.at("/userName").as_str().unwrap_or_default().to_owned();
                let required = patch_body(json!([{"op": "remove", "path": "userName"}]));
                let title = patch_body(json!([{"op": "replace", "path": "title", "value": "new"}]));
                let done = job(
                    p,
                    json!([
                        make_user(&taken, "u"),
                        {"method": "PATCH", "path": at, "data": required},
                        {"method": "PATCH", "path": at, "version": "W/\"no-such-version\"", "data": title},
                    ]),
                )
                .await?;
                statuses(&done, &["409", "400", "412"])?;
                done.has("/Operations/0/response/scimType", "uniqueness")?;
                done.has("/Operations/1/response/scimType", "mutability")?;
                p.get(&at).await?.expect(200)?.has("/title", "old")?;
                let version = made.at("/meta/version");
                let done =
                    job(p, json!([{"method": "PATCH", "path": at, "version": version, "data": title}]))
                        .await?;
                done.ensure(
                    done.at("/Operations/0/status").as_str().is_some_and(|s| s.starts_with('2')),
                    "take the present version",
                )?;
                p.get(&at).await?.expect(200)?.has("/title", "new")?;
                Ok(())
            })
        },
    )
    .needs(&[Bulk, Etag, Patch]),
    practice("B-19", "RFC 7644 §3.7", "Each operation is authorised for itself; what is denied is 403", |p| {
        Box::pin(async move {
            let reader = p.given("a token that may read and not write", |f| f.reader_token.clone())?;
            let (at, name) = (format!("/Users/{}", p.user().await?), p.name("user"));
            p.speak_as(Some(reader));
            let ops = json!([make_user(&name, "u"), {"method": "DELETE", "path": at}]);
            let answer = p.post("/Bulk", json!({"schemas": [BULK], "Operations": ops})).await?;
            if answer.status == 403 {
                // A server may know before it looks at any of them.
                answer.refused(403, "")?;
            } else {
                let done = answer.expect(200)?;
                statuses(&done, &["403", "403"])?;
                done.has("/Operations/0/response/status", "403")?;
            }
            p.speak_as(None);
            p.get(&at).await?.expect(200)?;
            let found = p.query("/Users", &format!("userName eq \"{name}\"")).await?.expect(200)?;
            found.has("/totalResults", 0)?;
            Ok(())
        })
    })
    .needs(&[Bulk, Filter]),
    practice("B-20", "RFC 7644 §3.7", "An operation sees what those before it did", |p| {
        Box::pin(async move {
            let user = p.user().await?;
            let at = format!("/Users/{user}");
            let name = p.name("group");
            let set = |value: &str| patch_body(json!([{"op": "replace", "path": "title", "value": value}]));
            let done = job(
                p,
                json!([
                    {"method": "PATCH", "path": at, "data": set("one")},
                    make_group(&name, "g", &[&user]),
                    {"method": "DELETE", "path": at},
                    {"method": "PATCH", "path": at, "data": set("two")},
                ]),
            )
            .await?;
            let last = done.at("/Operations/3/status");
            done.ensure(last == "404", "answer 404 for what an operation before has removed")?;
            let group = p.get(&format!("/Groups/{}", id(&done, 1))).await?.expect(200)?;
            group.lacks("/members")?;
            // Also where a reference changes the order: the name is free when its turn comes.
            let old = p.user_with(json!({})).await?;
            let taken = old.at("/userName").as_str().unwrap_or_default().to_owned();
            let (at, name) = (format!("/Users/{}", old.id()?), p.name("group"));
            let done = job(
                p,
                json!([
                    make_group(&name, "g", &["bulkId:u"]), {"method": "DELETE", "path": at}, make_user(&taken, "u"),
                ]),
            )
            .await?;
            statuses(&done, &["201", "204", "201"])?;
            p.members_are(&id(&done, 0), &[&id(&done, 2)]).await
        })
    })
    .needs(&[Bulk, Patch]),
    practice(
        "B-21",
        "RFC 7644 §3.7, erratum 5050",
        "The data of a PATCH is a whole PatchOp; a bare list of operations is refused",
        |p| {
            Box::pin(async move {
                let at = format!("/Users/{}", p.user().await?);
                let ops = json!([{"op": "add", "path": "title", "value": "T"}]);
                let done = job(
                    p,
                    json!([
                        {"method": "PATCH", "path": at, "data": ops},
                        {"method": "PATCH", "path": at, "data": {"Operations": ops}},
                    ]),
                )
                .await?;
                statuses(&done, &["400", "400"])?;
                done.has("/Operations/0/response/scimType", "invalidSyntax")?;
                p.get(&at).await?.expect(200)?.lacks("/title")?;
                job(p, json!([{"method": "PATCH", "path": at, "data": patch_body(ops)}])).await?;
                p.get(&at).await?.expect(200)?.has("/title", "T")?;
                Ok(())
            })
        },
    )
    .needs(&[Bulk, Patch]),
];
