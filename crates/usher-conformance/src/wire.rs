//! Requests as they go out and answers as they come back, with what a transcript keeps of them.

use bytes::Bytes;
use http::{HeaderMap, Request};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    answer::Answer,
    target::Target,
    verdict::{Exchange, Fallible, fail, skip},
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

/// Sends a body of blanks in chunks, by hand: a transport always says how long a body is.
pub(crate) async fn chunked(
    target: &Target,
    out: &Outgoing,
    bytes: usize,
    transcript: &mut Vec<Exchange>,
) -> Fallible<Answer> {
    let of = format!("{} {} in chunks", out.method, out.url.strip_prefix(&target.base).unwrap_or(&out.url));
    let parsed = url::Url::parse(&out.url).ok().filter(|url| url.scheme() == "http");
    let Some((host, port)) =
        parsed.as_ref().and_then(|url| Some((url.host_str()?, url.port_or_known_default()?)))
    else {
        return skip("a body in chunks is only sent without TLS");
    };
    let path = parsed.as_ref().map(url::Url::path).unwrap_or_default();
    let mut head = format!("{} {path} HTTP/1.1\r\nhost: {host}:{port}\r\n", out.method);
    for (name, value) in &out.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("transfer-encoding: chunked\r\nconnection: close\r\n\r\n");
    let sent = tokio::time::timeout(target.limit, by_hand((host, port), &head, bytes)).await;
    let text = match sent {
        Ok(Ok(text)) => text,
        Ok(Err(error)) => format!("the connection broke: {error}"),
        Err(_) => format!("no answer within {:?}", target.limit),
    };
    let request = redacted(format!("{head}({bytes} blanks in chunks)"), &target.secrets());
    transcript.push(Exchange { request, answer: redacted(text.clone(), &target.secrets()) });
    match parse(&text) {
        Some(answer) => Ok(Answer::new(of, answer)),
        None => fail(
            format!("an answer to {of}"),
            text,
            "answer requests over the limit before you close the connection",
        ),
    }
}

/// Writes until the server has had enough, then reads what it said.
async fn by_hand(to: (&str, u16), head: &str, bytes: usize) -> std::io::Result<String> {
    const BLOCK: usize = 64 * 1024;
    let stream = TcpStream::connect(to).await?;
    let (mut read, mut write) = stream.into_split();
    let writing = async {
        write.write_all(head.as_bytes()).await?;
        let blank = vec![b' '; BLOCK];
        let mut left = bytes;
        while left > 0 {
            let block = left.min(BLOCK);
            write.write_all(format!("{block:x}\r\n").as_bytes()).await?;
            write.write_all(&blank[..block]).await?;
            write.write_all(b"\r\n").await?;
            left -= block;
        }
        write.write_all(b"0\r\n\r\n").await
    };
    let mut answer = Vec::new();
    // A server that refuses early stops reading: that the rest could not be written is no fault.
    let (_, ended) = tokio::join!(writing, read.read_to_end(&mut answer));
    if answer.is_empty() {
        ended?;
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// An answer with its length said, or ended by the connection.
fn parse(text: &str) -> Option<http::Response<Bytes>> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status: u16 = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut answer = http::Response::builder().status(status);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        answer = answer.header(name.trim(), value.trim());
    }
    answer.body(Bytes::from(body.to_owned())).ok()
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
