//! An app's attribute mappings: rows set, whole ones imported and exported, golden cases run.

use usher_api::mapping::{Cases, Export, FailedCase, Import, Note, Regex};
use usher_directory::{Kind, config::Configs, config::DirectoryConfig};
use usher_engine::{App, impact, mapping as mappings};
use usher_mapping::{
    AttributeMapping, Expression, ObjectMapping, Value,
    exchange::{self, Format, MAX_DOCUMENT, Report, ScopeTaken},
    mapping::{From, MappingError, Nulls, When},
    scoping::Anchor,
};
use usher_store::{Snapshot, Tx};

use super::find;
use crate::{
    Actor, Admin, AdminError, Answer, Outcome, Work, audit, record,
    request::{self, RowChange},
};

/// How many people an import looks at for regular expressions that depend on their anchor.
const LOOKED_AT: usize = 10_000;

/// An import as asked for.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) name: String,
    /// `users` or `groups`; all that the document has where absent.
    pub(super) kind: Option<String>,
    pub(super) text: String,
    pub(super) format: Option<String>,
    pub(super) anchor: Option<String>,
    pub(super) dry_run: bool,
    pub(super) force: bool,
}

impl Asked {
    fn of(request: request::App) -> Result<Self, AdminError> {
        let request::App::MappingImport { name, kind, text, format, anchor, dry_run, force, yes: _ } =
            request
        else {
            return Err(AdminError::new("internal", "not a request to import a mapping"));
        };
        Ok(Self { name, kind, text, format, anchor, dry_run, force })
    }
}

/// A document, read.
struct Read {
    format: Format,
    mappings: Vec<(Kind, ObjectMapping)>,
    /// Where each kind stands in the document: how the places of its notes begin.
    places: Vec<(Kind, String)>,
    report: Report,
    /// Why it is not saved: even by force, and without.
    never: Vec<String>,
    unforced: Vec<String>,
    regexes: Vec<Regex>,
    failed: Vec<FailedCase>,
}

pub(super) fn mapping_error(error: MappingError) -> AdminError {
    AdminError::from(usher_engine::EngineError::Mapping(error))
}

pub(super) fn config(
    on: &mut Snapshot<'_>,
    configs: &Configs,
    app: &App,
) -> Result<std::sync::Arc<DirectoryConfig>, AdminError> {
    configs
        .get(on, app.directory)?
        .ok_or_else(|| AdminError::new("directory_not_found", "the app's directory is gone"))
}

/// Saves a mapping, despite failing golden cases where forced.
pub(super) fn save(
    tx: &mut Tx<'_>,
    configs: &Configs,
    app: &App,
    kind: Kind,
    mapping: &ObjectMapping,
    force: bool,
) -> Result<(), AdminError> {
    let source = config(tx, configs, app)?;
    if force {
        return Ok(mappings::force_mapping(tx, app, &source, kind, mapping)?);
    }
    Ok(mappings::set_mapping(tx, app, &source, kind, mapping)?)
}

/// Whether [`save`] takes a mapping.
pub(super) fn check(
    on: &mut Snapshot<'_>,
    configs: &Configs,
    app: &App,
    kind: Kind,
    mapping: &ObjectMapping,
    force: bool,
) -> Result<(), AdminError> {
    let source = config(on, configs, app)?;
    match force {
        true => Ok(mappings::check(&app.template, &source, kind, mapping)?),
        false => Ok(mappings::allowed(app, &source, kind, mapping)?),
    }
}

/// The gallery's mapping, with the app's own golden cases and attributes.
pub(super) fn of_gallery(app: &App, kind: Kind) -> ObjectMapping {
    let template = match kind {
        Kind::User => &app.template.users,
        Kind::Group => &app.template.groups,
    };
    let own = app.mapping(kind);
    ObjectMapping { cases: own.cases.clone(), attributes: own.attributes.clone(), ..template.clone() }
}

