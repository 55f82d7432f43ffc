//! What needs the network or time: the binary does it and comes back.

use usher_api::Secret;

use super::{Actor, App, GroupAct};

/// Where an app moves to.
#[derive(Debug, Clone)]
pub struct Moved {
    /// The tenant URL.
    pub url: url::Url,
    /// Whether the accounts there are the same.
    pub accounts: usher_engine::app::Accounts,
    /// The token for it, or the client's secret.
    pub token: Secret,
    /// The OAuth client whose secret that is.
    pub oauth: Option<usher_engine::app::OAuthClient>,
    /// When it expires.
    pub expires: Option<jiff::Timestamp>,
}

/// Work that was allowed and noted, and is now to be run on the drivers by whoever asked.
#[derive(Debug, Clone)]
pub enum Work {
    /// An import.
    SourceSync {
        /// What to import.
        source: Box<usher_sources::Source>,
        /// Let the leavers go that the safeguard holds.
        allow: bool,
        /// Only what changed, where that can be told.
        changes: bool,
    },
    /// A look at a source's server, step by step.
    SourceTest {
        /// Which.
        source: Box<usher_sources::Source>,
    },
    /// What an import would do.
    SourcePreview {
        /// Of which source.
        source: Box<usher_sources::Source>,
        /// How many people and groups to show.
        first: usize,
    },
    /// A connection test.
    AppTest {
        /// Of which app.
        app: Box<usher_engine::App>,
    },
    /// A new secret token: tested first, then kept by [`crate::Admin::replace_token`].
    AppCredentials {
        /// Of which app.
        app: Box<usher_engine::App>,
        /// The new token, or the client's secret.
        token: Secret,
        /// The OAuth client whose secret that is.
        oauth: Option<usher_engine::app::OAuthClient>,
        /// When it expires.
        expires: Option<jiff::Timestamp>,
        /// Who gave it.
        actor: Actor,
    },
    /// Another tenant URL: tested first, then kept by [`crate::Admin::move_app`].
    AppMove {
        /// Of which app.
        app: Box<usher_engine::App>,
        /// Where to, and with what.
        to: Moved,
        /// Who asked.
        actor: Actor,
    },
    /// A change of mapping, filter or scope: saved by [`crate::Admin::save_change`] if it touches nobody.
    AppChange {
        /// The app as it would be.
        changed: Box<usher_engine::App>,
        /// The request, agreed to.
        request: Box<App>,
        /// Who asked.
        actor: Actor,
    },
    /// The attributes that an app announces, kept by [`crate::Admin::add_attributes`].
    AppDiscover {
        /// Which app.
        app: Box<usher_engine::App>,
        /// Who asked.
        actor: Actor,
    },
    /// A plan.
    AppPlan {
        /// Of which app.
        app: Box<usher_engine::App>,
        /// Only these users; `None`: everybody.
        only: Option<Vec<usher_directory::Key>>,
    },
    /// One user or group, for real.
    AppProvision {
        /// In which app.
        app: Box<usher_engine::App>,
        /// Who or what.
        object: usher_directory::Key,
        /// Who asked.
        actor: Actor,
    },
    /// The way of one user or group, looked at.
    AppExplain {
        /// In which app.
        app: Box<usher_engine::App>,
        /// Who or what.
        object: usher_directory::Key,
    },
    /// The same in several apps.
    AppsExplain {
        /// Each app with the object in its directory.
        of: Vec<(usher_engine::App, usher_directory::Key)>,
    },
    /// Let cycles run by themselves, unless the app ignores filters.
    AppStart {
        /// Of which app.
        app: Box<usher_engine::App>,
        /// It stops after so many.
        first: Option<u64>,
        /// Who asked.
        actor: Actor,
    },
    /// A group's push, as far as the app is spoken to: push now, link, unlink.
    AppGroup {
        /// In which app.
        app: Box<usher_engine::App>,
        /// The group.
        group: usher_directory::Key,
        /// Its name.
        name: String,
        /// What.
        act: GroupAct,
        /// Who asked.
        actor: Actor,
    },
    /// A cycle.
    AppSync {
        /// Of which app.
        app: Box<usher_engine::App>,
    },
    /// A copy of the database.
    Backup {
        /// The new file.
        file: std::path::PathBuf,
    },
}
