//! Section D: discovery.

use bytes::Bytes;
use serde_json::{Value, json};
use usher_scim::schema;

use crate::{
    answer::Answer,
    case::{Case, must, practice, should},
    probe::{ENTERPRISE, encoded},
    verdict::{Fallible, ensure, fail, skip},
};

const KINDS: &[&str] =
    &["string", "boolean", "decimal", "integer", "dateTime", "reference", "binary", "complex"];

/// What is wrong with a served attribute (D-10, D-11), said with its name.
fn faults(attribute: &Value, parent: &str, into: &mut Vec<String>) {
    let name = format!("{parent}{}", attribute["name"].as_str().unwrap_or("?"));
    let mut wrong = |what: &str| into.push(format!("{name}: {what}"));
    let text = |key: &str| attribute[key].as_str().unwrap_or_default().to_owned();
    let kind = text("type");
    for key in ["multiValued", "required"] {
        if !attribute[key].is_boolean() {
            wrong(&format!("{key} is no boolean"));
        }
    }
    for (key, words) in [
        ("type", KINDS),
        ("mutability", &["readOnly", "readWrite", "immutable", "writeOnly"][..]),
        ("returned", &["always", "never", "default", "request"]),
    ] {
        if !words.contains(&text(key).as_str()) {
            wrong(&format!("{key} is {}", attribute[key]));
        }
    }
    let exact = &attribute["caseExact"];
    let textual = matches!(kind.as_str(), "string" | "reference" | "binary");
    if textual && !exact.is_boolean() {
        wrong("caseExact is not said");
    }
    if !textual && *exact == true {
        wrong("caseExact says nothing here");
    }
    let unique = text("uniqueness");
    if kind == "complex" && !matches!(unique.as_str(), "" | "none") {
        wrong("a complex attribute is never unique");
    } else if textual && !["none", "server", "global"].contains(&unique.as_str()) {
        wrong("uniqueness is not said");
    }
    let references = attribute["referenceTypes"].as_array().is_some_and(|all| !all.is_empty());
    if references != (kind == "reference") {
        wrong("referenceTypes belong to references, and only to them");
    }
    let subs = attribute["subAttributes"].as_array().map_or(&[][..], Vec::as_slice);
    if subs.is_empty() == (kind == "complex") {
        wrong("subAttributes belong to complex attributes, and only to them");
    }
    if attribute.as_object().is_some_and(|all| all.values().any(Value::is_null)) {
        wrong("a characteristic is null");
    }
    for sub in subs {
        faults(sub, &format!("{name}."), into);
    }
}

/// The characteristics that a served attribute and the RFC's share.
const COMPARED: &[&str] =
    &["type", "multiValued", "required", "caseExact", "mutability", "returned", "uniqueness"];

/// Where a served schema deviates from the RFC's: attributes may be missing, none may be otherwise.
fn deviations(served: &Value, ours: &Value, parent: &str, into: &mut Vec<String>) {
    let known = ours.as_array().map_or(&[][..], Vec::as_slice);
    for attribute in served.as_array().map_or(&[][..], Vec::as_slice) {
        let name = attribute["name"].as_str().unwrap_or("?");
        let Some(other) = known.iter().find(|k| k["name"] == name) else {
            into.push(format!("{parent}{name} is none of the RFC's"));
            continue;
        };
        for key in COMPARED {
            // A tenant may ask for more than the RFC: what is required there is no deviation.
            let tighter = *key == "required" && attribute[key] == true
                || *key == "uniqueness" && attribute[key] == "server" && !other[key].is_null();
            let unsaid = attribute[key].is_null() || other[key].is_null();
            if !unsaid && !tighter && attribute[key] != other[key] {
                into.push(format!("{parent}{name}.{key} is {}, not {}", attribute[key], other[key]));
            }
        }
        deviations(&attribute["subAttributes"], &other["subAttributes"], &format!("{parent}{name}."), into);
    }
}

fn good(answer: &Answer, faults: &[String], what: &str) -> Fallible {
    ensure(faults.is_empty(), what, format!("{} in {}", faults.join("; "), answer.seen()))
}

