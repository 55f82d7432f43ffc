//! Each answer as text for people.

use usher_admin::Answer;
use usher_api::{
    List, Time,
    account::{Account, ExtensionSchema, IndexedAttribute, IssuedToken, Record, Token},
    directory::{Directory, EntryError, Member, Preview, Run, Source, Test},
    guard::{Held, Loss},
    people::{Person, Unit},
};

use super::{app, explain, mapping, rule, table, trail, unit};

pub(crate) use super::{
    app::{cycle, plan},
    mapping::not_exported,
};

pub(crate) fn text(answer: &Answer) -> String {
    match answer {
        Answer::Account(account) => accounts(std::slice::from_ref(account)),
        Answer::Accounts(list) => accounts(&list.items),
        Answer::Extensions(list) => extensions(&list.items),
        Answer::Indexed(list) => indexed(&list.items),
        Answer::Token(token) => tokens(std::slice::from_ref(token)),
        Answer::Tokens(list) => tokens(&list.items),
        Answer::IssuedToken(IssuedToken { secret, .. }) => secret.0.clone(),
        Answer::Record(detail) => pretty(&**detail),
        Answer::Records(list) => more(records(&list.items), list),
        Answer::Trail(list) => more(trail::text(&list.items), list),
        Answer::Held(list) => more(held(&list.items), list),
        Answer::Released(did) => match did.losses {
            0 => "nothing waits".into(),
            n => format!("done, {n} losses"),
        },
        Answer::Person(person) => pretty(&**person),
        Answer::People(list) => more(people(&list.items), list),
        Answer::PersonExplanation(found) => rule::explanation(found),
        Answer::PeopleImport(done) => {
            format!("{} people made; {} were there already and left alone", done.created, done.there)
        }
        Answer::Rule(rule) => rule.text.clone(),
        Answer::Rules(rules) => rule::rules(rules),
        Answer::RuleChange(change) => rule::change(change),
        Answer::Unit(unit) => units(std::slice::from_ref(unit)),
        Answer::Units(list) => more(units(&list.items), list),
        Answer::UnitImport(done) => unit::import(done),
        Answer::Role(role) => unit::roles(std::slice::from_ref(role)),
        Answer::Roles(list) => unit::roles(&list.items),
        Answer::Directory(directory) => directories(std::slice::from_ref(directory)),
        Answer::Directories(list) => directories(&list.items),
        Answer::Objects(list) => more(objects(&list.items), list),
        Answer::Object(object) => pretty(object),
        Answer::Members(list) => more(members(&list.items), list),
        Answer::Membership(did) => {
            format!("{}: {} added, {} removed, {} members", did.group, did.added, did.removed, did.members)
        }
        Answer::Source(source) => sources(std::slice::from_ref(source)),
        Answer::Sources(list) => sources(&list.items),
        Answer::Run(report) => run(report),
        Answer::Runs(list) => runs(&list.items),
        Answer::Preview(found) => preview(found),
        Answer::Test(result) => test(result),
        Answer::Template(template) => {
            format!(
                "{}\n\n[users]\n{}\n[groups]\n{}",
                app::templates(std::slice::from_ref(template)),
                template.users,
                template.groups
            )
        }
        Answer::Templates(list) => app::templates(&list.items),
        Answer::App(one) => app::app(one),
        Answer::Apps(list) => app::apps(&list.items),
        Answer::Cycle(cycle) => self::cycle(cycle),
        Answer::Link(link) => pretty(&**link),
        Answer::Status(status) => app::statuses(std::slice::from_ref(status)),
        Answer::Statuses(list) => app::statuses(&list.items),
        Answer::Plan(plan) => self::plan(plan),
        Answer::Impact(impact) => app::impact(impact),
        Answer::Attributes(list) => app::attributes(&list.items),
        Answer::Discovery(found) => app::discovery(found),
        Answer::Filters(list) => app::filters(&list.items),
        Answer::Explanation(found) => explain::text(found),
        Answer::Explanations(list) => list.items.iter().map(explain::text).collect::<Vec<_>>().join("\n"),
        Answer::Log(list) => more(log(&list.items), list),
        Answer::MappingImport(import) => mapping::import(import),
        Answer::MappingExport(export) => export.document.clone(),
        Answer::MappingCases(cases) => mapping::cases(cases),
        Answer::Text(text) => text.clone(),
        Answer::Said(said) => said.message.clone(),
    }
}

