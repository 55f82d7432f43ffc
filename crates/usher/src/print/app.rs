//! Apps, cycles and plans as text for people.

use usher_api::{
    app::{App, Assignment, Attribute, Counts, Cycle, Discovery, FilterGroup, Quarantine, Status, Template},
    plan::{Impact, Item, Plan},
};

use super::{
    answer::{day, pretty},
    table,
};

pub(super) fn templates(items: &[Template]) -> String {
    table(
        &["name", "app", "what", "tenant URL", "roles"],
        items.iter().map(|template| {
            vec![
                template.name.clone(),
                template.display_name.clone(),
                template.summary.clone(),
                template.tenant_url.clone(),
                template.roles.join(", "),
            ]
        }),
    )
}

pub(super) fn apps(items: &[App]) -> String {
    table(
        &["app", "from", "directory", "tenant URL", "scope", "state"],
        items.iter().map(|app| {
            vec![
                app.name.clone(),
                app.template.clone(),
                app.directory.clone(),
                app.tenant_url.clone(),
                app.scope.clone(),
                app.state.clone(),
            ]
        }),
    )
}

pub(super) fn app(app: &App) -> String {
    let assignments = table(
        &["assigned", "name", "role", "gives"],
        app.assignments.iter().map(|assigned| {
            vec![assigned.kind.clone(), assigned.name.clone(), assigned.role.clone(), gives(assigned)]
        }),
    );
    format!("{}\n\n{assignments}\n\nsettings: {}", apps(std::slice::from_ref(app)), pretty(&app.settings))
}

/// What an assignment gives beside its role.
fn gives(assigned: &Assignment) -> String {
    let mut parts = Vec::new();
    if assigned.nested {
        parts.push("groups in it too".to_owned());
    }
    parts.extend(assigned.values.iter().map(|(name, value)| format!("{name}={value}")));
    if !assigned.values.is_empty() {
        let over = if assigned.overrides { ", over the mapping" } else { "" };
        parts.push(format!("(priority {}{over})", assigned.priority));
    }
    parts.join(" ")
}

/// E.g. `12 create, 3 update`; only what is not zero.
pub(crate) fn counts(counts: &Counts) -> String {
    let parts = [
        (counts.create, "create"),
        (counts.update, "update"),
        (counts.enable, "enable"),
        (counts.disable, "disable"),
        (counts.delete, "delete"),
        (counts.in_sync, "in sync"),
        (counts.out_of_scope, "out of scope"),
        (counts.failed, "failed"),
        (counts.staged, "staged"),
        (counts.held, "held back"),
    ];
    let said: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    if said.is_empty() { "nothing to do".into() } else { said.join(", ") }
}

pub(crate) fn cycle(cycle: &Cycle) -> String {
    format!(
        "{} cycle {}: {} ({} requests, {} of them write)",
        cycle.kind,
        cycle.id,
        counts(&cycle.counts),
        cycle.requests,
        cycle.writes
    )
}

pub(super) fn statuses(items: &[Status]) -> String {
    let mut text = table(
        &["app", "state", "users", "groups", "escrows", "staged", "last cycle", "next"],
        items.iter().map(|status| {
            vec![
                status.app.clone(),
                status.state.clone(),
                status.linked_users.to_string(),
                status.linked_groups.to_string(),
                status.escrows.to_string(),
                status.counts.staged.to_string(),
                status.last_cycle.as_ref().map_or("never".into(), |cycle| {
                    format!("{}: {}", cycle.ended_at.map_or_else(String::new, day), counts(&cycle.counts))
                }),
                status.next_run_at.map_or("-".into(), day),
            ]
        }),
    );
    text.extend(items.iter().flat_map(details).map(|line| format!("\n{line}")));
    text
}

