//! Who asks: the token in the Authorization header, read with each request.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, StatusCode, header};
use usher_admin::{BAD_TOKEN, SignedIn};
use usher_service::{Connection, Whence};

use crate::{console::Console, problem::Problem};

/// Lets a request through with who asks ([`SignedIn`]) in its extensions.
pub(crate) async fn layer(
    State(console): State<Console>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let connection = request.extensions().get::<Connection>().copied();
    let whence = console.0.callers.whence(connection, request.uri(), request.headers());
    let caller = signed_in(&console, request.headers(), &whence).await?;
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

async fn signed_in(console: &Console, headers: &HeaderMap, whence: &Whence) -> Result<SignedIn, Problem> {
    let (callers, now) = (&console.0.callers, console.0.admin.now());
    let found = match bearer(headers) {
        Ok(secret) => {
            let host = whence.host.clone();
            console.blocking(move |admin| admin.sign_in(&secret, &host)).await
        }
        Err(problem) => Err(problem),
    };
    let caller = match found {
        Ok(caller) => caller,
        Err(problem) if problem.is_unauthorized() => {
            return Err(match callers.refused(whence.address, now) {
                Some(seconds) => wait(seconds, "too many requests with a bad token came from this address"),
                None => problem,
            });
        }
        Err(problem) => return Err(problem),
    };
    if let Some(seconds) = callers.passes(caller.token, now) {
        return Err(wait(seconds, "this token sends more requests than it may"));
    }
    if callers.use_is_due(caller.token, caller.last_used, now) {
        note_use(console, &caller, whence);
    }
    Ok(caller)
}

/// The token of `Authorization: Bearer <token>` (RFC 6750 §2.1).
fn bearer(headers: &HeaderMap) -> Result<String, Problem> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = all.next() else {
        return Err(Problem::challenge(
            "send an API token of the account as Authorization: Bearer <token>",
            None,
        ));
    };
    if all.next().is_some() {
        let detail = "the request has two Authorization headers; send one";
        return Err(Problem::new(StatusCode::BAD_REQUEST, "invalid_request", detail));
    }
    let read = value.to_str().ok().and_then(|value| value.trim().split_once(' '));
    match read {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim().to_owned()),
        _ => Err(Problem::challenge(
            "the Authorization header can't be read; send Authorization: Bearer <token>",
            Some(BAD_TOKEN),
        )),
    }
}

fn wait(seconds: u64, why: &str) -> Problem {
    let detail = format!("{why}; go on in {seconds} s, as Retry-After says");
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail)
        .with(header::RETRY_AFTER, seconds.to_string())
}

/// Written beside the request, not in its way; if it fails, the next minute's use is written.
fn note_use(console: &Console, caller: &SignedIn, whence: &Whence) {
    let (console, token, agent) = (console.clone(), caller.token, whence.agent.clone());
    let address = whence.address.map(|address| address.to_string()).unwrap_or_default();
    tokio::spawn(async move {
        if let Err(error) = console.blocking(move |admin| admin.note_use(token, &address, &agent)).await {
            tracing::debug!(?error, "a token's last use could not be written");
        }
    });
}
