//! Mappings written as Entra's synchronization schema.

use serde_json::{Value as Json, json};
use usher_scim::schema::{Attribute, Mutability, Type};
use usher_scim::{AttributePath, ResourceType, schema};

use super::{Report, Side, scope, source};
use crate::mapping::{From, Nulls, When};
use crate::{AttributeMapping, ObjectMapping, Value};

/// What the directories are called.
const SOURCE: &str = "Azure Active Directory";
const TARGET: &str = "customappsso";

/// Writes the mappings of users and groups. What Entra cannot say is left out and stands in the report.
pub fn export(
    users: &ObjectMapping,
    groups: &ObjectMapping,
    user_side: &Side<'_>,
    group_side: &Side<'_>,
) -> (Json, Report) {
    let mut report = Report::default();
    let user = Kind {
        word: "users",
        object: "User",
        target: schema::ENTERPRISE,
        mapping: users,
        of: users.target(user_side.target),
    };
    let group = Kind {
        word: "groups",
        object: "Group",
        target: schema::GROUP,
        mapping: groups,
        of: groups.target(group_side.target),
    };
    let user = user.write(&mut report);
    let group = group.write(&mut report);
    let directory = |name: &str, objects: [&Json; 2]| json!({ "discoverabilities": "None", "metadata": [], "name": name, "objects": objects });
    let document = json!({
        "directories": [
            directory(SOURCE, [&user.source, &group.source]),
            directory(TARGET, [&user.target, &group.target]),
        ],
        "synchronizationRules": [{
            "editable": true,
            "metadata": [],
            "name": "USER_OUTBOUND_USER",
            "objectMappings": [user.mapping, group.mapping],
            "priority": 1,
            "sourceDirectoryName": SOURCE,
            "targetDirectoryName": TARGET,
        }],
    });
    (document, report)
}

/// One kind of object.
struct Kind<'k> {
    word: &'static str,
    object: &'static str,
    /// The target object's name, as Entra's SCIM connector has it.
    target: &'static str,
    mapping: &'k ObjectMapping,
    of: ResourceType,
}

struct Written {
    mapping: Json,
    source: Json,
    target: Json,
}

