//! HTTP by hand: one request a connection, nothing between the test and the wire.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e} in {}", self.body))
    }
}

/// Sends a request and reads the answer to its end.
pub(crate) fn send(to: SocketAddr, method: &str, path: &str, token: &str, body: &str) -> io::Result<Answer> {
    let headers = format!("Authorization: Bearer {token}\r\nContent-Type: application/scim+json\r\n");
    request(to, method, path, &headers, body)
}

/// As [`send`], with the client's own headers: whole lines, each with its end.
pub(crate) fn request(
    to: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(to)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    parse(&String::from_utf8_lossy(&bytes))
        .ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "half an answer"))
}

fn parse(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let lower = head.to_lowercase();
    let body = if lower.contains("transfer-encoding: chunked") {
        chunks(body)?
    } else {
        let length =
            lower.split("content-length: ").nth(1).and_then(|l| l.split("\r\n").next()?.parse().ok());
        if length.is_some_and(|length: usize| body.len() < length) {
            return None;
        }
        body.to_owned()
    };
    Some(Answer { status, head: head.to_owned(), body })
}

fn chunks(mut rest: &str) -> Option<String> {
    let mut body = String::new();
    loop {
        let (length, after) = rest.split_once("\r\n")?;
        let length = usize::from_str_radix(length, 16).ok()?;
        if length == 0 {
            return Some(body);
        }
        body.push_str(after.get(..length)?);
        rest = after.get(length + 2..)?;
    }
}
