//! What an app's refusal means for the work at hand, and which of facts §5.4's codes it gets.

use std::time::Duration;

use usher_client::{ClientError, TransportError};

use crate::log::Failure;

/// What is to be done about it.
#[derive(Debug, Clone)]
pub(super) enum Trouble {
    /// The credentials: the whole app stops.
    Credentials(String),
    /// The whole app pauses; nothing about it counts as a failure.
    Wait(Option<Duration>),
    /// Perhaps the object, perhaps the whole app: a probe tells.
    Suspect(Failure),
    /// This object alone.
    Object(Failure),
}

/// Where in the work the answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// A request on the collection (filter, POST).
    Collection,
    /// A request on a linked resource.
    Resource,
}

pub(super) fn sort(error: ClientError, at: At) -> Trouble {
    match error {
        ClientError::Credentials { status: 401, detail } => Trouble::Credentials(detail),
        ClientError::Credentials { detail, .. } => Trouble::Suspect(failure(
            "InsufficientRights",
            detail,
            "Give the token's owner in the app the right to do this.",
            false,
        )),
        ClientError::Wait { retry_after } => Trouble::Wait(retry_after),
        ClientError::Conflict { detail } => Trouble::Object(conflict(detail)),
        // Unless the app answers 404 to everything, which the probe finds out.
        ClientError::Gone if at == At::Resource => Trouble::Suspect(failure(
            "InvalidAnchor",
            "the linked object is not in the app any longer".into(),
            "Find out who removed it there; nothing is created anew on an answer 404.",
            false,
        )),
        ClientError::Gone | ClientError::Refused { status: 404 | 410, .. } => Trouble::Suspect(failure(
            "NotFound",
            "the app answered 404 to a request on its users or groups".into(),
            "Check the tenant URL with `usher app test`.",
            false,
        )),
        ClientError::Refused { status, scim_type, detail } => refused(status, scim_type, detail),
        ClientError::NotScim(text) => Trouble::Suspect(failure(
            "SystemForCrossDomainIdentityManagementServiceIncompatible",
            text,
            "Check the tenant URL with `usher app test`.",
            true,
        )),
        ClientError::Transport(error) => {
            let code = match error {
                TransportError::Timeout(_) => "Timeout",
                _ => "WebExceptionProtocolError",
            };
            Trouble::Suspect(failure(code, error.to_string(), "It is tried again by itself.", true))
        }
    }
}

fn failure(code: &'static str, reason: String, action: &'static str, passing: bool) -> Failure {
    Failure { code, reason, action, passing }
}

pub(super) fn conflict(detail: String) -> Failure {
    failure(
        "EntryConflict",
        detail,
        "Change the value that is taken, or match by the property that clashes.",
        false,
    )
}

fn refused(status: u16, scim_type: Option<String>, detail: String) -> Trouble {
    let detail = match scim_type {
        Some(kind) => format!("{detail} ({kind})"),
        None => detail,
    };
    let object = |code, action| Trouble::Object(failure(code, detail.clone(), action, false));
    match status {
        // An answer to a filter with somebody else in it.
        200 => Trouble::Suspect(failure(
            "SystemForCrossDomainIdentityManagementServiceIncompatible",
            detail,
            "Choose a matching property that the app can filter on.",
            false,
        )),
        405 => object("MethodNotAllowed", "The app does not take this request; switch the action off."),
        501 => object("NotImplemented", "The app does not take this request; switch the action off."),
        // Its trouble with this object, or a proxy's before a dead app.
        500.. => {
            Trouble::Suspect(failure("InternalServerError", detail, "It is tried again by itself.", true))
        }
        _ => object("UnprocessableEntity", "Correct the value that the app refuses, or its mapping."),
    }
}

/// Several accounts match.
pub(super) fn several(property: &str, value: &str, count: usize) -> Failure {
    failure(
        "DuplicateTargetEntries",
        format!("{count} accounts in the app have {property} \"{value}\""),
        "Leave one of them with that value in the app, or match by a property that is unique.",
        false,
    )
}

/// The account found is another one's.
pub(super) fn claimed(target: &str) -> Failure {
    failure(
        "DuplicateSourceEntries",
        format!("the account {target} in the app is linked to another user or group of the directory"),
        "Give the two different values for the matching property, or remove the one that is no longer used.",
        false,
    )
}

/// A linked group that the app no longer has.
pub(super) fn vanished(group: &str, app: &str) -> String {
    format!("the group {group} is not in {app} any longer; unlink it, or find out who removed it there")
}

/// A mistake of ours.
pub(super) fn ours(what: &str) -> Failure {
    failure("InternalError", what.to_owned(), "It is tried again by itself; report it if it stays.", true)
}
