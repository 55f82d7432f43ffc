//! `usher trail ACCOUNT …`

use usher_admin::{Request, request::Trail};

use super::{Environment, Paging};

#[derive(Debug, clap::Args)]
pub(crate) struct Command {
    account: String,
    #[command(flatten)]
    environment: Environment,
    /// Only writes about this record (a SCIM user's or group's id).
    #[arg(long)]
    record: Option<String>,
    /// Only this request, with its body: the `X-Request-Id` of an answer.
    #[arg(long)]
    request: Option<String>,
    /// Only requests with this token (its id).
    #[arg(long)]
    token: Option<String>,
    /// Only those that were refused.
    #[arg(long)]
    errors: bool,
    #[command(flatten)]
    paging: Paging,
}

impl Command {
    pub(crate) fn request(self) -> Request {
        Request::Trail(Trail {
            account: self.account,
            environment: self.environment.environment,
            record: self.record,
            request: self.request,
            token: self.token,
            errors: self.errors,
            limit: self.paging.limit(),
            after: self.paging.after,
        })
    }
}