/// The mapping with one row changed; a new row if the target has none.
pub(super) fn with_row(
    mapping: &ObjectMapping,
    target: &str,
    change: &RowChange,
) -> Result<ObjectMapping, AdminError> {
    let path: usher_scim::AttributePath = target.parse().map_err(|error: usher_scim::ScimError| {
        AdminError::new("invalid_target", format!("{target:?} is no attribute path: {error}"))
    })?;
    let mut mapping = mapping.clone();
    let at = mapping.rows.iter().position(|row| row.target.to_string().eq_ignore_ascii_case(target));
    if change.remove {
        let Some(at) = at else {
            return Err(AdminError::new("not_mapped", format!("{target} is not mapped")));
        };
        mapping.rows.remove(at);
        return Ok(mapping);
    }
    let mut row = match at {
        Some(at) => mapping.rows[at].clone(),
        None => AttributeMapping::new(path, From::None),
    };
    apply(&mut row, change)?;
    if row.from == From::None && row.default.is_none() {
        return Err(AdminError::new(
            "invalid_mapping",
            format!("{target} needs an expression, a constant or a default"),
        ));
    }
    match at {
        Some(at) => mapping.rows[at] = row,
        None => mapping.rows.push(row),
    }
    Ok(mapping)
}

fn apply(row: &mut AttributeMapping, change: &RowChange) -> Result<(), AdminError> {
    if let Some(expression) = &change.expression {
        let parsed = Expression::parse(expression)
            .map_err(|error| AdminError::new("invalid_expression", error.caret(expression)))?;
        row.from = From::Expression(parsed);
    }
    if let Some(constant) = &change.constant {
        row.from = From::Constant(Value::Text(constant.clone()));
    }
    if let Some(default) = &change.default {
        row.default = Some(Value::Text(default.clone())).filter(|_| !default.is_empty());
    }
    if let Some(precedence) = change.matching {
        row.matching = Some(precedence).filter(|n| *n > 0);
    }
    if let Some(when) = &change.when {
        row.when = match when.as_str() {
            "always" => When::Always,
            "on_create" => When::OnCreate,
            "add_values" => When::AddValues,
            other => return Err(AdminError::word("when", other, &["always", "on_create", "add_values"])),
        };
    }
    if let Some(nulls) = &change.nulls {
        row.nulls = match nulls.as_str() {
            "skip" => Nulls::Skip,
            "clear" => Nulls::Clear,
            other => return Err(AdminError::word("nulls", other, &["skip", "clear"])),
        };
    }
    Ok(())
}

/// Reads a document, says what became of it, and saves it unless something speaks against it. Of an app that has begun it comes back as
/// work unless whoever asked agrees to whatever it does: whom it touches is to be seen first.
pub(super) fn import(admin: &Admin, actor: &Actor, request: request::App) -> Result<Outcome, AdminError> {
    let asked = Asked::of(request.clone())?;
    let (app, read, begun) = weighed(admin, &asked)?;
    if asked.dry_run {
        return Ok(Outcome::Done(Answer::MappingImport(read.shape(&asked.name))));
    }
    read.allowed(&asked)?;
    match request.agreed().filter(|_| begun) {
        Some(agreed) => {
            let changed =
                read.mappings.iter().fold(app, |app, (kind, to)| app.with_mapping(*kind, to.clone()));
            let work = Work::AppChange {
                changed: Box::new(changed),
                request: Box::new(agreed),
                actor: actor.clone(),
            };
            Ok(Outcome::Work(work))
        }
        None => written(admin, actor, &asked, app.version, read).map(Outcome::Done),
    }
}

/// Saves a document that was weighed on an app of this version.
pub(super) fn save_import(
    admin: &Admin,
    actor: &Actor,
    request: request::App,
    version: i64,
) -> Result<Answer, AdminError> {
    let asked = Asked::of(request)?;
    let (_, read, _) = weighed(admin, &asked)?;
    read.allowed(&asked)?;
    written(admin, actor, &asked, version, read)
}

/// The document as read and judged, the app it is for, and whether that has begun.
fn weighed(admin: &Admin, asked: &Asked) -> Result<(App, Read, bool), AdminError> {
    let (configs, now, question) = (admin.configs.clone(), admin.clock.now(), asked.clone());
    admin.read(move |on| {
        let app = find(on, &question.name)?;
        let source = config(on, &configs, &app)?;
        let mut read = read(&app, &source, &question)?;
        weigh(on, &app, &source, &question, &mut read, now)?;
        let begun = impact::has_begun(on, &app)?;
        Ok((app, read, begun))
    })
}

