//! Why a request was not done, and what to do.

use usher_api::FailureBody;
use usher_store::StoreError;

/// A refusal: a code for programs, a sentence for people, and what to do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}{}", .0.message, .0.hint.as_ref().map(|hint| format!("\n{hint}")).unwrap_or_default())]
pub struct AdminError(pub FailureBody);

impl AdminError {
    /// A refusal without a hint.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self(FailureBody {
            code: code.into(),
            message: message.into(),
            hint: None,
            details: serde_json::Map::new(),
        })
    }

    /// With what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// There is no such thing; names the nearest of `known`, or how to make one.
    pub(crate) fn missing<'k>(
        what: &str,
        name: &str,
        known: impl IntoIterator<Item = &'k str>,
        make: &str,
    ) -> Self {
        let mut known: Vec<&str> = known.into_iter().collect();
        known.sort_by(|a, b| strsim::jaro_winkler(b, name).total_cmp(&strsim::jaro_winkler(a, name)));
        let hint = match known.as_slice() {
            [] => format!("There is none yet: {make}"),
            [nearest, ..] if strsim::jaro_winkler(nearest, name) > 0.7 => format!("Did you mean {nearest}?"),
            _ => format!("There are: {}", known.iter().take(10).copied().collect::<Vec<_>>().join(", ")),
        };
        Self::new(&format!("{}_not_found", what.replace(' ', "_")), format!("there is no {what} {name}"))
            .hint(hint)
    }

    /// A word that is not among the possible ones.
    pub(crate) fn word(what: &str, given: &str, possible: &[&str]) -> Self {
        Self::new("invalid_value", format!("{what} is {}, not {given}", possible.join(" or ")))
    }
}

impl AdminError {
    /// Whether somebody else changed the same thing meanwhile.
    pub(crate) fn is_stale(&self) -> bool {
        self.0.code == STALE
    }
}

const STALE: &str = "changed_meanwhile";

impl From<usher_directory::object::PutError> for AdminError {
    fn from(error: usher_directory::object::PutError) -> Self {
        use usher_directory::object::PutError as E;
        match error {
            E::Store(store) => store.into(),
            E::Stale | E::Gone => {
                Self::new(STALE, "somebody else is changing the same thing all the time; try again")
            }
            E::Taken { .. } => Self::new("taken", error.to_string()),
        }
    }
}

impl From<usher_scim::ScimError> for AdminError {
    fn from(error: usher_scim::ScimError) -> Self {
        Self::new("invalid_value", error.detail)
    }
}