pub(super) const CASES: &[Case] = &[
    must(
        "D-01",
        "RFC 7644 §4; RFC 7643 §5",
        "ServiceProviderConfig is one object that says all of its parts, also what is not supported",
        |p| {
            Box::pin(async move {
                let config = p.get("/ServiceProviderConfig").await?.expect(200)?;
                config.lacks("/Resources")?;
                for part in ["patch", "bulk", "filter", "changePassword", "sort", "etag"] {
                    let said = config.at(&format!("/{part}/supported")).is_boolean();
                    config.ensure(said, &format!("say {part}.supported"))?;
                }
                for number in ["/bulk/maxOperations", "/bulk/maxPayloadSize", "/filter/maxResults"] {
                    config.ensure(config.at(number).is_u64(), &format!("say {number} as a whole number"))?;
                }
                let schemes = config.all("/authenticationSchemes");
                config.ensure(!schemes.is_empty(), "list the authenticationSchemes")?;
                for scheme in schemes {
                    let full = ["type", "name", "description"].iter().all(|key| scheme[*key].is_string());
                    config.ensure(full, "say type, name and description of each authentication scheme")?;
                }
                Ok(())
            })
        },
    ),
    should(
        "D-02",
        "RFC 7643 §5",
        "How to authenticate can be read before authenticating, or the 401 says it",
        |p| {
            Box::pin(async move {
                let answer =
                    p.send("GET", "/ServiceProviderConfig", &[("authorization", "")], Bytes::new()).await?;
                if answer.status == 200 {
                    return answer.ensure(
                        !answer.all("/authenticationSchemes").is_empty(),
                        "list the authenticationSchemes",
                    );
                }
                let answer = answer.refused(401, "")?;
                answer.ensure(
                    !answer.header("www-authenticate").is_empty(),
                    "name the authentication scheme in WWW-Authenticate",
                )
            })
        },
    ),
    practice(
        "D-03",
        "RFC 7643 §5",
        "What is announced is true: filters, sorting, versions, the largest page, bulk, PATCH",
        |p| {
            Box::pin(async move {
                let config = p.get("/ServiceProviderConfig").await?.expect(200)?;
                let made = p.user_with(json!({})).await?;
                made.ensure(
                    config.at("/etag/supported") == &json!(!made.header("etag").is_empty()),
                    "announce etag.supported just when resources carry an ETag",
                )?;
                let bulk = p.post("/Bulk", json!({})).await?;
                bulk.ensure(
                    (config.at("/bulk/supported") == &json!(true))
                        == (bulk.status != 501 && bulk.status != 404),
                    "announce bulk.supported just when /Bulk works",
                )?;
                if let Some(most) = p.can().max_results {
                    let page =
                        p.get(&format!("/Users?count={}", most.saturating_add(1))).await?.expect(200)?;
                    let sent = page.all("/Resources").len() as u64;
                    page.ensure(sent <= most, "send at most filter.maxResults resources")?;
                }
                if p.can().patch {
                    let op = json!([{"op": "add", "path": "title", "value": "T"}]);
                    p.patched(&format!("/Users/{}", made.id()?), op).await?.has("/title", "T")?;
                }
                if !p.can().filter {
                    return Ok(());
                }
                let (stem, mut ids) = (p.name("name"), Vec::new());
                for name in ["b", "a"] {
                    ids.push(p.user_with(json!({"nickName": stem, "displayName": name})).await?.id()?);
                }
                let mine = format!("nickName eq \"{stem}\"");
                p.finds("/Users", &mine, &[&ids[0], &ids[1]]).await?;
                if p.can().sort {
                    let path = format!("/Users?sortBy=displayName&filter={}", encoded(&mine));
                    let list = p.get(&path).await?.expect(200)?;
                    ids.reverse();
                    list.ensure(list.ids()? == ids, "announce sort.supported just when lists are sorted")?;
                }
                Ok(())
            })
        },
    ),
    should(
        "D-04",
        "RFC 9865 §4",
        "pagination, where it is said, is said whole: cursor, index, the default method, page sizes",
        |p| {
            Box::pin(async move {
                let config = p.get("/ServiceProviderConfig").await?.expect(200)?;
                if config.at("/pagination").is_null() {
                    config.ensure(config.at("/patch/supported").is_boolean(), "say what is supported")?;
                    return skip("pagination is not announced");
                }
                for flag in ["cursor", "index"] {
                    let said = config.at(&format!("/pagination/{flag}")).is_boolean();
                    config.ensure(said, &format!("say pagination.{flag}"))?;
                }
                let method = config.at("/pagination/defaultPaginationMethod");
                config.ensure(
                    method.is_null() || method == "cursor" || method == "index",
                    "say cursor or index as pagination.defaultPaginationMethod",
                )?;
                for number in ["defaultPageSize", "maxPageSize", "cursorTimeout"] {
                    let said = config.at(&format!("/pagination/{number}"));
                    config.ensure(
                        said.is_null() || said.is_u64(),
                        &format!("say pagination.{number} as a number"),
                    )?;
                }
                Ok(())
            })
        },
    ),
    must(
        "D-05",
        "RFC 7644 §4",
        "ResourceTypes and Schemas are whole lists; one of them is read by name, an unknown one is 404",
        |p| {
            Box::pin(async move {
                for list in ["/ResourceTypes", "/Schemas"] {
                    let all = p.get(list).await?.expect(200)?;
                    all.ids()?;
                    let count = all.all("/Resources").len();
                    all.ensure(
                        count > 0 && all.at("/totalResults") == &json!(count),
                        "list all of them at once, and count them in totalResults",
                    )?;
                }
                let user = p.get("/ResourceTypes/User").await?.expect(200)?;
                user.has("/name", "User")?.lacks("/Resources")?;
                p.get("/ResourceTypes/Nothing").await?.refused(404, "")?;
                p.get("/Schemas/urn:example:nothing").await?.refused(404, "")?;
                Ok(())
            })
        },
    ),
    must(
        "D-06",
        "RFC 7643 §6",
        "A resource type names its endpoint, its schema and its extensions, all of them served",
        |p| {
            Box::pin(async move {
                let schemas = p.get("/Schemas").await?.expect(200)?;
                let types = p.get("/ResourceTypes").await?.expect(200)?;
                let served = |urn: &Value| {
                    urn.is_string() && schemas.all("/Resources").iter().any(|s| s["id"] == *urn)
                };
                types.ensure(!types.all("/Resources").is_empty(), "list the resource types")?;
                for kind in types.all("/Resources") {
                    let full = kind["name"].is_string()
                        && kind["endpoint"].as_str().is_some_and(|e| e.starts_with('/'))
                        && served(&kind["schema"]);
                    types.ensure(full, "say name, endpoint and a served schema of each resource type")?;
                    for extension in kind["schemaExtensions"].as_array().map_or(&[][..], Vec::as_slice) {
                        let full = served(&extension["schema"]) && extension["required"].is_boolean();
                        types.ensure(full, "say a served schema, and required, of each extension")?;
                    }
                }
                Ok(())
            })
        },
    ),
    must(
        "D-07",
        "RFC 7644 §4",
        "A schema is read by its URN, written plainly or percent-encoded, in any case",
        |p| {
            Box::pin(async move {
                let plain = schema::USER.to_owned();
                let lower = plain.to_lowercase();
                for urn in [plain.clone(), plain.replace(':', "%3A"), lower] {
                    p.get(&format!("/Schemas/{urn}")).await?.expect(200)?.has("/id", schema::USER)?;
                }
                Ok(())
            })
        },
    ),
    must(
        "D-08",
        "RFC 7644 §4",
        "Discovery ignores sorting, paging and attributes, and refuses a filter with 403",
        |p| {
            Box::pin(async move {
                let whole = p.get("/Schemas").await?.expect(200)?;
                let query = "/Schemas?sortBy=name&startIndex=2&count=1&attributes=name";
                let same = p.get(query).await?.expect(200)?;
                same.ensure(
                    same.all("/Resources").len() == whole.all("/Resources").len()
                        && same.at("/Resources/0/attributes").is_array(),
                    "answer discovery whole, whatever the query asks for",
                )?;
                for list in ["/Schemas", "/ResourceTypes", "/ServiceProviderConfig"] {
                    p.get(&format!("{list}?filter=name%20eq%20%22User%22")).await?.refused(403, "")?;
                }
                Ok(())
            })
        },
    ),
    must("D-09", "RFC 7644 §3.1", "Messages have no schema to read", |p| {
        Box::pin(async move {
            let schemas = p.get("/Schemas").await?.expect(200)?;
            let ids = schemas.each("/Resources", "id");
            schemas.ensure(!ids.is_empty(), "list the schemas")?;
            let messages: Vec<_> = ids.iter().filter(|id| id.contains(":api:messages:")).collect();
            ensure(messages.is_empty(), "list no message among the schemas", format!("{messages:?}"))
        })
    }),
    must(
        "D-10",
        "RFC 7643 §7",
        "A schema lists its attributes with type, values and whether they are required; meta says what it is",
        |p| {
            Box::pin(async move {
                let schemas = p.get("/Schemas").await?.expect(200)?;
                schemas.ensure(!schemas.all("/Resources").is_empty(), "list the schemas")?;
                for schema in schemas.all("/Resources") {
                    let urn = schema["id"].as_str().unwrap_or("?");
                    let full = schema["name"].is_string()
                        && schema["attributes"].is_array()
                        && schema["meta"]["resourceType"] == "Schema"
                        && schema["meta"]["location"].as_str().is_some_and(|l| l.ends_with(urn));
                    ensure(full, "say id, name, attributes and meta of each schema", urn)?;
                    let attributes = schema["attributes"].as_array().map_or(&[][..], Vec::as_slice);
                    let named = attributes.iter().all(|a| {
                        a["name"].is_string() && a["type"].is_string() && a["multiValued"].is_boolean()
                    });
                    ensure(named, "say name, type and multiValued of each attribute", urn)?;
                }
                Ok(())
            })
        },
    ),
    practice(
        "D-11",
        "RFC 7643 §7",
        "Characteristics are spelled as the RFC does, all said, none null, none where it has no meaning",
        |p| {
            Box::pin(async move {
                let schemas = p.get("/Schemas").await?.expect(200)?;
                let (mut wrong, mut seen) = (Vec::new(), 0);
                for schema in schemas.all("/Resources") {
                    // The RFC's own schema of schemas declares attributes of attributes.
                    if schema["name"] == "Schema" {
                        continue;
                    }
                    for attribute in schema["attributes"].as_array().map_or(&[][..], Vec::as_slice) {
                        seen += 1;
                        faults(attribute, "", &mut wrong);
                    }
                }
                schemas.ensure(seen > 0, "list attributes")?;
                good(&schemas, &wrong, "describe attributes as RFC 7643 §7 does")
            })
        },
    ),
    must("D-12", "RFC 7643 §5-7", "Discovery is read, not written: other methods are 405", |p| {
        Box::pin(async move {
            for path in ["/ServiceProviderConfig", "/ResourceTypes", "/Schemas", "/ResourceTypes/User"] {
                for method in ["POST", "PUT", "PATCH", "DELETE"] {
                    let body = if method == "DELETE" { "" } else { "{}" };
                    let answer = p.send(method, path, &[], body).await?.one_of(&[403, 405, 501])?;
                    answer.an_error()?;
                }
            }
            Ok(())
        })
    }),
    practice(
        "D-13",
        "RFC 7643 §8.7",
        "The served schemas of User, Group and the enterprise extension are the RFC's, errata applied",
        |p| {
            Box::pin(async move {
                let schemas = p.get("/Schemas").await?.expect(200)?;
                let mut wrong = Vec::new();
                for ours in [schema::user(), schema::group(), schema::enterprise_user()] {
                    let Some(served) = schemas.all("/Resources").iter().find(|s| s["id"] == ours.id.as_str())
                    else {
                        if ours.id == ENTERPRISE {
                            continue;
                        }
                        return fail(
                            format!("the schema {}", ours.id),
                            schemas.seen(),
                            "serve the core schemas",
                        );
                    };
                    let ours = Value::Object(ours.to_json());
                    deviations(&served["attributes"], &ours["attributes"], "", &mut wrong);
                }
                good(&schemas, &wrong, "serve the attributes as RFC 7643 §8.7 and its errata define them")
            })
        },
    ),
    should(
        "D-14",
        "RFC 7644 §3.2",
        "The endpoint of a resource type is the plural of its name, and answers",
        |p| {
            Box::pin(async move {
                let types = p.get("/ResourceTypes").await?.expect(200)?;
                types.ensure(!types.all("/Resources").is_empty(), "list the resource types")?;
                let kinds: Vec<Value> = types.all("/Resources").to_vec();
                for kind in kinds {
                    let (name, endpoint) = (
                        kind["name"].as_str().unwrap_or_default(),
                        kind["endpoint"].as_str().unwrap_or_default(),
                    );
                    let stem: String = name.chars().take(name.len().saturating_sub(1)).collect();
                    types.ensure(
                        endpoint.starts_with(&format!("/{stem}")) && endpoint.ends_with('s'),
                        "name endpoints in the plural",
                    )?;
                    p.get(&format!("{endpoint}?count=1")).await?.ids()?;
                }
                Ok(())
            })
        },
    ),
];