fn written(
    admin: &Admin,
    actor: &Actor,
    asked: &Asked,
    version: i64,
    read: Read,
) -> Result<Answer, AdminError> {
    let mut shape = read.shape(&asked.name);
    let (actor, configs, now, asked) =
        (actor.clone(), admin.configs.clone(), admin.clock.now(), asked.clone());
    admin.write(move |tx| {
        let app = find(tx, &asked.name)?;
        if app.version != version {
            return Err(usher_engine::EngineError::Stale.into());
        }
        let mut details = serde_json::Map::new();
        for (kind, mapping) in &read.mappings {
            save(tx, &configs, &app, *kind, mapping, asked.force)?;
            details.insert(record::word(*kind).to_owned(), mapping.to_toml().to_string().into());
        }
        Ok(audit::note(tx, &actor, "app.mapping.import", &app.name, &details.into(), now)?)
    })?;
    shape.saved = true;
    Ok(Answer::MappingImport(shape))
}

fn refused(read: &Read, shape: &Import) -> AdminError {
    let lines: Vec<&str> = read.never.iter().chain(&read.unforced).map(String::as_str).collect();
    let hint = if read.never.is_empty() {
        "Nothing is changed. --dry-run shows the whole report; --force saves it nevertheless."
    } else {
        "Nothing is changed. --dry-run shows the whole report."
    };
    let mut error = AdminError::new("import_refused", lines.join("\n")).hint(hint);
    let details = serde_json::to_value(shape).unwrap_or_default();
    error.0.details.insert("report".to_owned(), details);
    error
}

fn read(app: &App, source: &DirectoryConfig, asked: &Asked) -> Result<Read, AdminError> {
    if asked.text.len() > MAX_DOCUMENT {
        return Err(AdminError::new("invalid_mapping", exchange::ExchangeError::TooLarge.to_string()));
    }
    let format = match asked.format.as_deref() {
        None => Format::of(&asked.text),
        Some("toml") => Format::Toml,
        Some("entra") => Format::Entra,
        Some(other) => return Err(AdminError::word("the format", other, &["toml", "entra"])),
    };
    let mut read = match format {
        Format::Toml => from_toml(asked)?,
        Format::Entra => from_entra(app, source, &asked.text)?,
    };
    if let Some(kind) = &asked.kind {
        read.only(record::kind(kind)?)?;
    }
    if let Some(anchor) = &asked.anchor {
        let anchor = match anchor.as_str() {
            "whole" => Anchor::Whole,
            "part" => Anchor::Part,
            other => return Err(AdminError::word("the anchor", other, &["whole", "part"])),
        };
        for (_, mapping) in &mut read.mappings {
            mapping.scoping = mapping.scoping.anchored(anchor).map_err(mapping_error)?;
        }
    }
    Ok(read)
}

fn fresh(format: Format) -> Read {
    Read {
        format,
        mappings: Vec::new(),
        places: Vec::new(),
        report: Report::default(),
        never: Vec::new(),
        unforced: Vec::new(),
        regexes: Vec::new(),
        failed: Vec::new(),
    }
}

/// `[users]` and `[groups]`, or the table of one kind as `show` prints it.
fn from_toml(asked: &Asked) -> Result<Read, AdminError> {
    let wrong = |text: String| AdminError::new("invalid_mapping", text);
    let mut table: toml::Table = asked.text.parse().map_err(|e: toml::de::Error| wrong(e.to_string()))?;
    let mut read = fresh(Format::Toml);
    if table.contains_key("users") || table.contains_key("groups") {
        for kind in [Kind::User, Kind::Group] {
            match table.remove(record::word(kind)) {
                None => {}
                Some(toml::Value::Table(of)) => {
                    read.mappings.push((kind, ObjectMapping::from_toml(&of).map_err(mapping_error)?));
                }
                Some(_) => return Err(wrong(format!("{} is no table", record::word(kind)))),
            }
        }
        if let Some(key) = table.keys().next() {
            return Err(wrong(format!("unknown key {key}; a mapping has [users] and [groups]")));
        }
    } else {
        let kind = asked.kind.as_deref().map_or(Ok(Kind::User), record::kind)?;
        read.mappings.push((kind, ObjectMapping::from_toml(&table).map_err(mapping_error)?));
    }
    for (kind, mapping) in &read.mappings {
        read.places.push((*kind, format!("{}.", record::word(*kind))));
        for row in &mapping.rows {
            let target = row.target.to_string();
            let at = format!("{}.{target}", record::word(*kind));
            read.report.taken.push(exchange::Note { at, what: target, why: None });
        }
    }
    Ok(read)
}