/// What a table has no room for, line by line.
fn details(status: &Status) -> Vec<String> {
    let name = &status.app;
    let mut lines = Vec::new();
    if let Some(cycle) = &status.cycle {
        let eta = cycle.eta_seconds.map(|eta| format!(", about {} to go", span(eta))).unwrap_or_default();
        let phase = cycle.phase.as_deref().map(|phase| format!(" ({phase})")).unwrap_or_default();
        lines.push(format!(
            "{name}: {} cycle since {}{phase}: {} of {}{eta}; {}",
            cycle.kind,
            day(cycle.began_at),
            cycle.done,
            cycle.planned,
            counts(&cycle.counts)
        ));
    }
    let mut known = Vec::new();
    known.extend(status.steady_since.map(|at| format!("nothing left to do since {}", day(at))));
    known.extend(status.last_reachable_at.map(|at| format!("last proven reachable {}", day(at))));
    known.extend(status.paused_until.map(|at| format!("it asks to wait until {}", day(at))));
    known.extend(status.credential_expires_at.map(|at| format!("credentials expire {}", day(at))));
    if !known.is_empty() {
        lines.push(format!("{name}: {}", known.join("; ")));
    }
    let to_date = Counts { in_sync: 0, out_of_scope: 0, failed: 0, staged: 0, held: 0, ..status.counts };
    if to_date != Counts::default() {
        lines.push(format!("{name}: to date {}", counts(&to_date)));
    }
    if let Some(held) = &status.held {
        lines.push(format!(
            "{name}: {} wait to be made since {}: {}",
            held.waiting,
            day(held.since),
            held.text
        ));
    }
    if let Some(gone) = &status.unreachable {
        lines.push(format!(
            "{name} can't be reached, {} probes in a row, last at {}: {}",
            gone.failed,
            day(gone.at),
            gone.text
        ));
    }
    if let Some(quarantine) = &status.quarantine {
        lines.push(rests(name, quarantine));
    }
    if status.parked > 0 {
        lines.push(format!(
            "{name}: {} objects failed for 28 days and are tried when they change, or by `usher app provision`",
            status.parked
        ));
    }
    if let Some(mail) = &status.notification {
        let why = mail.error.as_deref().map(|error| format!(": {error}")).unwrap_or_default();
        lines.push(format!("{name}: {} e-mails wait to be sent{why}", mail.waiting));
    }
    lines
}

/// Seconds as people say them.
fn span(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

fn rests(app: &str, quarantine: &Quarantine) -> String {
    let next = match quarantine.next_try_at {
        Some(at) => format!("tried {} times again, next at {}", quarantine.tries, day(at)),
        None => "switched off after 28 days".to_owned(),
    };
    let mut text = format!(
        "{app} rests since {}: {} ({}; {next})",
        day(quarantine.since),
        quarantine.text,
        quarantine.reason
    );
    if let (Some(request), Some(answer)) = (&quarantine.request, &quarantine.answer) {
        text.push_str(&format!("\n    {request}\n    {answer}"));
    }
    text
}

pub(crate) fn plan(plan: &Plan) -> String {
    let mut text = format!("{}: {}\n", plan.app, counts(&plan.counts));
    for item in &plan.items {
        text.push_str(&planned(item));
    }
    text
}

/// Whom a change touches.
pub(super) fn impact(impact: &Impact) -> String {
    let counts = Counts { in_sync: 0, ..impact.counts };
    let taken = match impact.counts.in_sync {
        0 => String::new(),
        n => format!(", {n} taken over as they are"),
    };
    let mut text = format!("{}: the change would do this: {}{taken}\n", impact.app, self::counts(&counts));
    text.extend(impact.items.iter().map(planned));
    if impact.more > 0 {
        text.push_str(&format!("… and {} more\n", impact.more));
    }
    text
}

pub(super) fn attributes(items: &[Attribute]) -> String {
    let yes = |is: bool, word: &str| is.then(|| word.to_owned());
    table(
        &["of", "attribute", "type", "mutability", "what"],
        items.iter().map(|attribute| {
            let what = [
                yes(attribute.required, "required"),
                yes(attribute.multi_valued, "multi-valued"),
                yes(attribute.case_exact, "case-exact"),
                yes(attribute.filterable, "filterable"),
                yes(attribute.mapped, "mapped"),
                yes(attribute.added, "added"),
            ];
            vec![
                attribute.kind.clone(),
                attribute.name.clone(),
                attribute.of.clone(),
                attribute.mutability.clone(),
                what.into_iter().flatten().collect::<Vec<_>>().join(", "),
            ]
        }),
    )
}

pub(super) fn discovery(found: &Discovery) -> String {
    let mut text = match found.added.len() {
        0 => format!("{} announces nothing that is not known", found.app),
        n => format!("{n} attributes of {} are added\n{}", found.app, attributes(&found.added)),
    };
    for left in &found.left_out {
        text.push_str(&format!("\nleft out: {left}"));
    }
    text
}

pub(super) fn filters(items: &[FilterGroup]) -> String {
    if items.is_empty() {
        return "there is no scoping filter: everybody who is in scope passes".to_owned();
    }
    table(
        &["of", "title", "clauses (all must hold)"],
        items.iter().map(|group| vec![group.kind.clone(), group.title.clone(), group.clauses.join("\n")]),
    )
}

fn planned(item: &Item) -> String {
    let mut text =
        format!("{} {} {}: {}\n", item.action, item.object.kind, item.object.name, item.reason.text);
    for change in &item.changes {
        text.push_str(&format!("    {}: {} → {}\n", change.attribute, change.old, change.new));
    }
    if item.members.add + item.members.remove > 0 {
        text.push_str(&format!("    members: +{} −{}\n", item.members.add, item.members.remove));
    }
    for warning in &item.warnings {
        text.push_str(&format!("    note: {warning}\n"));
    }
    text
}
