//! Target attributes: listed, added by hand or as the app announces them, taken away.

use usher_api::{List, app as shape};
use usher_directory::{Kind, config::Configs};
use usher_engine::{App, attribute};
use usher_mapping::mapping::TargetAttribute;
use usher_store::Tx;

use super::{find, mapping};
use crate::{Actor, Admin, AdminError, Answer, audit, record, request::NewAttribute};

/// Those of users and groups.
pub(super) fn list(app: &App) -> List<shape::Attribute> {
    let kinds = [Kind::User, Kind::Group];
    List::whole(kinds.into_iter().flat_map(|kind| of(app, kind)).collect())
}

fn of(app: &App, kind: Kind) -> Vec<shape::Attribute> {
    let shown = |listed: attribute::Listed| shape::Attribute {
        kind: record::word(kind).to_owned(),
        name: listed.path,
        of: listed.attribute.kind.as_str().to_owned(),
        required: listed.attribute.required,
        multi_valued: listed.attribute.multi_valued,
        case_exact: listed.attribute.case_exact,
        mutability: listed.attribute.mutability.as_str().to_owned(),
        added: listed.added,
        mapped: listed.mapped,
        filterable: listed.filterable,
    };
    attribute::list(app, kind).into_iter().map(shown).collect()
}

pub(super) fn add(
    tx: &mut Tx<'_>,
    configs: &Configs,
    app: &App,
    kind: Kind,
    new: &NewAttribute,
) -> Result<String, AdminError> {
    let flags = (new.required, new.multi_valued, new.case_exact);
    let attribute = TargetAttribute::read(&new.name, &new.of, flags, new.mutability.as_deref(), &new.sub)
        .map_err(mapping::mapping_error)?;
    let source = mapping::config(tx, configs, app)?;
    attribute::add(tx, app, &source, kind, vec![attribute])?;
    let (name, of) = (&new.name, record::word(kind));
    Ok(format!(
        "{of} of {} have the attribute {name} now; `usher app mapping set {} {name} EXPRESSION` maps it",
        app.name, app.name
    ))
}

pub(super) fn remove(
    tx: &mut Tx<'_>,
    configs: &Configs,
    app: &App,
    kind: Kind,
    name: &str,
) -> Result<String, AdminError> {
    let source = mapping::config(tx, configs, app)?;
    attribute::remove(tx, app, &source, kind, name)?;
    Ok(format!("{} of {} have no attribute {name} any longer", record::word(kind), app.name))
}

impl Admin {
    /// Adds the attributes that an app announced; `left_out` is only told.
    ///
    /// # Errors
    /// [`AdminError`]: the app is gone, or the database.
    pub fn add_attributes(
        &self,
        actor: &Actor,
        app: &App,
        found: &[(Kind, TargetAttribute)],
        left_out: Vec<String>,
    ) -> Result<Answer, AdminError> {
        let (actor, now, configs) = (actor.clone(), self.clock.now(), self.configs.clone());
        let (name, found) = (app.name.clone(), found.to_vec());
        self.write(move |tx| {
            let names: Vec<String> = found.iter().map(|(_, attribute)| attribute.path.to_string()).collect();
            for kind in [Kind::User, Kind::Group] {
                let app = find(tx, &name)?;
                let new: Vec<_> =
                    found.iter().filter(|(of, _)| *of == kind).map(|(_, a)| a.clone()).collect();
                if !new.is_empty() {
                    let source = mapping::config(tx, &configs, &app)?;
                    attribute::add(tx, &app, &source, kind, new)?;
                }
            }
            let app = find(tx, &name)?;
            let details = serde_json::json!({"attributes": names});
            audit::note(tx, &actor, "app.attribute.discover", &app.name, &details, now)?;
            let is =
                |shown: &shape::Attribute| names.iter().any(|name| name.eq_ignore_ascii_case(&shown.name));
            let added = list(&app).items.into_iter().filter(is).collect();
            Ok(Answer::Discovery(shape::Discovery { app: app.name, added, left_out: left_out.clone() }))
        })
    }
}