/// Entra's document. What it cannot say (golden cases, tables, attributes added before) stays as it is.
fn from_entra(app: &App, source: &DirectoryConfig, text: &str) -> Result<Read, AdminError> {
    let (users, groups) = ([source.resource_type(Kind::User)], [source.resource_type(Kind::Group)]);
    let imported = exchange::import(
        text,
        &mappings::side(&users, app.target.of(Kind::User)),
        &mappings::side(&groups, app.target.of(Kind::Group)),
    )
    .map_err(|error| AdminError::new("invalid_mapping", error.to_string()))?;
    let mut read = Read { report: imported.report, ..fresh(Format::Entra) };
    for (kind, imported) in [(Kind::User, imported.users), (Kind::Group, imported.groups)] {
        let Some(imported) = imported else { continue };
        let mut mapping = imported.mapping;
        let before = app.mapping(kind);
        mapping.cases.clone_from(&before.cases);
        mapping.tables.clone_from(&before.tables);
        mapping.attributes = before.attributes.iter().chain(&mapping.attributes).cloned().collect();
        match imported.scope {
            ScopeTaken::Whole => {}
            ScopeTaken::Narrower => read.unforced.push(format!(
                "the scoping filter of {} is not understood whole: fewer would pass, and who does not is disabled",
                record::word(kind)
            )),
            ScopeTaken::Lost => read.never.push(format!(
                "nothing of the scoping filter of {} is understood, so everybody would pass; change it in the document first",
                record::word(kind)
            )),
        }
        read.places.push((kind, format!("{}.", imported.at)));
        read.mappings.push((kind, mapping));
    }
    Ok(read)
}

/// Checks what was read, runs its golden cases, and looks for whom its regular expressions depend on their anchor.
fn weigh(
    on: &mut Snapshot<'_>,
    app: &App,
    source: &DirectoryConfig,
    asked: &Asked,
    read: &mut Read,
    now: jiff::Timestamp,
) -> Result<(), AdminError> {
    for (kind, mapping) in &read.mappings {
        if let Err(error) = mappings::check(&app.template, source, *kind, mapping) {
            read.never.push(format!("{}: {error}", record::word(*kind)));
            continue;
        }
        let failed = mappings::failed_cases(&app.template, source, *kind, mapping);
        read.unforced.extend(failed.iter().map(|failed| format!("{}: {failed}", record::word(*kind))));
        read.failed.extend(failed.into_iter().map(|failed| shown(*kind, failed)));
        if read.format == Format::Toml {
            // There each clause says itself what its anchor is.
            continue;
        }
        for found in mappings::anchorings(on, app, *kind, mapping, LOOKED_AT, now)? {
            if found.differ > 0 && asked.anchor.is_none() {
                read.unforced.push(format!(
                    "{}: whether “{}” has to match the whole value or a part of it decides about {} of {}: {}; say --anchor whole or --anchor part",
                    record::word(*kind),
                    found.clause,
                    found.differ,
                    found.looked_at,
                    found.names.join(", ")
                ));
            }
            read.regexes.push(Regex {
                kind: record::word(*kind).to_owned(),
                group: found.group,
                clause: found.clause,
                looked_at: found.looked_at,
                differ: found.differ,
                names: found.names,
            });
        }
    }
    Ok(())
}

fn shown(kind: Kind, failed: usher_mapping::mapping::Failed) -> FailedCase {
    let usher_mapping::mapping::Failed { case, what, expected, got } = failed;
    FailedCase { kind: record::word(kind).to_owned(), case, what, expected, got }
}

