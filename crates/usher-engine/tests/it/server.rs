//! The app behind real HTTP on a loopback port, with what goes wrong out there: a fault server. Requests are read and answered by hand,
//! since no HTTP library sends half an answer.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use usher_client::Transport;

/// What is wrong with an app.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Wrong {
    /// 429 to so many requests, with Retry-After in seconds.
    TooMany(usize),
    /// The same with a date.
    TooManyUntil(usize),
    /// 500 with a SCIM error.
    Error,
    /// 200 with a page for people.
    Html,
    /// It does what it is asked; the answer is half of its JSON.
    Half,
    /// It does what it is asked; the connection ends in the middle of the answer.
    Cut,
    /// It does what it is asked, and never answers.
    Slow,
    /// The connection ends before it has done anything.
    DiesBefore,
    /// It does what it is asked; the connection ends before the answer.
    DiesAfter,
    /// Filters are as if they were not there.
    NoFilters,
    /// Seven resources to a page, whatever is asked for.
    SevenAPage,
    /// Ids are numbers.
    Numbers,
    /// 404.
    NotFound,
}

/// To which requests it happens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum To {
    All,
    Writes,
}

/// A fault server before an app.
pub(crate) struct Server(Arc<State>);

struct State {
    app: Box<dyn Transport>,
    wrong: Mutex<Option<(Wrong, To)>>,
    numbers: Mutex<Numbers>,
}

/// The connection ends here, after so much of the answer.
enum Said {
    Whole(http::Response<Bytes>),
    Cut(http::Response<Bytes>),
    Nothing,
}

impl Server {
    /// The server and its tenant URL; it ends with the runtime.
    pub(crate) fn before(app: Box<dyn Transport>) -> (Self, String) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}/scim/v2", listener.local_addr().unwrap());
        let state = Arc::new(State { app, wrong: Mutex::new(None), numbers: Mutex::default() });
        let serving = Arc::clone(&state);
        tokio::spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&serving);
                // A client that goes away is no failure of the server's.
                tokio::spawn(async move { drop(serve(&state, stream).await) });
            }
        });
        (Self(state), url)
    }

    pub(crate) fn goes_wrong(&self, how: Wrong, to: To) {
        *self.0.wrong.lock().unwrap() = Some((how, to));
    }

    pub(crate) fn heals(&self) {
        *self.0.wrong.lock().unwrap() = None;
    }
}

async fn serve(state: &State, stream: TcpStream) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream).await? {
        match state.answer(request).await {
            Said::Whole(answer) => stream.write_all(&spelled(&answer)).await?,
            Said::Cut(answer) => {
                let bytes = spelled(&answer);
                let rest = answer.body().len().div_ceil(2);
                return stream.write_all(&bytes[..bytes.len() - rest]).await;
            }
            Said::Nothing => return Ok(()),
        }
    }
    Ok(())
}

/// A request with its body; `None`: the client closed the connection.
async fn read(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<http::Request<Bytes>>> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap().to_owned(), words.next().unwrap().to_owned());
    let mut request = http::Request::builder().method(&*method).uri(format!("http://localhost{target}"));
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().unwrap();
        }
        request = request.header(name, value);
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(Some(request.body(body.into()).unwrap()))
}

fn spelled(answer: &http::Response<Bytes>) -> Vec<u8> {
    let mut text =
        format!("HTTP/1.1 {} x\r\ncontent-length: {}\r\n", answer.status().as_u16(), answer.body().len());
    for (name, value) in answer.headers() {
        if name != "content-length" && name != "transfer-encoding" {
            text.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
        }
    }
    text.push_str("\r\n");
    [text.as_bytes(), answer.body()].concat()
}

fn made(status: u16, headers: &[(&str, &str)], body: &str) -> Said {
    let mut answer = http::Response::builder().status(status);
    for (name, value) in headers {
        answer = answer.header(*name, *value);
    }
    Said::Whole(answer.body(Bytes::copy_from_slice(body.as_bytes())).unwrap())
}