impl From<usher_directory::query::QueryError> for AdminError {
    fn from(error: usher_directory::query::QueryError) -> Self {
        use usher_directory::query::QueryError as E;
        match error {
            E::Scim(error) => Self::new("invalid_filter", error.detail),
            E::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for AdminError {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::Busy { .. } => "busy",
            StoreError::TooSlow => "too_slow",
            StoreError::Full => "disk_full",
            StoreError::Unavailable(_) => "unavailable",
            StoreError::Unknown => "unknown_outcome",
            StoreError::Conflict { .. } => "conflict",
            StoreError::Bug(_) => "internal",
        };
        Self::new(code, error.to_string())
    }
}

impl From<usher_directory::extension::ExtensionError> for AdminError {
    fn from(error: usher_directory::extension::ExtensionError) -> Self {
        use usher_directory::extension::ExtensionError as E;
        let code = match &error {
            E::Store(store) => return store.clone().into(),
            E::Unknown(_) => "schema_not_found",
            E::InUse { .. } => "in_use",
            E::Known(_) | E::Clash { .. } => "taken",
            E::TooMany => "too_many",
            E::Schema(_) | E::Reserved(_) | E::Unfit { .. } => "invalid_schema",
            E::Incompatible { .. } => "incompatible_schema",
        };
        Self::new(code, error.to_string())
    }
}

impl From<usher_directory::indexing::IndexError> for AdminError {
    fn from(error: usher_directory::indexing::IndexError) -> Self {
        use usher_directory::indexing::IndexError as E;
        let code = match &error {
            E::Store(store) => return store.clone().into(),
            E::Path(_) => "invalid_attribute",
            E::Known(_) | E::Always(_) => "taken",
            E::TooMany => "too_many",
            E::Unknown(_) => "index_not_found",
        };
        Self::new(code, error.to_string())
    }
}

impl From<usher_directory::account::AccountError> for AdminError {
    fn from(error: usher_directory::account::AccountError) -> Self {
        use usher_directory::account::AccountError as E;
        match error {
            E::Store(store) => store.into(),
            E::Taken(_) => Self::new("taken", error.to_string()),
            E::Name(_) => Self::new("invalid_name", error.to_string()),
            E::Profile(_) => Self::new("profile_not_found", error.to_string()),
            E::Host(_) => Self::new("invalid_value", error.to_string()),
            E::HostTaken(_) => Self::new("taken", error.to_string()),
        }
    }
}

impl From<usher_directory::token::TokenError> for AdminError {
    fn from(error: usher_directory::token::TokenError) -> Self {
        use usher_directory::token::TokenError as E;
        match error {
            E::Store(store) => store.into(),
            E::TooMany(..) => Self::new("too_many_tokens", error.to_string()),
            E::NoneLive => Self::new("no_live_token", error.to_string()),
            E::Which(_) => Self::new("which_token", error.to_string()),
            E::Unknown(_) => Self::new("token_not_found", error.to_string()),
        }
    }
}

impl From<usher_people::PeopleError> for AdminError {
    fn from(error: usher_people::PeopleError) -> Self {
        use usher_people::PeopleError as E;
        match error {
            E::Store(store) => store.into(),
            E::Stale => {
                Self::new(STALE, "somebody else changed the same thing meanwhile; look again and repeat")
            }
            E::Rules(text) => Self::new("invalid_rule", text)
                .hint("Nothing is changed. usher mapping functions lists what expressions know."),
            error @ E::UnknownRule(_) => {
                Self::new("rule_not_found", error.to_string()).hint("usher rule list ACCOUNT shows them.")
            }
            error @ E::UnknownPerson(_) => Self::new("person_not_found", error.to_string())
                .hint("Give an id or a primary e-mail address; usher people list ACCOUNT shows them."),
            error @ E::Field { .. } => Self::new("invalid_value", error.to_string()),
            error @ E::Protected(_) => Self::new("protected", error.to_string())
                .hint("usher people protect ACCOUNT PERSON --off ends it."),
            E::UnknownUnit { kind, .. } => {
                Self::new(&format!("{}_not_found", kind.word()), error.to_string())
            }
            E::UnknownRecord(_) => Self::new("record_not_found", error.to_string()),
            E::Cursor(_) => Self::new("invalid_cursor", error.to_string()),
            E::Taken { .. } => Self::new("taken", error.to_string()),
            E::Name { .. } => Self::new("invalid_name", error.to_string()),
            other => Self::new("refused", other.to_string()),
        }
    }
}

impl From<usher_sources::SourceError> for AdminError {
    fn from(error: usher_sources::SourceError) -> Self {
        use usher_sources::SourceError as E;
        let code = match &error {
            E::Store(store) => return store.clone().into(),
            E::Taken(_) => "taken",
            E::Name(_) => "invalid_name",
            E::Kind(_) | E::Setting(_) => "invalid_value",
            E::NoDirectory => "directory_not_found",
        };
        Self::new(code, error.to_string())
    }
}

impl From<usher_sources::SyncError> for AdminError {
    fn from(error: usher_sources::SyncError) -> Self {
        use usher_sources::SyncError as E;
        let code = match &error {
            E::Store(store) => return store.clone().into(),
            E::File(_) => "invalid_file",
            E::Running(_) | E::TakenOver(_) => "busy",
            E::Gone(_) => "source_not_found",
        };
        Self::new(code, error.to_string())
    }
}

impl From<usher_engine::EngineError> for AdminError {
    fn from(error: usher_engine::EngineError) -> Self {
        use usher_engine::EngineError as E;
        if let E::Mapping(usher_mapping::mapping::MappingError::Cases(_)) = &error {
            return Self::new("case_failed", error.to_string())
                .hint("Nothing is changed. Correct the mapping or its golden cases, or save it nevertheless with --force.");
        }
        let code = match &error {
            E::Store(store) => return store.clone().into(),
            E::NoApp(_) => "app_not_found",
            E::AppTaken(_) => "taken",
            E::AppName(_) => "invalid_name",
            E::NoTemplate { .. } => "template_not_found",
            E::TenantUrl { .. } => "invalid_tenant_url",
            E::NoObject(_) => "object_not_found",
            E::Mapping(_) => "invalid_mapping",
            E::Stopped { .. } => "quarantine",
            E::Busy | E::LeaseLost | E::Stale => "busy",
            _ => "refused",
        };
        Self::new(code, error.to_string())
    }
}