pub(super) fn pretty(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn more<T>(text: String, list: &List<T>) -> String {
    match &list.next {
        Some(next) => format!("{text}\n… more with --after {next}"),
        None => text,
    }
}

pub(super) fn day(at: Time) -> String {
    at.0.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn or_dash(text: Option<&str>) -> String {
    text.unwrap_or("-").to_owned()
}

fn accounts(items: &[Account]) -> String {
    table(
        &["account", "profile", "environment", "hosts", "users", "groups", "people"],
        items.iter().flat_map(|account| {
            account.environments.iter().map(|environment| {
                vec![
                    account.name.clone(),
                    account.profile.clone(),
                    environment.environment.clone(),
                    environment.hosts.join(", "),
                    environment.users.to_string(),
                    environment.groups.to_string(),
                    environment.people.to_string(),
                ]
            })
        }),
    )
}

fn extensions(items: &[ExtensionSchema]) -> String {
    table(
        &["URN", "of", "attributes"],
        items.iter().map(|extension| {
            let attributes = extension.schema["attributes"].as_array().cloned().unwrap_or_default();
            let names: Vec<&str> =
                attributes.iter().filter_map(|attribute| attribute["name"].as_str()).collect();
            vec![extension.urn.clone(), extension.kind.clone(), names.join(", ")]
        }),
    )
}

fn indexed(items: &[IndexedAttribute]) -> String {
    table(
        &["attribute", "of", "environment", "state", "for"],
        items.iter().map(|indexed| {
            vec![
                indexed.attribute.clone(),
                indexed.kind.clone(),
                indexed.environment.clone(),
                indexed.state.clone(),
                if indexed.unique { "uniqueness" } else { "filters" }.into(),
            ]
        }),
    )
}

fn tokens(items: &[Token]) -> String {
    table(
        &["token", "environment", "provider", "ends in", "state", "expires", "last used"],
        items.iter().map(|token| {
            let ends = token.ends_at.or(token.expires_at);
            vec![
                token.id.clone(),
                or_dash(token.environment.as_deref()),
                token.provider.clone(),
                format!("…{}", token.last4),
                token.state.clone(),
                ends.map_or("never".into(), day),
                last_use(token, items),
            ]
        }),
    )
}

/// When and whence a token was last used; of one that was rotated, whether anybody still needs it.
fn last_use(token: &Token, all: &[Token]) -> String {
    let Some(used) = &token.last_used else { return "never".into() };
    let seen = format!("{} {}", day(used.at), used.address);
    if token.state != "overlap" {
        return seen;
    }
    let of = |token: &Token| {
        (token.account.clone(), token.directory.clone(), token.environment.clone(), token.provider.clone())
    };
    let newer = all.iter().filter(|other| of(other) == of(token) && other.created_at > token.created_at);
    match newer.map(|other| other.created_at).min() {
        Some(rotated) if used.at >= rotated => format!("{seen}, still in use"),
        Some(_) => format!("{seen}, unused since it was rotated"),
        None => seen,
    }
}

fn records(items: &[Record]) -> String {
    table(
        &["record", "kind", "name", "active", "state", "from", "provisioned", "updated", "reason"],
        items.iter().map(|record| {
            vec![
                record.id.clone(),
                record.kind.clone(),
                record.name.clone(),
                if record.active { "yes" } else { "no" }.into(),
                record.state.clone(),
                or_dash(record.integration.as_deref()),
                day(record.provisioned_at),
                day(record.updated_at),
                record.reason.clone().unwrap_or_default(),
            ]
        }),
    )
}

fn held(items: &[Held]) -> String {
    table(
        &["user", "loses", "state", "since", "until", "token", "request"],
        items.iter().map(|held| {
            let until = match (&held.until, &held.rejected) {
                (_, Some(decision)) => format!("rejected by {}", decision.by),
                (Some(until), None) => until.to_string(),
                (None, None) => "somebody decides".into(),
            };
            vec![
                held.user.name.clone(),
                match &held.loses {
                    Loss::Access => "access".into(),
                    Loss::Group(Some(group)) => format!("group {}", group.name),
                    Loss::Group(None) => "a group that is gone".into(),
                },
                held.state.clone(),
                held.since.to_string(),
                until,
                or_dash(held.token.provider.as_deref()),
                held.request_id.clone(),
            ]
        }),
    )
}

pub(crate) fn people(items: &[Person]) -> String {
    table(
        &["name", "e-mail", "organization", "manager", "job title", "access"],
        items.iter().map(|person| {
            vec![
                person.name.clone(),
                person.primary_email.clone(),
                or_dash(person.organization.as_ref().map(|named| named.name.as_str())),
                or_dash(person.manager.as_ref().map(|manager| manager.name.as_str())),
                or_dash(person.job_title.as_deref()),
                if person.access { "yes" } else { "no" }.into(),
            ]
        }),
    )
}

fn units(items: &[Unit]) -> String {
    table(
        &["id", "name", "state", "SCIM group"],
        items.iter().map(|unit| {
            let state = match (unit.disabled, unit.default) {
                (true, _) => "disabled",
                (_, true) => "default",
                _ => "enabled",
            };
            vec![unit.id.clone(), unit.name.clone(), state.into(), or_dash(unit.source_id.as_deref())]
        }),
    )
}

fn directories(items: &[Directory]) -> String {
    table(
        &["directory", "users", "groups", "sources"],
        items.iter().map(|directory| {
            vec![
                directory.name.clone(),
                directory.users.to_string(),
                directory.groups.to_string(),
                directory.sources.join(", "),
            ]
        }),
    )
}

fn objects(items: &[serde_json::Value]) -> String {
    let text = |object: &serde_json::Value, key: &str| object[key].as_str().unwrap_or("-").to_owned();
    table(
        &["id", "name", "display name", "state"],
        items.iter().map(|object| {
            let name = if object["userName"].is_string() { "userName" } else { "displayName" };
            let state = match (&object["deleted"], &object["active"]) {
                (serde_json::Value::String(_), _) => "deleted",
                (_, serde_json::Value::Bool(false)) => "disabled",
                _ => "active",
            };
            vec![text(object, "id"), text(object, name), text(object, "displayName"), state.into()]
        }),
    )
}

fn members(items: &[Member]) -> String {
    table(
        &["id", "kind", "name"],
        items.iter().map(|member| vec![member.id.clone(), member.kind.clone(), member.name.clone()]),
    )
}

fn sources(items: &[Source]) -> String {
    table(
        &["source", "directory", "kind", "file", "last run", "outcome"],
        items.iter().map(|source| {
            let last = source.last_run.as_ref();
            vec![
                source.name.clone(),
                source.directory.clone(),
                source.kind.clone(),
                source.file.clone(),
                last.map_or("never".into(), |run| day(run.began_at)),
                last.map_or_else(String::new, |run| {
                    run.message.clone().unwrap_or_else(|| format!("{}, {} errors", run.state, run.errors))
                }),
            ]
        }),
    )
}

fn run(run: &Run) -> String {
    let mut text = format!(
        "read {}: {} created, {} updated, {} unchanged, {} disabled, {} restored; {} groups, {} memberships",
        run.read,
        run.created,
        run.updated,
        run.unchanged,
        run.disabled,
        run.restored,
        run.groups,
        run.memberships
    );
    if run.unresolved > 0 {
        text.push_str(&format!("\n{} managers or members name nobody in the source", run.unresolved));
    }
    for error in &run.first_errors {
        text.push_str(&entry_error(error));
    }
    if run.errors > run.first_errors.len() as u64 {
        text.push_str(&format!("\n… and {} more errors", run.errors - run.first_errors.len() as u64));
    }
    if let Some(message) = &run.message {
        text.push_str(&format!("\n{message}"));
    }
    if run.held > 0 {
        text.push_str(&format!(
            "\n{} leavers are held and keep their access. {} Then `usher source allow {}` lets them go.",
            run.held, "Is what was read complete?", run.source
        ));
    }
    text
}

fn entry_error(error: &EntryError) -> String {
    match error.line {
        0 => format!("\n{}: {}", error.entry, error.message),
        line => format!("\nline {line}: {}: {}", error.entry, error.message),
    }
}

fn runs(items: &[Run]) -> String {
    table(
        &["run", "began", "state", "read", "created", "updated", "disabled", "held", "errors", "what"],
        items.iter().map(|run| {
            vec![
                run.id.clone(),
                day(run.began_at),
                run.state.clone(),
                format!("{}{}", run.read, if run.incremental { " (changes)" } else { "" }),
                run.created.to_string(),
                run.updated.to_string(),
                run.disabled.to_string(),
                run.held.to_string(),
                run.errors.to_string(),
                run.message.clone().unwrap_or_default(),
            ]
        }),
    )
}

fn preview(found: &Preview) -> String {
    let mut text = format!(
        "read {}: {} people, {} groups; an import would create {}, update {}, restore {}, leave {} as they are, and {} would leave",
        found.read,
        found.people,
        found.groups,
        found.create,
        found.update,
        found.restore,
        found.unchanged,
        found.leave
    );
    if let Some(message) = &found.message {
        text.push_str(&format!("\n{message}: {} would be held", found.held));
    }
    found.first_errors.iter().for_each(|error| text.push_str(&entry_error(error)));
    for one in &found.first {
        text.push_str(&format!("\n\n{} {}: {}\n{}", one.kind, one.entry, one.change, pretty(&one.resource)));
    }
    text
}

pub(crate) fn test(test: &Test) -> String {
    let mut text: String = test
        .steps
        .iter()
        .map(|step| format!("{} {}: {}\n", if step.ok { "ok    " } else { "failed" }, step.name, step.text))
        .collect();
    if let Some(url) = &test.works_instead {
        text.push_str(&format!("This address works instead: {url}\n"));
    }
    text
}

pub(crate) fn log(items: &[serde_json::Value]) -> String {
    table(&["time", "action", "status", "object", "what changed"], items.iter().map(log_cells))
}

/// An entry as a line, where there is no table to be in.
pub(crate) fn log_line(entry: &serde_json::Value) -> String {
    log_cells(entry).join("  ")
}

fn log_cells(entry: &serde_json::Value) -> Vec<String> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or("-").to_owned();
    let info = &entry["provisioningStatusInfo"];
    let error = &info["errorInformation"];
    let changed = entry["modifiedProperties"].as_array().map_or_else(String::new, |properties| {
        properties.iter().map(|property| text(&property["displayName"])).collect::<Vec<_>>().join(", ")
    });
    let what = match error["reason"].as_str() {
        Some(reason) => format!("{}: {reason}", text(&error["errorCode"])),
        None => changed,
    };
    vec![
        text(&entry["activityDateTime"]),
        text(&entry["provisioningAction"]),
        text(&info["status"]),
        format!(
            "{} {}",
            text(&entry["sourceIdentity"]["identityType"]),
            text(&entry["sourceIdentity"]["displayName"])
        ),
        what,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(provider: &str, created: &str, used: Option<&str>, state: &str) -> Token {
        let at = |text: &str| Time(text.parse().unwrap());
        let used =
            used.map(|used| serde_json::json!({"at": at(used), "address": "192.0.2.1", "agent": "Tester"}));
        let token = serde_json::json!({
            "id": "1", "account": "acme", "environment": "production", "provider": provider, "last4": "ab12",
            "created_at": at(created), "expires_at": null, "ends_at": null, "last_used": used, "state": state,
        });
        serde_json::from_value(token).unwrap()
    }

    #[test]
    fn an_old_token_says_whether_it_can_be_cut() {
        let old = |used| token("okta", "2026-01-01T00:00:00Z", used, "overlap");
        let new = token("okta", "2026-02-01T00:00:00Z", None, "active");
        let other = token("entra", "2026-01-15T00:00:00Z", None, "active");
        let said = |old: &Token| last_use(old, &[new.clone(), other.clone(), old.clone()]);
        assert_eq!(said(&old(None)), "never");
        assert!(said(&old(Some("2026-02-02T00:00:00Z"))).ends_with("192.0.2.1, still in use"));
        assert!(said(&old(Some("2026-01-20T00:00:00Z"))).ends_with("192.0.2.1, unused since it was rotated"));
        assert_eq!(said(&new), "never");
    }
}
