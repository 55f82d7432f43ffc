//! P-42 to P-44: again, at one time, and many.

use serde_json::{Value, json};
use usher_scim::schema::GROUP;

use crate::{
    case::{
        Case,
        Need::{Etag, Patch},
        practice,
    },
    probe::PATCH,
};

pub(in crate::cases) const CASES: &[Case] = &[
    practice("P-42", "RFC 7644 §3.5.2", "The same PATCH again succeeds and changes nothing, neither version nor lastModified", |p| {
        Box::pin(async move {
            let at = format!("/Users/{}", p.user_with(json!({"emails": [{"type": "home", "value": "h@example.com"}]})).await?.id()?);
            let ops = json!([
                {"op": "replace", "path": "title", "value": "T"},
                {"op": "add", "path": "emails", "value": [{"type": "work", "value": "n@example.com"}]},
                {"op": "remove", "path": "emails[type eq \"home\"]"},
            ]);
            let once = p.patched(&at, ops.clone()).await?;
            once.has("/title", "T")?;
            let twice = p.patched(&at, ops).await?;
            twice.ensure(twice.json == once.json, "change nothing when the same PATCH comes again")
        })
    })
    .needs(&[Patch, Etag]),
    practice("P-43", "RFC 7644 §3.5.2", "Members added to one group at one time are all there", |p| {
        Box::pin(async move {
            let mut users = Vec::new();
            for _ in 0..6 {
                users.push(p.user().await?);
            }
            let group = p.group(&[]).await?;
            let bodies = users.iter().map(|id| {
                json!({"schemas": [PATCH], "Operations": [{"op": "add", "path": "members", "value": [{"value": id}]}]})
            });
            let bodies = bodies.collect();
            for answer in p.at_once("PATCH", &format!("/Groups/{group}"), &[], bodies).await? {
                answer.one_of(&[200, 204])?;
            }
            let all: Vec<&String> = users.iter().collect();
            p.members_are(&group, &all).await
        })
    })
    .needs(&[Patch]),
    practice("P-44", "RFC 7644 §3.5.2", "Hundreds of members fit in one operation; too many operations are refused, not half done", |p| {
        Box::pin(async move {
            let mut members = Vec::new();
            for _ in 0..40 {
                members.push(json!({"value": p.user().await?}));
            }
            let made = p.group_with(json!({})).await?;
            let at = format!("/Groups/{}", made.id()?);
            let add = json!([{"op": "add", "path": "members", "value": members}]);
            let cut = p.patch(&format!("{at}?excludedAttributes=members"), add).await?.one_of(&[200, 204])?;
            cut.lacks("/members")?;
            let group = p.get(&at).await?.expect(200)?;
            group.ensure(group.all("/members").len() == 40, "add all members of one operation")?;
            let many: Vec<Value> = (0..20_000).map(|_| json!({"op": "replace", "path": "externalId", "value": "many"})).collect();
            let answer = p.patch(&at, json!(many)).await?;
            if answer.status == 413 || answer.status == 400 {
                answer.an_error()?;
                p.get(&at).await?.expect(200)?.lacks("/externalId")?;
                return Ok(());
            }
            answer.one_of(&[200, 204])?;
            let body = json!({"schemas": [GROUP], "displayName": made.at("/displayName")});
            p.put(&at, body).await?.expect(200)?;
            Ok(())
        })
    })
    .needs(&[Patch]),
];
