//! The gallery.

use usher_api::{List, app::Template};
use usher_engine::gallery;

use crate::{AdminError, Answer, request};

pub(crate) fn handle(request: request::Gallery) -> Result<Answer, AdminError> {
    match request {
        request::Gallery::List => {
            let items = gallery::list()?.iter().map(|template| describe(template)).collect();
            Ok(Answer::Templates(List::whole(items)))
        }
        request::Gallery::Show { name } => Ok(Answer::Template(describe(&*gallery::get(&name)?))),
    }
}

fn describe(template: &gallery::Template) -> Template {
    Template {
        name: template.name.clone(),
        display_name: template.display_name.clone(),
        summary: template.summary.clone(),
        documentation: template.documentation.clone(),
        tenant_url: template.tenant_url.clone(),
        roles: template.roles.clone(),
        default_role: template.default_role.clone(),
        token_days: template.token_days,
        limits: serde_json::to_value(&template.limits).unwrap_or_default(),
        users: template.users.to_toml().to_string(),
        groups: template.groups.to_toml().to_string(),
    }
}
