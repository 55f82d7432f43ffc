//! S-01 to S-16: what stands around a resource.

use serde_json::json;
use usher_scim::schema::{GROUP, USER};

use crate::{
    case::{
        Case,
        Need::{Etag, Filter},
        must, practice,
    },
    probe::ENTERPRISE,
    verdict::{ensure, skip},
};

pub(in crate::cases) const DEPARTMENT: &str =
    "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/department";

pub(in crate::cases) const CASES: &[Case] = &[
    must(
        "S-01",
        "RFC 7643 §3",
        "Everything the server sends names its schemas: URIs, each once, at least one",
        |p| {
            Box::pin(async move {
                let user = p.user_with(json!({})).await?;
                let group = p.group_with(json!({})).await?;
                let list = p.get("/Users?count=1").await?.expect(200)?;
                let config = p.get("/ServiceProviderConfig").await?.expect(200)?;
                let error = p.get("/Users/nobody-has-this-id").await?.expect(404)?;
                for answer in [user, group, list, config, error] {
                    let schemas = answer.schemas();
                    let mut once = schemas.clone();
                    once.dedup();
                    let good = !schemas.is_empty()
                        && once.len() == answer.all("/schemas").len()
                        && schemas.iter().all(|urn| urn.starts_with("urn:"));
                    answer.ensure(good, "name the schemas: URIs, each once, at least one")?;
                }
                Ok(())
            })
        },
    ),
    must(
        "S-02",
        "RFC 7643 §3, §3.3",
        "A resource names the base schema of its type, and beside it only extensions that the type declares",
        |p| {
            Box::pin(async move {
                let types = p.get("/ResourceTypes").await?.expect(200)?;
                let user = p.user_with(json!({ENTERPRISE: {"department": "D"}})).await?;
                let group = p.group_with(json!({})).await?;
                for (answer, name, base) in [(user, "User", USER), (group, "Group", GROUP)] {
                    let declared = types.all("/Resources").iter().find(|t| t["name"] == name);
                    let extensions = declared.map(|t| t["schemaExtensions"].to_string()).unwrap_or_default();
                    let schemas = answer.schemas();
                    let known = |urn: &String| urn == base || extensions.contains(urn.as_str());
                    answer.ensure(
                        schemas.iter().any(|urn| urn == base) && schemas.iter().all(known),
                        "list the base schema and only declared extensions in schemas",
                    )?;
                }
                Ok(())
            })
        },
    ),
    practice(
        "S-03",
        "RFC 7643 §3",
        "A body without schemas is read as the endpoint's base schema, or refused with invalidSyntax",
        |p| {
            Box::pin(async move {
                let body = json!({"userName": p.name("user")});
                let answer = p.post("/Users", body.clone()).await?;
                if answer.status == 400 {
                    answer.refused(400, "invalidSyntax")?;
                } else {
                    let answer = answer.expect(201)?;
                    answer.ensure(answer.schemas() == [USER], "name the base schema in the answer")?;
                }
                if p.as_strict() {
                    p.post("/Users", body).await?.refused(400, "invalidSyntax")?;
                }
                Ok(())
            })
        },
    ),
    practice(
        "S-04",
        "RFC 7643 §3",
        "A body whose schemas lack the endpoint's base schema is refused",
        |p| {
            Box::pin(async move {
                let body = json!({"schemas": [GROUP], "userName": p.name("user"), "displayName": "x"});
                p.post("/Users", body).await?.refused(400, "invalidSyntax")?;
                Ok(())
            })
        },
    ),
    practice(
        "S-05",
        "RFC 7643 §3; RFC 7644 §3.5.2",
        "An extension in the body is taken, and its URN added to schemas when it was not listed",
        |p| {
            Box::pin(async move {
                let id = p.user_with(json!({ENTERPRISE: {"department": "Sales"}})).await?.id()?;
                let user = p.get(&format!("/Users/{id}")).await?.expect(200)?;
                user.has(DEPARTMENT, "Sales")?;
                user.ensure(user.schemas().iter().any(|urn| urn == ENTERPRISE), "add the URN to schemas")
            })
        },
    ),
    practice(
        "S-06",
        "RFC 7643 §3",
        "A URN in schemas that the server does not know is ignored and not echoed, or refused",
        |p| {
            Box::pin(async move {
                let foreign = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group";
                let body = json!({"schemas": [GROUP, foreign], "displayName": p.name("group")});
                let answer = p.post("/Groups", body.clone()).await?;
                if answer.status == 400 {
                    answer.refused(400, "invalidSyntax")?;
                } else {
                    let answer = answer.expect(201)?;
                    answer.ensure(answer.schemas() == [GROUP], "keep the unknown URN out of the answer")?;
                }
                if p.as_strict() {
                    p.post("/Groups", body).await?.refused(400, "invalidSyntax")?;
                }
                Ok(())
            })
        },
    ),
    must(
        "S-07",
        "RFC 7643 §3.3",
        "Attributes of an extension stand in an object under its full URN, those of the base at the root",
        |p| {
            Box::pin(async move {
                let sent =
                    json!({"schemas": [USER, ENTERPRISE], "title": "T", ENTERPRISE: {"department": "D"}});
                let id = p.user_with(sent).await?.id()?;
                let user = p.get(&format!("/Users/{id}")).await?.expect(200)?;
                user.has("/title", "T")?
                    .has(DEPARTMENT, "D")?
                    .lacks("/department")?
                    .lacks(&format!("/{USER}"))?;
                Ok(())
            })
        },
    ),
    practice("S-08", "RFC 7643 §3", "An extension without values is left out, and so is its URN", |p| {
        Box::pin(async move {
            let sent = json!({"schemas": [USER, ENTERPRISE], ENTERPRISE: {"department": null}});
            let id = p.user_with(sent).await?.id()?;
            let user = p.get(&format!("/Users/{id}")).await?.expect(200)?;
            user.lacks(&format!("/{ENTERPRISE}"))?;
            user.ensure(user.schemas() == [USER], "leave out the URN of an extension without values")
        })
    }),
    must(
        "S-09",
        "RFC 7643 §6",
        "Where a type requires an extension, a resource without it is refused",
        |p| {
            Box::pin(async move {
                let types = p.get("/ResourceTypes").await?.expect(200)?;
                let required = types.all("/Resources").iter().any(|t| {
                    t["name"] == "User"
                        && t["schemaExtensions"]
                            .as_array()
                            .is_some_and(|all| all.iter().any(|e| e["required"] == true))
                });
                if !required {
                    return skip("no extension of User is announced as required");
                }
                let body = json!({"schemas": [USER], "userName": p.name("user")});
                p.post("/Users", body).await?.refused(400, "invalidValue")?;
                Ok(())
            })
        },
    ),
    must(
        "S-10",
        "RFC 7643 §3.1",
        "The server issues ids: unique, the same for ever, compared exactly, never the client's, no bulkId in them",
        |p| {
            Box::pin(async move {
                let (one, two) = (p.user().await?, p.user().await?);
                let group = p.group(&[]).await?;
                ensure(
                    one != two && one != group && two != group,
                    "give each resource an id of its own",
                    &one,
                )?;
                ensure(!one.contains("bulkId"), "make ids without the word bulkId", &one)?;
                let body = json!({"schemas": [USER], "id": "mine", "userName": p.name("user")});
                let own = p.post("/Users", body).await?.expect(201)?;
                own.ensure(own.id()? != "mine", "issue an id of the server's own")?;
                p.get(&format!("/Users/{one}")).await?.expect(200)?.has("/id", one.as_str())?;
                let other = if one == one.to_uppercase() { one.to_lowercase() } else { one.to_uppercase() };
                if other != one {
                    p.get(&format!("/Users/{other}")).await?.refused(404, "")?;
                }
                Ok(())
            })
        },
    ),
    must(
        "S-11",
        "RFC 7643 §3.1",
        "externalId is the client's: not made up, not unique, compared exactly",
        |p| {
            Box::pin(async move {
                let external = p.name("External");
                let one = p.user_with(json!({"externalId": external})).await?.id()?;
                let two = p.user_with(json!({"externalId": external})).await?.id()?;
                p.user_with(json!({})).await?.lacks("/externalId")?;
                p.get(&format!("/Users/{one}")).await?.expect(200)?.has("/externalId", external.as_str())?;
                p.finds("/Users", &format!("externalId eq \"{external}\""), &[&one, &two]).await?;
                p.finds("/Users", &format!("externalId eq \"{}\"", external.to_uppercase()), &[]).await
            })
        },
    )
    .needs(&[Filter]),
    must("S-12", "RFC 7643 §3.1", "meta sent by a client is ignored as a whole", |p| {
        Box::pin(async move {
            let meta = json!({
                "resourceType": "Robot", "created": "2001-01-01T00:00:00Z", "location": "https://example.org/x",
                "version": "W/\"mine\"",
            });
            let user = p.user_with(json!({"meta": meta})).await?;
            user.has("/meta/resourceType", "User")?;
            for (pointer, mine) in [
                ("/meta/created", "2001-01-01T00:00:00Z"),
                ("/meta/location", "https://example.org/x"),
                ("/meta/version", "W/\"mine\""),
            ] {
                user.ensure(user.at(pointer) != mine, &format!("ignore the {pointer} that the client sent"))?;
            }
            Ok(())
        })
    }),
    must(
        "S-13",
        "RFC 7643 §3.1",
        "meta says type, creation, last change and place; a new resource was changed when it was made",
        |p| {
            Box::pin(async move {
                for (endpoint, made) in
                    [("/Users", p.user_with(json!({})).await?), ("/Groups", p.group_with(json!({})).await?)]
                {
                    for part in ["resourceType", "created", "lastModified", "location"] {
                        let text = made.at(&format!("/meta/{part}")).as_str().is_some_and(|t| !t.is_empty());
                        made.ensure(text, &format!("say meta.{part}"))?;
                    }
                    made.has("/meta/lastModified", made.at("/meta/created").clone())?;
                    let location = made.at("/meta/location").as_str().unwrap_or_default().to_owned();
                    let at = format!("{endpoint}/{}", made.id()?);
                    made.ensure(
                        location.ends_with(&at),
                        "give the address of the resource as meta.location",
                    )?;
                    let again = p.get(&at).await?.expect(200)?;
                    again.has("/meta/location", location.as_str())?;
                    let said = again.header("content-location");
                    again.ensure(
                        said.is_empty() || said == location,
                        "send a Content-Location that equals meta.location, or none",
                    )?;
                }
                Ok(())
            })
        },
    ),
    must(
        "S-14",
        "RFC 7643 §3.1; RFC 7644 §3.14",
        "Each answer with one resource carries its ETag, and meta.version is the same text",
        |p| {
            Box::pin(async move {
                let made = p.user_with(json!({"title": "T"})).await?;
                let at = format!("/Users/{}", made.id()?);
                let read = p.get(&at).await?.expect(200)?;
                let cut = p.get(&format!("{at}?attributes=title")).await?.expect(200)?;
                let tag = made.header("etag").to_owned();
                let quoted = tag.trim_start_matches("W/");
                made.ensure(
                    quoted.len() > 2 && quoted.starts_with('"') && quoted.ends_with('"'),
                    "send an ETag in quotes",
                )?;
                for answer in [&made, &read, &cut] {
                    answer.ensure(answer.header("etag") == tag, "send the same ETag for the same state")?;
                }
                made.has("/meta/version", tag.as_str())?;
                read.has("/meta/version", tag.as_str())?;
                Ok(())
            })
        },
    )
    .needs(&[Etag]),
    must("S-15", "RFC 7644 §3.3.1", "meta.resourceType is the name of the resource type", |p| {
        Box::pin(async move {
            let types = p.get("/ResourceTypes").await?.expect(200)?;
            let user = p.user_with(json!({})).await?;
            let group = p.group_with(json!({})).await?;
            for (answer, endpoint) in [(user, "/Users"), (group, "/Groups")] {
                let named = types.all("/Resources").iter().find(|t| t["endpoint"] == endpoint);
                let name = named.map(|t| t["name"].clone()).unwrap_or_default();
                answer.ensure(name.is_string(), &format!("list {endpoint} in ResourceTypes"))?;
                answer.has("/meta/resourceType", name)?;
            }
            Ok(())
        })
    }),
    practice(
        "S-16",
        "RFC 7643 §3.1; RFC 7644 §3.4.2.2",
        "id, externalId, meta and schemas can be asked for in filters and attributes of every type",
        |p| {
            Box::pin(async move {
                let external = p.name("e");
                let plain = p.user_with(json!({"externalId": external})).await?.id()?;
                let extended = p
                    .user_with(json!({"externalId": external, ENTERPRISE: {"department": "D"}}))
                    .await?
                    .id()?;
                let group = p.group_with(json!({"externalId": external})).await?.id()?;
                let mine = format!("externalId eq \"{external}\"");
                p.finds("/Groups", &mine, &[&group]).await?;
                p.finds("/Users", &format!("{mine} and id eq \"{plain}\""), &[&plain]).await?;
                p.finds("/Users", &format!("{mine} and schemas eq \"{ENTERPRISE}\""), &[&extended]).await?;
                p.finds(
                    "/Groups",
                    &format!("{mine} and meta.created gt \"2001-01-01T00:00:00Z\""),
                    &[&group],
                )
                .await?;
                let cut = p.get(&format!("/Groups/{group}?attributes=externalId")).await?.expect(200)?;
                cut.has("/externalId", external.as_str())?.lacks("/displayName")?;
                cut.ensure(cut.schemas() == [GROUP], "send schemas whatever attributes are asked for")
            })
        },
    )
    .needs(&[Filter]),
];
