//! Entra's synchronization schema read: rules, object mappings, attribute mappings, scope.

use serde_json::Value as Json;
use usher_scim::schema::{Mutability, Type};
use usher_scim::{AttributePath, ResourceType};

use super::source::{self, Source};
use super::{ExchangeError, MAX_DOCUMENT, Note, Report, Side, scope};
use crate::mapping::{From, Nulls, TargetAttribute, When};
use crate::{AttributeMapping, ObjectMapping, Value};

/// What a document gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    /// The mapping of users, if it has one.
    pub users: Option<Imported>,
    /// The mapping of groups, if it has one.
    pub groups: Option<Imported>,
    /// What became of the document's parts.
    pub report: Report,
}

/// The mapping of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// Where its object mapping stands; notes about its parts have places below this one.
    pub at: String,
    /// What was understood.
    pub mapping: ObjectMapping,
    /// How much of its scoping filter that is.
    pub scope: ScopeTaken,
}

/// How much of a scoping filter was understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScopeTaken {
    /// All of it.
    Whole,
    /// Some groups were left out, so that fewer people pass.
    Narrower,
    /// Nothing was left of it, so that everybody would pass.
    Lost,
}

/// Reads a document.
///
/// # Errors
/// [`ExchangeError`] when it is no synchronization schema at all; what of one is not understood stands in the report.
pub fn import(text: &str, users: &Side<'_>, groups: &Side<'_>) -> Result<Import, ExchangeError> {
    if text.len() > MAX_DOCUMENT {
        return Err(ExchangeError::TooLarge);
    }
    let text = text.trim_start_matches('\u{feff}');
    let document: Json = serde_json::from_str(text).map_err(|e| ExchangeError::Json(e.to_string()))?;
    let rules = rules(&document)?;
    let mut import = Import { users: None, groups: None, report: Report::default() };
    for (at, rule) in rules {
        for (n, mapping) in array(&rule["objectMappings"]).iter().enumerate() {
            let at = format!("{at}.objectMappings[{n}]");
            let name = mapping["name"].as_str().unwrap_or("an object mapping");
            let (slot, side) = match mapping["sourceObjectName"].as_str().map(str::to_lowercase).as_deref() {
                Some("user") => (&mut import.users, users),
                Some("group") => (&mut import.groups, groups),
                other => {
                    let what = other.unwrap_or("nothing");
                    let why = format!("Usher maps users and groups, not {what}");
                    import.report.leave_out(&at, name, why);
                    continue;
                }
            };
            if slot.is_some() {
                import.report.leave_out(&at, name, "there is one before it, and Usher maps each kind once");
                continue;
            }
            let defined = defined(&document, rule, mapping);
            let mut reader = Reader {
                side,
                defined,
                report: &mut import.report,
                target: side.target.clone(),
                scope: ScopeTaken::Whole,
            };
            let read = reader.mapping(mapping, &at);
            let scope = reader.scope;
            *slot = Some(Imported { at, mapping: read, scope });
        }
    }
    if import.users.is_none() && import.groups.is_none() {
        return Err(ExchangeError::Other("none of its object mappings is of users or groups".into()));
    }
    Ok(import)
}

/// The rules with their places, in the order of their priority.
fn rules(document: &Json) -> Result<Vec<(String, &Json)>, ExchangeError> {
    let wrong = |why: &str| Err(ExchangeError::Other(why.to_owned()));
    if let Some(pairs) = document["value"].as_array()
        && pairs.iter().any(|pair| pair["key"].is_string())
    {
        return wrong(
            "it looks like an application's secrets, which are not imported; give them to `usher app credentials`",
        );
    }
    if !document.is_object() {
        return wrong("it is no JSON object");
    }
    let Some(rules) = document["synchronizationRules"].as_array() else {
        return wrong(
            "it has no synchronizationRules; download it from the mapping's page, Advanced, Review your schema",
        );
    };
    if rules.is_empty() {
        return wrong("its synchronizationRules are empty");
    }
    let place = |(n, rule)| (format!("$.synchronizationRules[{n}]"), rule);
    let mut rules: Vec<_> = rules.iter().enumerate().map(place).collect();
    rules.sort_by_key(|(_, rule)| rule["priority"].as_i64().unwrap_or(i64::MAX));
    Ok(rules)
}

