//! Requests as they go out and answers as they come back, with what a transcript keeps of them.

use bytes::Bytes;
use http::{HeaderMap, Request};

use crate::{
    answer::Answer,
    target::Target,
    verdict::{Exchange, Fallible, fail},
};

/// Bytes of a body that a transcript keeps.
const KEPT: usize = 32 * 1024;

/// A request before it is sent. `authorization` is set by [`crate::probe::Probe`].
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) method: String,
    /// Absolute.
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

pub(crate) async fn send(target: &Target, out: Outgoing, transcript: &mut Vec<Exchange>) -> Fallible<Answer> {
    let of = format!("{} {}", out.method, out.url.strip_prefix(&target.base).unwrap_or(&out.url));
    let request = match built(&out) {
        Ok(request) => request,
        Err(error) => {
            return fail(
                format!("{of} can be sent"),
                error.to_string(),
                "give an address that HTTP can carry",
            );
        }
    };
    let secrets = target.secrets();
    let sent = shown_request(&out);
    let came = target.transport.send(request, target.limit).await;
    let answer = match &came {
        Ok(answer) => shown_answer(answer),
        Err(error) => error.to_string(),
    };
    transcript.push(Exchange { request: redacted(sent, &secrets), answer: redacted(answer, &secrets) });
    match came {
        Ok(answer) => Ok(Answer::new(of, answer)),
        Err(error) => fail(
            format!("an answer to {of}"),
            error.to_string(),
            "answer every request over HTTP, also those that you refuse",
        ),
    }
}

fn built(out: &Outgoing) -> Result<Request<Bytes>, http::Error> {
    let mut request = Request::builder().method(out.method.as_str()).uri(out.url.as_str());
    for (name, value) in &out.headers {
        request = request.header(name, value);
    }
    request.body(out.body.clone())
}

fn shown_request(out: &Outgoing) -> String {
    let mut text = format!("{} {}\n", out.method, out.url);
    for (name, value) in &out.headers {
        text.push_str(&format!("{name}: {value}\n"));
    }
    with_body(text, &out.body)
}

fn shown_answer(answer: &http::Response<Bytes>) -> String {
    let mut text = format!("{}\n", answer.status());
    text.push_str(&headers(answer.headers()));
    with_body(text, answer.body())
}

fn headers(map: &HeaderMap) -> String {
    map.iter()
        .map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())))
        .collect()
}

fn with_body(mut text: String, body: &[u8]) -> String {
    if !body.is_empty() {
        text.push('\n');
        text.push_str(&String::from_utf8_lossy(&body[..body.len().min(KEPT)]));
        if body.len() > KEPT {
            text.push_str(&format!("… ({} bytes in all)", body.len()));
        }
    }
    text
}

fn redacted(text: String, secrets: &[String]) -> String {
    secrets.iter().fold(text, |text, secret| text.replace(secret, "(token)"))
}
