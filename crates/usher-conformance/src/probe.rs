//! What a case works with: requests, resources of its own, and the way to clean up.

use std::time::{Duration, Instant};

use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use usher_scim::schema::{GROUP, USER};

use crate::{
    answer::Answer,
    target::{Capabilities, Fixture, Target},
    verdict::{Exchange, Fallible, ensure, skip},
    wire::{self, Outgoing},
};

pub(crate) const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
pub(crate) const ENTERPRISE: &str = usher_scim::schema::ENTERPRISE;
const SCIM: &str = "application/scim+json";
/// How often a request that is one too many is sent again, and the most seconds before each time.
const WAITS: usize = 5;
const LONGEST_WAIT: u64 = 30;

/// One case's view of the server.
#[derive(Debug)]
pub(crate) struct Probe {
    target: Target,
    can: std::sync::Arc<Capabilities>,
    case: &'static str,
    /// Different in each run, so that two may check one server at a time.
    run: String,
    named: u32,
    /// Path, and the token by which it was made.
    made: Vec<(String, Option<String>)>,
    /// Whose token is sent; `None`: the target's own.
    token: Option<String>,
    transcript: Vec<Exchange>,
}

impl Probe {
    pub(crate) fn new(
        target: &Target,
        can: std::sync::Arc<Capabilities>,
        case: &'static str,
        run: &str,
    ) -> Self {
        Self {
            target: target.clone(),
            can,
            case,
            run: run.to_owned(),
            named: 0,
            made: Vec::new(),
            token: None,
            transcript: Vec::new(),
        }
    }

    /// What the server announces.
    pub(crate) fn can(&self) -> &Capabilities {
        &self.can
    }

    /// The service root.
    pub(crate) fn base(&self) -> String {
        self.target.base.clone()
    }

    /// What was set up beside the server; skips the case where it is missing.
    pub(crate) fn given<T>(&self, what: &str, of: impl Fn(&Fixture) -> Option<T>) -> Fallible<T> {
        match of(&self.target.fixture) {
            Some(given) => Ok(given),
            None => skip(format!("needs {what}, which was not given")),
        }
    }

    /// The target's own token, for headers that a case writes itself.
    pub(crate) fn own_token(&self) -> String {
        self.target.token.clone()
    }

    /// From here on requests carry this token (`None`: again the target's own).
    pub(crate) fn speak_as(&mut self, token: Option<String>) {
        self.token = token;
    }

    /// From here on requests go to the tenant that refuses dialects; `false`: none was given.
    pub(crate) fn as_strict(&mut self) -> bool {
        self.token.clone_from(&self.target.fixture.strict_token);
        self.token.is_some()
    }

    /// A name that nobody else has: lower case letters, digits and `-`.
    pub(crate) fn name(&mut self, stem: &str) -> String {
        self.named += 1;
        format!("check-{}-{}-{}-{stem}", self.run, self.case.to_lowercase(), self.named)
    }

    // Requests.

    /// A request whose path is relative to the service root, or an address. The token and, with a body, the media type are set
    /// unless given; a header given as `""` is not sent. A rate limit is honoured, as any client should.
    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Fallible<Answer> {
        let body = body.into();
        for _ in 0..WAITS {
            let answer = self.send_once(method, path, headers, body.clone()).await?;
            if answer.status != 429 {
                return Ok(answer);
            }
            let seconds = answer.header("retry-after").parse().unwrap_or(1).clamp(1, LONGEST_WAIT);
            tokio::time::sleep(Duration::from_secs(seconds)).await;
        }
        self.send_once(method, path, headers, body).await
    }

