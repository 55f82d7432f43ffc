//! The attributes that an app's users and groups can have: the gallery's, those it announces itself, those added by hand.

use usher_client::Discovered;
use usher_directory::{Kind, config::DirectoryConfig};
use usher_mapping::mapping::{MappingError, TargetAttribute};
use usher_scim::{
    AttributePath, ResourceType, Schema,
    schema::{self, Attribute, Type},
};
use usher_store::Tx;

use crate::{app::App, error::EngineError, mapping};

/// A target attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Its path, as a mapping's target has it.
    pub path: String,
    /// Its characteristics.
    pub attribute: Attribute,
    /// Whether it was added to what the gallery knows.
    pub added: bool,
    /// Whether it is mapped.
    pub mapped: bool,
    /// Whether it can be a matching property: the app filters on it.
    pub filterable: bool,
}

/// The attributes of a kind, with the sub-attributes of complex ones.
pub fn list(app: &App, kind: Kind) -> Vec<Listed> {
    let (of, gallery) = (app.target.of(kind), app.template.target());
    let known = gallery.of(kind);
    let mut found = Vec::new();
    let common = schema::common().iter().filter(|attribute| attribute.name != "schemas");
    let common = std::iter::once((common.collect::<Vec<_>>(), String::new()));
    let own = schemas(of).map(|(schema, prefix)| (schema.attributes.iter().collect(), prefix));
    for (attributes, prefix) in common.chain(own) {
        for attribute in attributes {
            let path = format!("{prefix}{}", attribute.name);
            let added = AttributePath::parse(&path).is_ok_and(|path| known.resolve(&path).is_none());
            found.push(listed(app, kind, path.clone(), attribute, added));
            for sub in &attribute.sub_attributes {
                found.push(listed(app, kind, format!("{path}.{}", sub.name), sub, added));
            }
        }
    }
    found
}

/// Each schema of a type with what stands before its attributes' names.
fn schemas(of: &ResourceType) -> impl Iterator<Item = (&Schema, String)> {
    let extensions = of.extensions.iter().map(|(schema, _)| (&**schema, format!("{}:", schema.id)));
    std::iter::once((&*of.schema, String::new())).chain(extensions)
}

fn listed(app: &App, kind: Kind, path: String, attribute: &Attribute, added: bool) -> Listed {
    // What stands in a value filter is a choice among the values of the same attribute.
    let plain = |target: &AttributePath| AttributePath { filter: None, ..target.clone() }.to_string();
    let mapped = app.mapping(kind).rows.iter().any(|row| plain(&row.target).eq_ignore_ascii_case(&path));
    let filterable = app.template.limits.filterable(kind);
    Listed {
        filterable: attribute.kind != Type::Complex
            && (filterable.is_empty() || filterable.iter().any(|name| name.eq_ignore_ascii_case(&path))),
        attribute: Attribute { sub_attributes: Vec::new(), ..attribute.clone() },
        path,
        added,
        mapped,
    }
}

/// Adds attributes to an app's users or groups; those that it has already are refused.
///
/// # Errors
/// [`EngineError::Mapping`].
pub fn add(
    tx: &mut Tx<'_>,
    app: &App,
    source: &DirectoryConfig,
    kind: Kind,
    attributes: Vec<TargetAttribute>,
) -> Result<(), EngineError> {
    // What was added before is the app's too; the check of the mapping knows the gallery's alone.
    let there = |path: &AttributePath| app.target.of(kind).resolve(path).is_some_and(|known| !known.open);
    if let Some(again) = attributes.iter().find(|attribute| there(&attribute.path)) {
        let text = format!("attribute {}: {} has it already", again.path, app.name);
        return Err(MappingError::Other(text).into());
    }
    let mut changed = app.mapping(kind).clone();
    changed.attributes.extend(attributes);
    mapping::force_mapping(tx, app, source, kind, &changed)
}

/// Takes an attribute away that was added.
///
/// # Errors
/// [`EngineError::Mapping`]: it was not added, or is mapped.
pub fn remove(
    tx: &mut Tx<'_>,
    app: &App,
    source: &DirectoryConfig,
    kind: Kind,
    name: &str,
) -> Result<(), EngineError> {
    let mut changed = app.mapping(kind).clone();
    let is = |path: &AttributePath| path.to_string().eq_ignore_ascii_case(name);
    if !changed.attributes.iter().any(|attribute| is(&attribute.path)) {
        let added: Vec<String> = changed.attributes.iter().map(|a| a.path.to_string()).collect();
        let added = if added.is_empty() { "none was".to_owned() } else { added.join(", ") };
        let text = format!("{name} was not added to {}, so it can't be taken away; added: {added}", app.name);
        return Err(MappingError::Other(text).into());
    }
    if changed.rows.iter().any(|row| is(&AttributePath { filter: None, sub: None, ..row.target.clone() })) {
        let text =
            format!("{name} is mapped; `usher app mapping set {} {name} --remove` comes first", app.name);
        return Err(MappingError::Other(text).into());
    }
    changed.attributes.retain(|attribute| !is(&attribute.path));
    mapping::force_mapping(tx, app, source, kind, &changed)
}

/// What an app announces and is not known of it yet; and what of it can't be read, with the reason.
pub fn news(app: &App, discovered: &Discovered) -> (Vec<(Kind, TargetAttribute)>, Vec<String>) {
    let mut found = Vec::new();
    for (kind, schemas) in [(Kind::User, &discovered.users), (Kind::Group, &discovered.groups)] {
        let of = app.target.of(kind);
        for schema in schemas {
            for attribute in &schema.attributes {
                let path = AttributePath::attribute(&attribute.name);
                let core = schema.id.eq_ignore_ascii_case(&of.schema.id);
                let path = if core { path } else { path.within(&schema.id) };
                if of.resolve(&path).is_some_and(|known| !known.open) {
                    continue;
                }
                let attribute = TargetAttribute {
                    path,
                    kind: attribute.kind,
                    sub_attributes: attribute.sub_attributes.clone(),
                    multi_valued: attribute.multi_valued,
                    required: attribute.required,
                    case_exact: attribute.case_exact,
                    mutability: attribute.mutability,
                };
                found.push((kind, attribute));
            }
        }
    }
    (found, discovered.left_out.clone())
}