fn array(json: &Json) -> &[Json] {
    json.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The attributes that the document defines of the mapping's target, with their place.
fn defined<'d>(document: &'d Json, rule: &Json, mapping: &Json) -> Vec<(String, &'d Json)> {
    let named = |json: &&(usize, &Json), name: &Json| json.1["name"] == *name;
    let directories: Vec<(usize, &Json)> = array(&document["directories"]).iter().enumerate().collect();
    let Some((d, directory)) = directories.iter().find(|d| named(d, &rule["targetDirectoryName"])) else {
        return Vec::new();
    };
    let objects: Vec<(usize, &Json)> = array(&directory["objects"]).iter().enumerate().collect();
    let Some((o, object)) = objects.iter().find(|o| named(o, &mapping["targetObjectName"])) else {
        return Vec::new();
    };
    let place = |(a, json)| (format!("$.directories[{d}].objects[{o}].attributes[{a}]"), json);
    array(&object["attributes"]).iter().enumerate().map(place).collect()
}

struct Reader<'r, 'd> {
    side: &'r Side<'r>,
    defined: Vec<(String, &'d Json)>,
    report: &'r mut Report,
    /// With the attributes that were added so far.
    target: ResourceType,
    scope: ScopeTaken,
}

impl Reader<'_, '_> {
    fn mapping(&mut self, json: &Json, at: &str) -> ObjectMapping {
        let (create, update, delete) = self.flows(&json["flowTypes"], at);
        let mut mapping = ObjectMapping {
            enabled: json["enabled"].as_bool().unwrap_or(true),
            create,
            update,
            delete,
            rows: Vec::new(),
            scoping: crate::ScopingFilter::default(),
            attributes: Vec::new(),
            tables: crate::mapping::Tables::new(),
            cases: Vec::new(),
        };
        for (n, row) in array(&json["attributeMappings"]).iter().enumerate() {
            let at = format!("{at}.attributeMappings[{n}]");
            let name = row["targetAttributeName"].as_str().unwrap_or("a row without target").to_owned();
            let mut changed = Vec::new();
            match self.row(row, &mut mapping, &mut changed) {
                Ok(row) => {
                    mapping.rows.push(row);
                    if changed.is_empty() {
                        self.report.took(&at, name);
                    } else {
                        self.report.change(&at, name, changed.join("; "));
                    }
                }
                Err(why) => self.report.leave_out(&at, name, why),
            }
        }
        self.others(&mut mapping);
        let (filter, taken) =
            scope::read(&json["scope"], &format!("{at}.scope"), &self.side.source, self.report);
        mapping.scoping = filter;
        self.scope = taken;
        mapping
    }

    /// `Add, Update, Delete`.
    fn flows(&mut self, json: &Json, at: &str) -> (bool, bool, bool) {
        let text = match json {
            Json::Null => return (true, true, true),
            Json::String(text) => text.clone(),
            Json::Array(words) => words.iter().filter_map(Json::as_str).collect::<Vec<_>>().join(","),
            other => other.to_string(),
        };
        let words: Vec<&str> = text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
        let has = |word: &str| words.iter().any(|w| w.eq_ignore_ascii_case(word));
        for word in
            words.iter().filter(|w| !["add", "update", "delete", "none"].contains(&w.to_lowercase().as_str()))
        {
            let why = "there are Add, Update and Delete";
            self.report.leave_out(&format!("{at}.flowTypes"), *word, why);
        }
        (has("add"), has("update"), has("delete"))
    }

    fn row(
        &mut self,
        json: &Json,
        mapping: &mut ObjectMapping,
        changed: &mut Vec<String>,
    ) -> Result<AttributeMapping, String> {
        let name = json["targetAttributeName"].as_str().ok_or("it names no target attribute")?;
        let target = AttributePath::parse(name).map_err(|e| e.detail)?;
        let default = text_of(&json["defaultValue"]).filter(|text| !text.is_empty()).map(Value::Text);
        let from = match source::read(&json["source"])? {
            Source::Nothing if default.is_none() => {
                return Err("it has neither a source nor a default".into());
            }
            Source::Nothing => From::None,
            Source::Constant(text) => From::Constant(Value::Text(text)),
            Source::Expression { expression, disagrees } => {
                if disagrees {
                    changed.push("its tree and its text differ; the text is taken".to_owned());
                }
                From::Expression(expression)
            }
        };
        let same = |row: &AttributeMapping| row.target.to_string().eq_ignore_ascii_case(name);
        if mapping.rows.iter().any(same) {
            return Err("the target is mapped before; the first row counts".into());
        }
        self.know(&target, mapping, changed)?;
        let mut row = AttributeMapping {
            target,
            from,
            default,
            matching: precedence(&json["matchingPriority"], mapping, changed),
            when: self.when(json, changed),
            nulls: Nulls::default(),
        };
        if row.when == When::AddValues && row.check(&self.side.source, &self.target, &mapping.tables).is_err()
        {
            row.when = When::Always;
            changed.push(
                "MultiValueAddOnly is for multi-valued attributes as a whole; it is written always"
                    .to_owned(),
            );
        }
        row.check(&self.side.source, &self.target, &mapping.tables).map_err(|e| e.to_string())?;
        if json["flowBehavior"].as_str().is_some_and(|b| b.eq_ignore_ascii_case("FlowAlways")) {
            changed.push("FlowAlways: Usher sends a value when it differs from what was sent".to_owned());
        }
        if json["exportMissingReferences"].as_bool() == Some(true) {
            changed.push("exportMissingReferences: Usher sends a reference once it has a target".to_owned());
        }
        Ok(row)
    }

