//! What can go wrong here, and what the caller can do about it.

use usher_client::ClientError;
use usher_directory::feed::FeedError;
use usher_mapping::mapping::MappingError;
use usher_store::StoreError;

/// Why something about an app could not be done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EngineError {
    /// No app of that name.
    #[error("there is no app named {0}; `usher app list` shows them")]
    NoApp(String),
    /// The name is in use.
    #[error("there is an app named {0} already")]
    AppTaken(String),
    /// A name that can't be one.
    #[error("a name is 1 to 64 letters, digits, - and _, beginning with a letter or digit: {0}")]
    AppName(String),
    /// No such template.
    #[error("there is no gallery app named {name}{}; there are: {known}", did_you_mean(.hint))]
    NoTemplate {
        /// What was asked for.
        name: String,
        /// The nearest one.
        hint: Option<String>,
        /// All of them.
        known: String,
    },
    /// A gallery file is wrong.
    #[error("gallery file {file}: {text}")]
    Gallery {
        /// Which.
        file: String,
        /// Why.
        text: String,
    },
    /// A tenant URL that can't be used.
    #[error("the tenant URL {url} can't be used: {why}")]
    TenantUrl {
        /// As given.
        url: String,
        /// Why, and what to do.
        why: String,
    },
    /// There is no secret token (never given, or forgotten because the tenant URL moved to another host).
    #[error(
        "the app has no secret token; give one with `usher app credentials {0} --secret-token-file FILE`"
    )]
    NoSecret(String),
    /// An unknown setting or a value that it does not take.
    #[error("{0}")]
    Setting(String),
    /// A role that the app doesn't have, or none where one is needed.
    #[error("{0}")]
    Role(String),
    /// Somebody else changed the app meanwhile.
    #[error("the app was changed meanwhile; look again")]
    Stale,
    /// Another instance (or a command) works on this app now.
    #[error(
        "a cycle or another command works on the app right now, and it took longer than is waited for; `usher app status` shows how \
         far it is: try again when it has ended"
    )]
    Busy,
    /// The lease was lost: another instance goes on.
    #[error("this instance lost its lease on the app; another one goes on")]
    LeaseLost,
    /// The app can't be worked with as it answers now; nothing more was sent.
    #[error("{code}: {text}")]
    Stopped {
        /// Facts §1.12's reason code.
        code: String,
        /// What happened and what to do.
        text: String,
    },
    /// The directory the app reads is gone.
    #[error("the app's directory does not exist any longer")]
    NoDirectory,
    /// The user or group is not in the app's directory.
    #[error("{0} is not in the app's directory")]
    NoObject(String),
    /// A mapping or filter that can't be read or used.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// The app's answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn did_you_mean(hint: &Option<String>) -> String {
    hint.as_ref().map(|h| format!(" (did you mean {h}?)")).unwrap_or_default()
}

impl From<FeedError> for EngineError {
    fn from(e: FeedError) -> Self {
        match e {
            FeedError::Store(e) => Self::Store(e),
            // Handled where the feed is read; elsewhere it can only be a mistake of ours.
            FeedError::Behind => Self::Store(StoreError::Bug("the feed was read below its floor".into())),
        }
    }
}

/// The nearest of `known` to `word`, when it is near enough to be meant.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    known
        .into_iter()
        .map(|k| (strsim::damerau_levenshtein(&word.to_lowercase(), &k.to_lowercase()), k))
        .filter(|(distance, k)| *distance <= 1 + k.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, k)| k.to_owned())
}
