//! Programs that sign in with an account's API token.

use jiff::Timestamp;
use usher_directory::{Environment, account, token};
use usher_store::Lane;
use uuid::Uuid;

use crate::{Actor, Admin, AdminError, request::Authority};

/// The code of a token that is none, not known here, or over.
pub const BAD_TOKEN: &str = "invalid_token";

/// Somebody who has signed in with a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// For [`Admin::handle`].
    pub actor: Actor,
    /// The token's id.
    pub token: Uuid,
    /// When it was last used, as far as that is written.
    pub last_used: Option<Timestamp>,
}

impl Admin {
    /// Who a token stands for. It is read each time, so that a revoked one is refused from the next request on. `host`: the name by
    /// which the client came, in lower case and without a port; at a host of an environment only its tokens are known. Blocks.
    ///
    /// # Errors
    /// [`BAD_TOKEN`], and what the store says.
    pub fn sign_in(&self, secret: &str, host: &str) -> Result<SignedIn, AdminError> {
        let (secret, host, now) = (secret.to_owned(), host.to_owned(), self.clock.now());
        self.read(move |on| {
            let unknown = || {
                AdminError::new(
                    BAD_TOKEN,
                    "the token is unknown here; check that it was copied whole, and that it is an API token of the account",
                )
                .hint("usher token issue ACCOUNT --api makes one; a SCIM token does not read people.")
            };
            match token::authenticate_api(on, &secret, &host, now)? {
                token::Presented::Valid { token, account, environment, last_used, .. } => {
                    let account = account::by_id(on, account)?.ok_or_else(unknown)?;
                    let environment = match environment {
                        Environment::Production => "production",
                        Environment::Qa => "qa",
                    };
                    let authority =
                        Authority::Reader { account: account.name, environment: environment.into() };
                    let actor = Actor { name: format!("token:{token}"), authority };
                    Ok(SignedIn { actor, token, last_used })
                }
                token::Presented::Over { why, .. } => Err(AdminError::new(BAD_TOKEN, why)),
                token::Presented::Directory { .. } | token::Presented::Unknown => Err(unknown()),
            }
        })
    }

    /// Notes a token's use, once a minute at most. Blocks.
    ///
    /// # Errors
    /// What the store says; the next use is noted then.
    pub fn note_use(&self, token: Uuid, address: &str, agent: &str) -> Result<(), AdminError> {
        let (address, agent, now) = (address.to_owned(), agent.to_owned(), self.clock.now());
        self.store.block_write(Lane::Bulk, move |tx| {
            token::used(tx, token, now, &address, &agent).map_err(AdminError::from)
        })
    }
}