impl State {
    async fn answer(&self, request: http::Request<Bytes>) -> Said {
        let write = request.method() != "GET";
        let wrong =
            (*self.wrong.lock().unwrap()).filter(|(_, to)| write || *to == To::All).map(|(how, _)| how);
        match wrong {
            None => Said::Whole(self.done(request).await),
            Some(Wrong::TooMany(left) | Wrong::TooManyUntil(left)) if left == 0 => {
                Said::Whole(self.done(request).await)
            }
            Some(how @ (Wrong::TooMany(left) | Wrong::TooManyUntil(left))) => self.refuse(how, left),
            Some(Wrong::Error) => {
                let body = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"500","detail":"out of order"}"#;
                made(500, &[("content-type", "application/scim+json")], body)
            }
            Some(Wrong::Html) => {
                made(200, &[("content-type", "text/html")], "<!doctype html><h1>Sign in</h1>")
            }
            Some(Wrong::NotFound) => made(404, &[], ""),
            Some(Wrong::Half) => {
                Said::Whole(self.done(request).await.map(|body| body.slice(..body.len() / 2)))
            }
            Some(Wrong::Cut) => Said::Cut(self.done(request).await),
            Some(Wrong::Slow) => {
                self.done(request).await;
                std::future::pending().await
            }
            Some(Wrong::DiesBefore) => Said::Nothing,
            Some(Wrong::DiesAfter) => {
                self.done(request).await;
                Said::Nothing
            }
            Some(Wrong::NoFilters) => Said::Whole(self.done(without(request, "filter", None)).await),
            Some(Wrong::SevenAPage) => {
                Said::Whole(self.done(without(request, "count", Some("count=7"))).await)
            }
            Some(Wrong::Numbers) => self.numbered(request).await,
        }
    }

    async fn done(&self, request: http::Request<Bytes>) -> http::Response<Bytes> {
        self.app.send(request, Duration::from_secs(60)).await.unwrap()
    }

    fn refuse(&self, how: Wrong, left: usize) -> Said {
        let (next, wait, date) = match how {
            Wrong::TooManyUntil(_) => {
                let now = jiff::Timestamp::now();
                let then = now + jiff::SignedDuration::from_secs(1);
                (Wrong::TooManyUntil(left - 1), rfc9110(then), rfc9110(now))
            }
            _ => (Wrong::TooMany(left - 1), "1".to_owned(), rfc9110(jiff::Timestamp::now())),
        };
        if let Some((how, _)) = &mut *self.wrong.lock().unwrap() {
            *how = next;
        }
        made(429, &[("retry-after", &wait), ("date", &date)], "")
    }

    /// As [`State::done`], but with numbers for ids on the way.
    async fn numbered(&self, request: http::Request<Bytes>) -> Said {
        let (mut parts, body) = request.into_parts();
        let (uri, body) = {
            let numbers = self.numbers.lock().unwrap();
            (numbers.ids_in(&parts.uri.to_string()), numbers.ids_in(&String::from_utf8_lossy(&body)))
        };
        parts.uri = uri.parse().unwrap();
        let answer = self.done(http::Request::from_parts(parts, body.into())).await;
        Said::Whole(answer.map(|body| match serde_json::from_slice::<Value>(&body) {
            Ok(mut json) => {
                self.numbers.lock().unwrap().number(&mut json);
                json.to_string().into()
            }
            Err(_) => body,
        }))
    }
}

fn rfc9110(at: jiff::Timestamp) -> String {
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).unwrap()
}

/// The request without a query parameter, or with another in its place.
fn without(request: http::Request<Bytes>, name: &str, instead: Option<&str>) -> http::Request<Bytes> {
    let (mut parts, body) = request.into_parts();
    let uri = parts.uri.to_string();
    let (path, query) = uri.split_once('?').unwrap_or((&uri, ""));
    let kept = query.split('&').filter(|part| !part.starts_with(&format!("{name}=")) && !part.is_empty());
    let query: Vec<&str> = kept.chain(instead).collect();
    parts.uri = format!("{path}?{}", query.join("&")).parse().unwrap();
    http::Request::from_parts(parts, body)
}

/// A number for each id: from 700000001 on, which is part of nothing else that is sent here.
#[derive(Default)]
struct Numbers {
    of: HashMap<String, u64>,
}

impl Numbers {
    /// Where one of the numbers stands, quoted or not, the id.
    fn ids_in(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (id, number) in &self.of {
            text = text.replace(&number.to_string(), id);
        }
        text
    }

    /// Numbers for ids of resources, and of what they refer to.
    fn number(&mut self, json: &mut Value) {
        match json {
            Value::Array(all) => all.iter_mut().for_each(|one| self.number(one)),
            Value::Object(object) => {
                for (name, value) in object {
                    match value {
                        Value::String(id) if name == "id" && id.len() == 36 => {
                            let next = 700_000_001 + self.of.len() as u64;
                            *value = (*self.of.entry(id.clone()).or_insert(next)).into();
                        }
                        Value::String(id) if name == "value" && self.of.contains_key(id) => {
                            *value = self.of[id].into();
                        }
                        other => self.number(other),
                    }
                }
            }
            _ => {}
        }
    }
}