impl Kind<'_> {
    fn write(&self, report: &mut Report) -> Written {
        let mut attributes = Vec::new();
        let rows: Vec<Json> =
            self.mapping.rows.iter().filter_map(|row| self.row(row, report, &mut attributes)).collect();
        let at = format!("{}.scoping", self.word);
        let scope = scope::write(&self.mapping.scoping, &at, report, &mut attributes);
        if scope.is_none() {
            let why = "nothing is left of the scoping filter and everybody would pass, so the mapping is switched off there";
            report.change(&at, "enabled", why);
        }
        self.beside(report);
        let flows =
            [(self.mapping.create, "Add"), (self.mapping.update, "Update"), (self.mapping.delete, "Delete")];
        let flows: Vec<&str> = flows.into_iter().filter(|(on, _)| *on).map(|(_, word)| word).collect();
        let mapping = json!({
            "attributeMappings": rows,
            "enabled": self.mapping.enabled && scope.is_some(),
            "flowTypes": flows.join(", "),
            "metadata": [],
            "name": format!("Synchronize {} to {TARGET}", self.object),
            "scope": scope.unwrap_or_default(),
            "sourceObjectName": self.object,
            "targetObjectName": self.target,
        });
        attributes.sort_unstable();
        let of_source: Vec<Json> = attributes.iter().map(|name| source_attribute(name)).collect();
        Written {
            mapping,
            source: json!({ "attributes": of_source, "metadata": [], "name": self.object, "supportedApis": [] }),
            target: json!({
                "attributes": self.target_attributes(), "metadata": [], "name": self.target, "supportedApis": [],
            }),
        }
    }

    fn row(
        &self,
        row: &AttributeMapping,
        report: &mut Report,
        attributes: &mut Vec<&'static str>,
    ) -> Option<Json> {
        let target = row.target.to_string();
        let at = format!("{}.{target}", self.word);
        let mut changed = Vec::new();
        let source = match &row.from {
            From::None => Json::Null,
            From::Constant(value) => match text(value, &mut changed) {
                Some(text) => source::constant(&text),
                None => {
                    report.leave_out(&at, target, "Entra's constants are texts");
                    return None;
                }
            },
            From::Expression(expression) => match source::write(expression) {
                Ok(exported) => {
                    let renamed = exported.renamed.iter();
                    changed.extend(renamed.map(|(ours, entras)| format!("[{ours}] is [{entras}] there")));
                    let new = exported.attributes.into_iter().filter(|name| !attributes.contains(name));
                    let new: Vec<_> = new.collect();
                    attributes.extend(new);
                    exported.source
                }
                Err(why) => {
                    report.leave_out(&at, target, why);
                    return None;
                }
            },
        };
        if row.nulls == Nulls::Clear {
            changed.push("Entra never sends nulls to an app, so nothing is cleared".to_owned());
        }
        let default = row.default.as_ref().map(|value| text(value, &mut changed));
        if default == Some(None) {
            changed.push("Entra's defaults are texts, so it has none there".to_owned());
        }
        if changed.is_empty() {
            report.took(&at, target.clone());
        } else {
            report.change(&at, target.clone(), changed.join("; "));
        }
        Some(json!({
            "defaultValue": default.flatten(),
            "exportMissingReferences": false,
            "flowBehavior": "FlowWhenChanged",
            "flowType": match row.when {
                When::Always => "Always",
                When::OnCreate => "ObjectAddOnly",
                When::AddValues => "MultiValueAddOnly",
            },
            "matchingPriority": row.matching.unwrap_or(0),
            "source": source,
            "targetAttributeName": target,
        }))
    }

    /// What stands beside the rows and is Usher's alone.
    fn beside(&self, report: &mut Report) {
        for added in self.mapping.attributes.iter().filter(|added| added.kind == Type::Decimal) {
            let name = added.path.to_string();
            report.change(
                &format!("{}.attribute", self.word),
                name,
                "Entra has no decimal numbers; it is a text there",
            );
        }
        for name in self.mapping.tables.keys() {
            report.leave_out(
                &format!("{}.table.{name}", self.word),
                name.clone(),
                "Entra has no look-up tables",
            );
        }
        for case in &self.mapping.cases {
            report.leave_out(&format!("{}.case", self.word), case.name.clone(), "Entra has no golden cases");
        }
    }

    /// The id, what is mapped, and what the mapping adds.
    fn target_attributes(&self) -> Vec<Json> {
        let mut names: Vec<String> = self.mapping.rows.iter().map(|row| row.target.to_string()).collect();
        names.extend(self.mapping.attributes.iter().map(|attribute| attribute.path.to_string()));
        names.push("id".to_owned());
        names.sort_unstable_by_key(|name| name.to_lowercase());
        names.dedup_by_key(|name| name.to_lowercase());
        names.iter().filter_map(|name| self.target_attribute(name)).collect()
    }

    fn target_attribute(&self, name: &str) -> Option<Json> {
        let path = AttributePath::parse(name).ok()?;
        let resolved = self.of.resolve(&path)?;
        let attribute = resolved.sub.or(resolved.attribute)?;
        let id = name == "id";
        let reference = attribute.sub_attributes.iter().find(|sub| sub.name == "$ref");
        let referenced: Vec<Json> = reference
            .iter()
            .flat_map(|sub| &sub.reference_types)
            .filter(|kind| *kind == "User" || *kind == "Group")
            .map(|kind| json!({ "referencedObjectName": kind, "referencedProperty": null }))
            .collect();
        Some(json!({
            "anchor": id,
            "caseExact": attribute.case_exact,
            "defaultValue": null,
            "flowNullValues": false,
            "metadata": [],
            "multivalued": attribute.multi_valued && path.filter.is_none(),
            "mutability": if attribute.mutability == Mutability::Immutable { "Immutable" } else if id { "ReadOnly" } else { "ReadWrite" },
            "name": name,
            "referencedObjects": referenced,
            "required": attribute.required,
            "type": kind(attribute),
        }))
    }
}

fn kind(attribute: &Attribute) -> &'static str {
    match attribute.kind {
        Type::Boolean => "Boolean",
        Type::Integer => "Integer",
        Type::DateTime => "DateTime",
        Type::Binary => "Binary",
        Type::Complex if attribute.sub("$ref").is_some() => "Reference",
        Type::Reference => "Reference",
        Type::String | Type::Decimal | Type::Complex => "String",
    }
}

fn source_attribute(name: &str) -> Json {
    let reference = match name {
        "manager" => Some("User"),
        "members" => Some("User"),
        _ => None,
    };
    let kind = match name {
        "accountEnabled" | "IsSoftDeleted" => "Boolean",
        _ if reference.is_some() => "Reference",
        _ => "String",
    };
    let referenced: Vec<Json> = reference
        .iter()
        .map(|object| json!({ "referencedObjectName": object, "referencedProperty": null }))
        .collect();
    json!({
        "anchor": name == "objectId",
        "caseExact": false,
        "defaultValue": null,
        "flowNullValues": false,
        "metadata": [],
        "multivalued": matches!(name, "members" | "otherMails" | "appRoleAssignments"),
        "mutability": "ReadWrite",
        "name": name,
        "referencedObjects": referenced,
        "required": false,
        "type": kind,
    })
}

/// A value as Entra's text.
fn text(value: &Value, changed: &mut Vec<String>) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::List(_) | Value::Object(_) | Value::Null => None,
        other => {
            changed.push("values are texts there".to_owned());
            other.text()
        }
    }
}