    async fn send_once(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Fallible<Answer> {
        let out = self.outgoing(method, path, headers, body);
        let answer = wire::send(&self.target, out, &mut self.transcript).await?;
        self.note(method, path, &answer);
        Ok(answer)
    }

    /// Sends requests of one method to one path at the same time; answers in the order of the bodies. Those that are too many
    /// are sent again.
    pub(crate) async fn at_once(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        bodies: Vec<Value>,
    ) -> Fallible<Vec<Answer>> {
        let mut answers = self.burst(method, path, headers, bodies.clone()).await?;
        for (answer, body) in answers.iter_mut().zip(bodies) {
            if answer.status == 429 {
                *answer = self.send(method, path, headers, body.to_string()).await?;
            }
        }
        Ok(answers)
    }

    /// As [`Probe::at_once`], but 429 stands.
    pub(crate) async fn burst(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        bodies: Vec<Value>,
    ) -> Fallible<Vec<Answer>> {
        let out = |body: Value| self.outgoing(method, path, headers, body.to_string().into());
        let sent = self.together(bodies.into_iter().map(out).collect()).await?;
        let mut answers = Vec::new();
        for (answer, transcript) in sent {
            self.transcript.extend(transcript);
            answers.push(answer?);
        }
        for answer in &answers {
            self.note(method, path, answer);
        }
        Ok(answers)
    }

    /// Reads one address until that is too much, or often enough; the first refusal, or the last answer. The transcript
    /// keeps that one alone.
    pub(crate) async fn until_too_many(&mut self, path: &str) -> Fallible<Answer> {
        const TOGETHER: usize = 50;
        const MOST: usize = 20_000;
        const LONGEST: Duration = Duration::from_secs(60);
        let (began, mut sent) = (Instant::now(), 0);
        loop {
            let out = (0..TOGETHER).map(|_| self.outgoing("GET", path, &[], Bytes::new())).collect();
            let mut answers = self.together(out).await?;
            sent += TOGETHER;
            let served = |answer: &Fallible<Answer>| answer.as_ref().is_ok_and(|answer| answer.status == 200);
            let refused = answers.iter().position(|(answer, _)| !served(answer));
            if refused.is_some() || sent >= MOST || began.elapsed() > LONGEST {
                let (answer, transcript) = answers.swap_remove(refused.unwrap_or_default());
                self.transcript.extend(transcript);
                return answer;
            }
        }
    }

    /// Sends these at the same time; what came of each, in their order.
    async fn together(&self, out: Vec<Outgoing>) -> Fallible<Vec<(Fallible<Answer>, Vec<Exchange>)>> {
        let send = |out: Outgoing| {
            let target = self.target.clone();
            tokio::spawn(async move {
                let mut transcript = Vec::new();
                let answer = wire::send(&target, out, &mut transcript).await;
                (answer, transcript)
            })
        };
        let tasks: Vec<_> = out.into_iter().map(send).collect();
        let mut all = Vec::with_capacity(tasks.len());
        for task in tasks {
            let Ok(done) = task.await else { return skip("a request was broken off here") };
            all.push(done);
        }
        Ok(all)
    }

    fn outgoing(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Bytes) -> Outgoing {
        let url = if path.contains("://") { path.to_owned() } else { format!("{}{path}", self.target.base) };
        let token = self.token.clone().unwrap_or_else(|| self.target.token.clone());
        let mut all = vec![("authorization", format!("Bearer {token}")), ("accept", SCIM.to_owned())];
        if !body.is_empty() {
            all.push(("content-type", SCIM.to_owned()));
        }
        all.retain(|(name, _)| !headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)));
        let given = headers.iter().filter(|(_, value)| !value.is_empty());
        let headers: Vec<(String, String)> = all
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .chain(given.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
            .collect();
        Outgoing { method: method.to_owned(), url, headers, body }
    }

    /// Remembers what was made and forgets what is gone, for the end.
    fn note(&mut self, method: &str, path: &str, answer: &Answer) {
        let plain = path.split('?').next().unwrap_or(path);
        let base = self.target.base.clone();
        match (method, answer.status) {
            ("POST", 200..=299) if plain.contains("Bulk") => {
                let locations = answer.all("/Operations").iter().filter(|o| o["method"] == "POST");
                for location in locations.filter_map(|o| o["location"].as_str()) {
                    let path = location.strip_prefix(&base).unwrap_or(location).to_owned();
                    self.made.push((path, self.token.clone()));
                }
            }
            ("POST", 200..=299) if !plain.contains(".search") => {
                if let Some(id) = answer.json["id"].as_str() {
                    self.made.push((format!("{}/{id}", plain.trim_end_matches('/')), self.token.clone()));
                }
            }
            ("DELETE", 200..=299) => self.made.retain(|(made, _)| made != plain),
            _ => {}
        }
    }

    /// A POST of so many bytes of white space in chunks, without Content-Length; skips the case where TLS is spoken.
    pub(crate) async fn chunked(&mut self, path: &str, bytes: usize) -> Fallible<Answer> {
        let out = self.outgoing("POST", path, &[("content-type", SCIM)], Bytes::new());
        wire::chunked(&self.target, &out, bytes, &mut self.transcript).await
    }

    pub(crate) async fn get(&mut self, path: &str) -> Fallible<Answer> {
        self.send("GET", path, &[], Bytes::new()).await
    }

    pub(crate) async fn post(&mut self, path: &str, body: Value) -> Fallible<Answer> {
        self.send("POST", path, &[], body.to_string()).await
    }

