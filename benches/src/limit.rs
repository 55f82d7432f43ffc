//! The limit: a server of Usher's own HTTP stack and accept loop that does nothing but answer `200 OK`.

use std::io::Write;

use axum::{Router, extract::State, response::IntoResponse};
use bytes::Bytes;
use http::header;
use tokio::net::TcpListener;
use usher_service::Listening;

/// Serves a body of so many bytes for any request, for ever. Prints its address when it listens.
///
/// # Errors
/// When it can't listen there.
pub async fn serve(listen: &str, bytes: usize) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", listener.local_addr()?)?;
    stdout.flush()?;
    let body = format!("{{\"padding\":\"{}\"}}", "x".repeat(bytes.saturating_sub(14)));
    // The request's body is read, as every server must.
    let answer = |State(body): State<Bytes>, _read: Bytes| async move {
        ([(header::CONTENT_TYPE, "application/scim+json")], body).into_response()
    };
    let router = Router::new().fallback(answer).with_state(Bytes::from(body));
    usher_service::serve(listener, router, None, Listening::default(), std::future::pending()).await;
    Ok(())
}
