//! attributes and excludedAttributes.

use serde_json::{Value, json};
use usher_scim::schema::USER;

use crate::{
    case::{Case, must, practice},
    probe::{ENTERPRISE, Probe, encoded},
    verdict::Fallible,
};

const EXTENSION: &str = "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// The path of a user with much in it.
async fn rich(p: &mut Probe) -> Fallible<String> {
    let sent = json!({
        "title": "T", "nickName": "N", "name": {"givenName": "G", "familyName": "F"},
        "emails": [{"type": "work", "value": "w@example.com"}, {"type": "home", "value": "h@example.com"}],
        "schemas": [USER, ENTERPRISE], ENTERPRISE: {"department": "D", "division": "V"},
    });
    Ok(format!("/Users/{}", p.user_with(sent).await?.id()?))
}

pub(in crate::cases) const CASES: &[Case] = &[
    must(
        "Q-54",
        "RFC 7644 §3.4.2.5, §3.9",
        "attributes and excludedAttributes work wherever a resource is answered",
        |p| {
            Box::pin(async move {
                let name = p.name("user");
                let body = json!({"schemas": [USER], "userName": name, "title": "T", "nickName": "N"});
                let made = p.post("/Users?attributes=title", body.clone()).await?.expect(201)?;
                made.has("/title", "T")?.lacks("/nickName")?;
                let at = format!("/Users/{}", made.id()?);
                p.get(&format!("{at}?attributes=title"))
                    .await?
                    .expect(200)?
                    .has("/title", "T")?
                    .lacks("/nickName")?;
                let put = p.put(&format!("{at}?excludedAttributes=title"), body).await?.expect(200)?;
                put.has("/nickName", "N")?.lacks("/title")?;
                if p.can().patch {
                    let op = json!([{"op": "replace", "path": "nickName", "value": "M"}]);
                    let patched = p.patch(&format!("{at}?attributes=nickName"), op).await?.expect(200)?;
                    patched.has("/nickName", "M")?.lacks("/title")?;
                }
                if p.can().filter {
                    let filter = encoded(&format!("userName eq \"{name}\""));
                    let list =
                        p.get(&format!("/Users?filter={filter}&attributes=title")).await?.expect(200)?;
                    list.has("/Resources/0/title", "T")?.lacks("/Resources/0/nickName")?;
                }
                Ok(())
            })
        },
    ),
    must(
        "Q-55",
        "RFC 7644 §3.9",
        "attributes is what is named and what is always returned; excludedAttributes is all but what is named",
        |p| {
            Box::pin(async move {
                let at = rich(p).await?;
                let named = p.get(&format!("{at}?attributes=title")).await?.expect(200)?;
                let mut keys: Vec<&str> = named
                    .json
                    .as_object()
                    .map(|all| all.keys().map(String::as_str).collect())
                    .unwrap_or_default();
                keys.sort_unstable();
                named.ensure(
                    keys == ["id", "schemas", "title"],
                    "send just title and what is always returned",
                )?;
                let less = p.get(&format!("{at}?excludedAttributes=title,id")).await?.expect(200)?;
                less.has("/nickName", "N")?.lacks("/title")?;
                less.id()?;
                Ok(())
            })
        },
    ),
    must("Q-56", "RFC 7644 §3.9", "attributes and excludedAttributes together are refused", |p| {
        Box::pin(async move {
            let at = rich(p).await?;
            p.get(&format!("{at}?attributes=title&excludedAttributes=name"))
                .await?
                .refused(400, "invalidValue")?;
            Ok(())
        })
    }),
    must(
        "Q-57",
        "RFC 7643 §7",
        "An attribute that is never returned is not, also when it is named, and that is no fault",
        |p| {
            Box::pin(async move {
                let made = p.user_with(json!({"title": "T", "password": "Sesame-1-open"})).await?;
                let at = format!("/Users/{}", made.id()?);
                let cut = p.get(&format!("{at}?attributes=password,title")).await?.expect(200)?;
                cut.has("/title", "T")?.lacks("/password")?;
                Ok(())
            })
        },
    ),
    must(
        "Q-58",
        "RFC 7644 §3.9, §3.10",
        "Names come in any case, by commas, with a URN, and down to a part",
        |p| {
            Box::pin(async move {
                let at = rich(p).await?;
                let names =
                    format!("TITLE,name.givenName,emails.value,{ENTERPRISE}:department,{USER}:nickName");
                let cut = p.get(&format!("{at}?attributes={names}")).await?.expect(200)?;
                cut.has("/title", "T")?.has("/nickName", "N")?.has("/name", json!({"givenName": "G"}))?;
                cut.has(EXTENSION, json!({"department": "D"}))?;
                cut.has("/emails", json!([{"value": "w@example.com"}, {"value": "h@example.com"}]))?
                    .lacks("/userName")?;
                Ok(())
            })
        },
    ),
    practice(
        "Q-59",
        "RFC 7644 §3.9",
        "A named whole has all its parts; an excluded part leaves the others; without any the whole goes",
        |p| {
            Box::pin(async move {
                let at = rich(p).await?;
                let cut = p.get(&format!("{at}?attributes=name,%20title")).await?.expect(200)?;
                cut.has("/name", json!({"givenName": "G", "familyName": "F"}))?.has("/title", "T")?;
                let less = p.get(&format!("{at}?excludedAttributes=name.givenName")).await?.expect(200)?;
                less.has("/name", json!({"familyName": "F"}))?;
                let none = p
                    .get(&format!("{at}?excludedAttributes=name.givenName,name.familyName"))
                    .await?
                    .expect(200)?;
                none.lacks("/name")?.has("/title", "T")?;
                Ok(())
            })
        },
    ),
    practice(
        "Q-60",
        "RFC 7644 §3.10",
        "The URN of an extension names all of it; an extension without a named part is left out",
        |p| {
            Box::pin(async move {
                let at = rich(p).await?;
                let whole = p.get(&format!("{at}?attributes={ENTERPRISE}")).await?.expect(200)?;
                whole.has(EXTENSION, json!({"department": "D", "division": "V"}))?.lacks("/title")?;
                p.get(&format!("{at}?attributes=title")).await?.expect(200)?.lacks(EXTENSION)?;
                p.get(&format!("{at}?excludedAttributes={ENTERPRISE}"))
                    .await?
                    .expect(200)?
                    .lacks(EXTENSION)?
                    .has("/title", "T")?;
                Ok(())
            })
        },
    ),
    practice(
        "Q-61",
        "RFC 7643 §3",
        "schemas is always sent, and lists the resource's schemas, not only those shown",
        |p| {
            Box::pin(async move {
                let at = rich(p).await?;
                let mut both = vec![USER.to_owned(), ENTERPRISE.to_owned()];
                both.sort();
                for query in ["attributes=title", "excludedAttributes=schemas", "attributes=userName"] {
                    let cut = p.get(&format!("{at}?{query}")).await?.expect(200)?;
                    cut.ensure(cut.schemas() == both, "list all schemas of the resource")?;
                }
                Ok(())
            })
        },
    ),
    practice(
        "Q-62",
        "RFC 7644 §3.9",
        "Unknown names are ignored, an empty list is none, a filter behind a name is passed over",
        |p| {
            Box::pin(async move {
                let at = rich(p).await?;
                p.get(&format!("{at}?attributes=title,noSuchAttribute"))
                    .await?
                    .expect(200)?
                    .has("/title", "T")?
                    .lacks("/nickName")?;
                let whole = p.get(&format!("{at}?attributes=")).await?.expect(200)?;
                whole.has("/title", "T")?.has("/nickName", "N")?;
                let emails = encoded("emails[type eq \"work\"]");
                let answer = p.get(&format!("{at}?attributes={emails}")).await?.one_of(&[200, 400])?;
                if answer.status == 200 {
                    answer.ensure(!answer.all("/emails").is_empty(), "read it as emails")?;
                }
                Ok(())
            })
        },
    ),
    practice(
        "Q-63",
        "RFC 7644 §3.9",
        "A group is read, listed and found without its members when they are excluded",
        |p| {
            Box::pin(async move {
                let mut members: Vec<Value> = Vec::new();
                for _ in 0..20 {
                    members.push(json!({"value": p.user().await?}));
                }
                let made = p.group_with(json!({"members": members})).await?;
                let id = made.id()?;
                let name = made.at("/displayName").as_str().unwrap_or_default().to_owned();
                let read = p.get(&format!("/Groups/{id}?excludedAttributes=members")).await?.expect(200)?;
                read.has("/displayName", name.as_str())?.lacks("/members")?;
                let filter = encoded(&format!("displayName eq \"{name}\""));
                let list = p
                    .get(&format!("/Groups?excludedAttributes=members&filter={filter}"))
                    .await?
                    .expect(200)?;
                list.has("/Resources/0/id", id.as_str())?.lacks("/Resources/0/members")?;
                let whole = p.get(&format!("/Groups/{id}")).await?.expect(200)?;
                whole.ensure(whole.all("/members").len() == 20, "keep the members")
            })
        },
    ),
];
