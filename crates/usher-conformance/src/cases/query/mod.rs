//! Section Q: queries.

pub(super) mod filter;
pub(super) mod list;
pub(super) mod operator;
pub(super) mod page;
pub(super) mod projection;
pub(super) mod search;
pub(super) mod sort;

use serde_json::json;

use crate::{probe::Probe, verdict::Fallible};

/// Users with one title of their own and these names; the title's filter, and the ids in order.
async fn users(p: &mut Probe, names: &[&str]) -> Fallible<(String, Vec<String>)> {
    let title = p.name("title");
    let mut ids = Vec::new();
    for name in names {
        let sent =
            json!({"title": title, "nickName": name, "displayName": format!("The {name}"), "active": true});
        ids.push(p.user_with(sent).await?.id()?);
    }
    Ok((format!("title eq \"{title}\""), ids))
}