fn notes(notes: &[exchange::Note]) -> Vec<Note> {
    let note =
        |note: &exchange::Note| Note { at: note.at.clone(), what: note.what.clone(), why: note.why.clone() };
    notes.iter().map(note).collect()
}

fn name(format: Format) -> String {
    match format {
        Format::Toml => "toml",
        Format::Entra => "entra",
    }
    .to_owned()
}

impl Read {
    /// Whether it may be saved.
    fn allowed(&self, asked: &Asked) -> Result<(), AdminError> {
        if self.never.is_empty() && (self.unforced.is_empty() || asked.force) {
            return Ok(());
        }
        Err(refused(self, &self.shape(&asked.name)))
    }

    /// Forgets the other kind.
    fn only(&mut self, kind: Kind) -> Result<(), AdminError> {
        self.mappings.retain(|(of, _)| *of == kind);
        if self.mappings.is_empty() {
            let message = format!("the document has no mapping of {}", record::word(kind));
            return Err(AdminError::new("invalid_mapping", message));
        }
        let places = &self.places;
        let other =
            |note: &exchange::Note| places.iter().any(|(of, at)| *of != kind && note.at.starts_with(at));
        let Report { taken, changed, left_out } = &mut self.report;
        for notes in [taken, changed, left_out] {
            notes.retain(|note| !other(note));
        }
        for list in [&mut self.never, &mut self.unforced] {
            list.retain(|line| line.contains(record::word(kind)));
        }
        Ok(())
    }

    fn shape(&self, app: &str) -> Import {
        Import {
            app: app.to_owned(),
            format: name(self.format),
            kinds: self.mappings.iter().map(|(kind, _)| record::word(*kind).to_owned()).collect(),
            saved: false,
            refusals: self.never.iter().chain(&self.unforced).cloned().collect(),
            taken: notes(&self.report.taken),
            changed: notes(&self.report.changed),
            not_understood: notes(&self.report.left_out),
            regexes: self.regexes.clone(),
            failed_cases: self.failed.clone(),
        }
    }
}

/// Writes the mappings of users and groups.
pub(super) fn export(
    on: &mut Snapshot<'_>,
    configs: &Configs,
    app: &App,
    format: &str,
) -> Result<Export, AdminError> {
    let (format, document, report) = match format {
        "toml" => {
            let table = toml::Table::from_iter([
                ("users".to_owned(), toml::Value::Table(app.users.to_toml())),
                ("groups".to_owned(), toml::Value::Table(app.groups.to_toml())),
            ]);
            (Format::Toml, table.to_string(), Report::default())
        }
        "entra" => {
            let source = config(on, configs, app)?;
            let target = app.template.target();
            let (users, groups) = ([source.resource_type(Kind::User)], [source.resource_type(Kind::Group)]);
            let (document, report) = exchange::export(
                &app.users,
                &app.groups,
                &mappings::side(&users, target.of(Kind::User)),
                &mappings::side(&groups, target.of(Kind::Group)),
            );
            let text = serde_json::to_string_pretty(&document)
                .map_err(|error| AdminError::new("internal", error.to_string()))?;
            (Format::Entra, text, report)
        }
        other => return Err(AdminError::word("the format", other, &["toml", "entra"])),
    };
    Ok(Export {
        app: app.name.clone(),
        format: name(format),
        document,
        changed: notes(&report.changed),
        not_expressible: notes(&report.left_out),
    })
}

/// Runs the golden cases.
pub(super) fn test(on: &mut Snapshot<'_>, configs: &Configs, app: &App) -> Result<Cases, AdminError> {
    let source = config(on, configs, app)?;
    let mut cases = Cases { app: app.name.clone(), cases: 0, failed: Vec::new() };
    for kind in [Kind::User, Kind::Group] {
        let mapping = app.mapping(kind);
        cases.cases += mapping.cases.len() as u64;
        let failed = mappings::failed_cases(&app.template, &source, kind, mapping);
        cases.failed.extend(failed.into_iter().map(|failed| shown(kind, failed)));
    }
    Ok(cases)
}