    /// Sees to it that the target attribute is there: the app has it, or the document defines it.
    fn know(
        &mut self,
        target: &AttributePath,
        mapping: &mut ObjectMapping,
        changed: &mut Vec<String>,
    ) -> Result<(), String> {
        if self.target.resolve(target).is_some() {
            return Ok(());
        }
        let name = target.to_string();
        let is = |json: &Json| json["name"].as_str().is_some_and(|n| n.eq_ignore_ascii_case(&name));
        let Some((_, json)) = self.defined.iter().find(|(_, json)| is(json)) else { return Ok(()) };
        if target.filter.is_some() || target.sub.is_some() {
            return Ok(());
        }
        let (attribute, note) = added(json, target.clone());
        changed.extend(note);
        mapping.attributes.push(attribute);
        self.target = mapping.target(self.side.target);
        Ok(())
    }

    /// Attributes of the app's own schemas that nothing is mapped to are kept with the others.
    fn others(&mut self, mapping: &mut ObjectMapping) {
        for (at, json) in &self.defined {
            let path = json["name"].as_str().and_then(|name| AttributePath::parse(name).ok());
            let Some(path) = path.filter(|p| p.schema.is_some() && p.filter.is_none() && p.sub.is_none())
            else {
                continue;
            };
            if path.name.is_empty() || self.target.resolve(&path).is_some() {
                continue;
            }
            let (attribute, note) = added(json, path);
            let what = attribute.path.to_string();
            mapping.attributes.push(attribute);
            self.target = mapping.target(self.side.target);
            self.report.taken.push(Note { at: at.clone(), what, why: note });
        }
    }

    fn when(&self, json: &Json, changed: &mut Vec<String>) -> When {
        match json["flowType"].as_str().unwrap_or("Always").to_lowercase().as_str() {
            "always" => When::Always,
            "objectaddonly" => When::OnCreate,
            "multivalueaddonly" => When::AddValues,
            other => {
                changed.push(format!("there is no flowType {other}; it is written always"));
                When::Always
            }
        }
    }
}

/// A definition as an attribute of the app; a note where it is not just so.
fn added(json: &Json, path: AttributePath) -> (TargetAttribute, Option<String>) {
    let written = json["type"].as_str().unwrap_or("String");
    let kind = match written.to_lowercase().as_str() {
        "boolean" => Type::Boolean,
        "integer" => Type::Integer,
        "datetime" => Type::DateTime,
        "binary" => Type::Binary,
        "reference" => Type::Reference,
        _ => Type::String,
    };
    let known =
        ["string", "boolean", "integer", "datetime", "binary"].contains(&written.to_lowercase().as_str());
    let note = (!known).then(|| format!("the type {written} is written as text"));
    let is = |key: &str| json[key].as_bool() == Some(true);
    let attribute = TargetAttribute {
        path,
        kind,
        sub_attributes: Vec::new(),
        multi_valued: is("multivalued"),
        required: is("required"),
        case_exact: is("caseExact"),
        mutability: match json["mutability"].as_str() {
            Some(word) if word.eq_ignore_ascii_case("readOnly") => Mutability::ReadOnly,
            Some(word) if word.eq_ignore_ascii_case("immutable") => Mutability::Immutable,
            Some(word) if word.eq_ignore_ascii_case("writeOnly") => Mutability::WriteOnly,
            _ => Mutability::ReadWrite,
        },
    };
    (attribute, note)
}

/// A precedence; one that is taken goes to the next that is free.
fn precedence(json: &Json, mapping: &ObjectMapping, changed: &mut Vec<String>) -> Option<u32> {
    let wanted = u32::try_from(json.as_i64()?).ok().filter(|n| *n > 0)?;
    let taken = |n: u32| mapping.rows.iter().any(|row| row.matching == Some(n));
    let mut free = wanted;
    while taken(free) {
        free = free.checked_add(1)?;
    }
    if free != wanted {
        changed.push(format!("the matching precedence {wanted} is taken, so it is {free}"));
    }
    Some(free)
}

fn text_of(json: &Json) -> Option<String> {
    match json {
        Json::Null => None,
        Json::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