    pub(crate) async fn put(&mut self, path: &str, body: Value) -> Fallible<Answer> {
        self.send("PUT", path, &[], body.to_string()).await
    }

    pub(crate) async fn delete(&mut self, path: &str) -> Fallible<Answer> {
        self.send("DELETE", path, &[], Bytes::new()).await
    }

    /// A PATCH with these operations (an array).
    pub(crate) async fn patch(&mut self, path: &str, operations: Value) -> Fallible<Answer> {
        self.send("PATCH", path, &[], patch_body(operations).to_string()).await
    }

    /// A PATCH that has to succeed; the resource after it.
    pub(crate) async fn patched(&mut self, path: &str, operations: Value) -> Fallible<Answer> {
        self.patch(path, operations).await?.one_of(&[200, 204])?;
        self.get(path).await?.expect(200)
    }

    /// A query with a filter; `path` is `/Users`, `/Groups` or `""`.
    pub(crate) async fn query(&mut self, path: &str, filter: &str) -> Fallible<Answer> {
        self.get(&format!("{path}?filter={}", encoded(filter))).await
    }

    /// Asserts that a filter finds exactly these of the resources that the case made, in any order.
    pub(crate) async fn finds(&mut self, path: &str, filter: &str, expected: &[&String]) -> Fallible {
        let answer = self.query(path, filter).await?.expect(200)?;
        let mine: Vec<&str> = self.made.iter().filter_map(|(made, _)| made.rsplit('/').next()).collect();
        let mut seen = answer.ids()?;
        seen.retain(|id| mine.contains(&id.as_str()));
        seen.sort();
        let mut wanted: Vec<&String> = expected.to_vec();
        wanted.sort();
        ensure(
            seen.iter().collect::<Vec<_>>() == wanted,
            format!("filter={filter} finds {} of the case's resources: {wanted:?}", wanted.len()),
            format!("{seen:?} in {}", answer.seen()),
        )
    }

    // Resources.

    /// A user with these attributes beside schemas and a name of its own; the answer to the POST.
    pub(crate) async fn user_with(&mut self, attributes: Value) -> Fallible<Answer> {
        let mut body = json!({"schemas": [USER], "userName": self.name("user")});
        merge(&mut body, attributes);
        let answer = self.post("/Users", body).await?.expect(201)?;
        answer.id()?;
        Ok(answer)
    }

    /// A user; its id.
    pub(crate) async fn user(&mut self) -> Fallible<String> {
        self.user_with(json!({})).await?.id()
    }

    /// A group with these members (ids); its id.
    pub(crate) async fn group(&mut self, members: &[&String]) -> Fallible<String> {
        let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
        let mut extra = json!({});
        if !members.is_empty() {
            extra = json!({"members": members});
        }
        self.group_with(extra).await?.id()
    }

    /// A group with these attributes beside schemas and a name of its own; the answer to the POST.
    pub(crate) async fn group_with(&mut self, attributes: Value) -> Fallible<Answer> {
        let mut body = json!({"schemas": [GROUP], "displayName": self.name("group")});
        merge(&mut body, attributes);
        let answer = self.post("/Groups", body).await?.expect(201)?;
        answer.id()?;
        Ok(answer)
    }

    /// Asserts a group's members (ids), in any order.
    pub(crate) async fn members_are(&mut self, group: &str, expected: &[&String]) -> Fallible {
        let answer = self.get(&format!("/Groups/{group}")).await?.expect(200)?;
        let expected: Vec<&str> = expected.iter().map(|id| id.as_str()).collect();
        answer.each_is("/members", "value", &expected)
    }

    /// Removes what the case made, last first; what stays, and the transcript.
    pub(crate) async fn end(mut self) -> (Vec<String>, Vec<Exchange>) {
        let mut left = Vec::new();
        for (path, token) in std::mem::take(&mut self.made).into_iter().rev() {
            self.token = token;
            match self.delete(&path).await {
                Ok(answer) if matches!(answer.status, 200..=299 | 404 | 410) => {}
                _ => left.push(path),
            }
        }
        (left, self.transcript)
    }
}

/// A whole PATCH message.
pub(crate) fn patch_body(operations: Value) -> Value {
    json!({"schemas": [PATCH], "Operations": operations})
}

/// Percent-encoded for a query string.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Sets keys of an object; `null` takes one out.
fn merge(into: &mut Value, from: Value) {
    let (Value::Object(into), Value::Object(from)) = (into, from) else { return };
    for (key, value) in from {
        if value.is_null() {
            into.remove(&key);
        } else {
            into.insert(key, value);
        }
    }
}
