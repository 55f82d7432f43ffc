//! Resources as they are answered: what stands around the stored bytes, and members as a stream.
//!
//! The stored document is what the client wrote, compact and canonical; by default an answer is spliced around it without
//! reading it. Only where a client chose attributes is it parsed and cut.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use serde::Serialize;
use serde_json::{Value, json};
use usher_directory::{
    DirectoryId, Key, Kind, ObjectId,
    config::DirectoryConfig,
    object::{self, Link, Stored},
};
use usher_scim::{
    Attribute, Object, ResourceType, prepare, resource,
    resource::{Projection, Selection},
    schema::Returned,
};
use usher_store::{Snapshot, Store, StoreError};

use crate::{
    manager::{self, Manager},
    problem::Problem,
};

/// Members in a block of a streamed answer; each block is a short read of its own.
pub(crate) const BLOCK: usize = 1_000;
const READ: Duration = Duration::from_secs(5);

/// How resources of one kind are shown in one request.
#[derive(Clone)]
pub(crate) struct View {
    config: Arc<DirectoryConfig>,
    kind: Kind,
    /// The base of `meta.location` and `$ref`.
    base: Arc<str>,
    /// `None`: as stored, spliced.
    projection: Option<Arc<Projection>>,
    links: bool,
    /// Whether what is known of a user's manager is shown.
    managers: bool,
}

/// What belongs to a resource and is not in its document.
pub(crate) enum Links {
    None,
    /// Of a user: the groups, `true` = direct, and the manager.
    User(Vec<(Link, bool)>, Option<Manager>),
    /// The first block of a group's.
    Members(Vec<Link>),
}

/// A part of an answer.
pub(crate) enum Piece {
    Ready(Vec<u8>),
    /// The members after this one, each with a comma before it.
    Members {
        group: Key,
        after: Key,
    },
}

impl View {
    pub(crate) fn new(config: &Arc<DirectoryConfig>, kind: Kind, base: &str, selection: &Selection) -> Self {
        let of = config.resource_type(kind);
        let as_stored = selection.attributes.is_empty() && selection.excluded.is_empty() && !hides(of);
        let projection = (!as_stored).then(|| Arc::new(Projection::new(of, selection)));
        let links = projection.as_ref().is_none_or(|p| {
            p.wants(match kind {
                Kind::User => "groups",
                Kind::Group => "members",
            })
        });
        let managers =
            kind == Kind::User && manager::is_known(of) && manager::is_wanted(projection.as_deref());
        Self { config: config.clone(), kind, base: base.into(), projection, links, managers }
    }

    /// Whether groups or members are shown, and so have to be read.
    pub(crate) fn shows_links(&self) -> bool {
        self.links
    }

    /// Whether this one's manager is shown, and so has to be read.
    pub(crate) fn shows_manager_of(&self, stored: &Stored) -> bool {
        self.managers && manager::id_in(&stored.doc).is_some()
    }

    /// `meta.location`.
    pub(crate) fn location(&self, id: ObjectId) -> String {
        format!("{}{}/{}", self.base, self.config.resource_type(self.kind).endpoint, id.0)
    }

    /// Reads what belongs to these objects: one join for a page of users (and their managers), a block of members a group.
    pub(crate) fn links(&self, on: &mut Snapshot<'_>, objects: &[&Stored]) -> Result<Vec<Links>, StoreError> {
        if !(self.links || self.managers) || objects.is_empty() {
            return Ok(objects.iter().map(|_| Links::None).collect());
        }
        let directory = self.config.id;
        if self.kind == Kind::Group {
            let members = |stored: &&Stored| {
                object::members_of(on, directory, stored.key, None, BLOCK).map(Links::Members)
            };
            return objects.iter().map(members).collect();
        }
        let mut groups: Vec<(Key, Vec<(Link, bool)>)> =
            objects.iter().map(|stored| (stored.key, Vec::new())).collect();
        if self.links {
            let keys: Vec<Key> = objects.iter().map(|stored| stored.key).collect();
            for (of, link, direct) in object::all_groups_of(on, directory, &keys)? {
                if let Some((_, groups)) = groups.iter_mut().find(|(key, _)| *key == of) {
                    groups.push((link, direct));
                }
            }
        }
        let managers = match self.managers {
            true => manager::of(on, directory, objects)?,
            false => objects.iter().map(|_| None).collect(),
        };
        Ok(groups.into_iter().zip(managers).map(|((_, groups), m)| Links::User(groups, m)).collect())
    }

    /// A resource as JSON, in pieces when its members are many.
    pub(crate) fn pieces(&self, stored: &Stored, links: Links) -> Result<Vec<Piece>, Problem> {
        let (groups, manager, members) = match links {
            Links::None => (Vec::new(), None, Vec::new()),
            Links::User(groups, manager) => (groups, manager, Vec::new()),
            Links::Members(members) => (Vec::new(), None, members),
        };
        let completed;
        let stored = match manager {
            Some(manager) => {
                let mut object = stored.object()?;
                manager.show(&mut object, &format!("{}{}", self.base, self.config.user.endpoint));
                let mut doc = Vec::with_capacity(stored.doc.len() + 256);
                write(&mut doc, &Value::Object(object));
                completed = Stored { doc, ..stored.clone() };
                &completed
            }
            None => stored,
        };
        let mut out = match &self.projection {
            None => self.spliced(stored, &groups),
            Some(projection) => self.projected(stored, &groups, projection)?,
        };
        // Members come last, so that they can be streamed; the closing brace waits.
        out.pop();
        let Some(last) = members.last().map(|link| link.key) else {
            out.push(b'}');
            return Ok(vec![Piece::Ready(out)]);
        };
        let more = members.len() >= BLOCK;
        let shown = self.members(&members);
        if !shown.is_empty() {
            out.extend_from_slice(b",\"members\":[");
            out.extend_from_slice(&shown);
        }
        match (more, shown.is_empty()) {
            (_, true) => out.push(b'}'),
            (false, false) => out.extend_from_slice(b"]}"),
            (true, false) => {
                let rest = Piece::Members { group: stored.key, after: last };
                return Ok(vec![Piece::Ready(out), rest, Piece::Ready(b"]}".to_vec())]);
            }
        }
        Ok(vec![Piece::Ready(out)])
    }

    /// The whole resource, spliced around the stored bytes.
    fn spliced(&self, stored: &Stored, groups: &[(Link, bool)]) -> Vec<u8> {
        let of = self.config.resource_type(self.kind);
        let mut out = Vec::with_capacity(stored.doc.len() + 512);
        let mut schemas = vec![&*of.schema.id];
        let keys = top_keys(&stored.doc);
        schemas.extend(of.extensions.iter().map(|(s, _)| &*s.id).filter(|id| keys.contains(&id.as_bytes())));
        out.extend_from_slice(b"{\"schemas\":");
        write(&mut out, &schemas);
        out.extend_from_slice(b",\"id\":");
        write(&mut out, &stored.id.0);
        let inner = stored.doc.trim_ascii();
        let inner =
            inner.strip_prefix(b"{").and_then(|i| i.strip_suffix(b"}")).unwrap_or_default().trim_ascii();
        if !inner.is_empty() {
            out.push(b',');
            out.extend_from_slice(inner);
        }
        if !groups.is_empty() {
            out.extend_from_slice(b",\"groups\":");
            write(&mut out, &self.groups(groups));
        }
        out.extend_from_slice(b",\"meta\":");
        write(&mut out, &self.meta(stored));
        out.push(b'}');
        out
    }

    /// The resource cut to what the client chose.
    fn projected(
        &self,
        stored: &Stored,
        groups: &[(Link, bool)],
        by: &Projection,
    ) -> Result<Vec<u8>, Problem> {
        let of = self.config.resource_type(self.kind);
        let mut whole = stored.object()?;
        whole.insert("schemas".into(), json!(resource::schemas(of, &whole)));
        whole.insert("id".into(), json!(stored.id.0));
        whole.insert("meta".into(), json!(self.meta(stored)));
        if !groups.is_empty() {
            whole.insert("groups".into(), self.groups(groups));
        }
        let mut out = Vec::with_capacity(stored.doc.len() + 512);
        write(&mut out, &Value::Object(by.cut(whole)));
        Ok(out)
    }

    fn meta(&self, stored: &Stored) -> Meta<'_> {
        Meta {
            resource_type: &self.config.resource_type(self.kind).name,
            created: prepare::print_time(stored.created.as_millisecond()),
            last_modified: prepare::print_time(stored.modified.as_millisecond()),
            location: self.location(stored.id),
            version: self.config.profile.etag.then(|| stored.etag()),
        }
    }

    fn groups(&self, groups: &[(Link, bool)]) -> Value {
        let one = |(link, direct): &(Link, bool)| {
            json!({
                "value": link.id.0,
                "$ref": self.reference(link),
                "display": link.name,
                "type": if *direct { "direct" } else { "indirect" },
            })
        };
        groups.iter().map(one).collect()
    }

    /// Members as JSON, with commas between; empty when the client chose none of what a member has.
    fn members(&self, members: &[Link]) -> Vec<u8> {
        // The name is shown to those who ask for it, which the projection knows.
        let named = self.projection.is_some();
        let one = |link: &Link| {
            let mut member = json!({
                "value": link.id.0,
                "$ref": self.reference(link),
                "type": self.config.resource_type(link.kind).name,
            });
            if named {
                member["display"] = json!(link.name);
            }
            member
        };
        let mut all: Vec<Value> = members.iter().map(one).collect();
        if let Some(projection) = &self.projection {
            let mut holder = Object::new();
            holder.insert("members".into(), Value::Array(all));
            all = match projection.cut(holder).remove("members") {
                Some(Value::Array(all)) => all,
                _ => Vec::new(),
            };
        }
        let mut out = Vec::with_capacity(all.len() * 160);
        write(&mut out, &Value::Array(all));
        out.pop();
        if !out.is_empty() {
            out.remove(0);
        }
        out
    }

    fn reference(&self, link: &Link) -> String {
        format!("{}{}/{}", self.base, self.config.resource_type(link.kind).endpoint, link.id.0)
    }

    /// An answer's body: whole where nothing is left to read, else a stream that reads as fast as the client takes it.
    pub(crate) fn body(&self, store: &Store, pieces: Vec<Piece>) -> Body {
        if pieces.iter().all(|piece| matches!(piece, Piece::Ready(_))) {
            let mut whole = Vec::new();
            for piece in pieces {
                if let Piece::Ready(bytes) = piece {
                    whole.extend_from_slice(&bytes);
                }
            }
            return whole.into();
        }
        let streaming = Streaming { view: self.clone(), store: store.clone(), pieces: pieces.into() };
        Body::from_stream(stream::try_unfold(streaming, Streaming::next))
    }
}

/// `meta` (RFC 7643 §3.1).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Meta<'v> {
    resource_type: &'v str,
    created: String,
    last_modified: String,
    location: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
}

struct Streaming {
    view: View,
    store: Store,
    pieces: VecDeque<Piece>,
}

impl Streaming {
    /// A failing read breaks the answer off, so that no client takes half a list for the whole.
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, StoreError> {
        let (group, after) = match self.pieces.pop_front() {
            None => return Ok(None),
            Some(Piece::Ready(bytes)) => return Ok(Some((bytes.into(), self))),
            Some(Piece::Members { group, after }) => (group, after),
        };
        let directory: DirectoryId = self.view.config.id;
        let members: Vec<Link> = self
            .store
            .read(READ, move |on| object::members_of(on, directory, group, Some(after), BLOCK))
            .await?;
        if let Some(last) = members.last().filter(|_| members.len() >= BLOCK) {
            self.pieces.push_front(Piece::Members { group, after: last.key });
        }
        let mut out = Vec::new();
        if !members.is_empty() {
            out.push(b',');
            out.extend_from_slice(&self.view.members(&members));
        }
        Ok(Some((out.into(), self)))
    }
}

fn write(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    // Writing JSON values into memory has nothing that can fail.
    let _ = serde_json::to_writer(out, value);
}

/// Whether a type has attributes that a default answer leaves out, so that stored bytes can't be given as they are.
fn hides(of: &ResourceType) -> bool {
    fn hidden(a: &Attribute) -> bool {
        // What is only written (`password`) is never in a document.
        let stored = a.mutability != usher_scim::schema::Mutability::WriteOnly;
        (stored && matches!(a.returned, Returned::Never | Returned::Request))
            || a.sub_attributes.iter().any(hidden)
    }
    // Members are in no document.
    let mut base = of.schema.attributes.iter().filter(|a| a.name != "members");
    base.any(hidden) || of.extensions.iter().any(|(s, _)| s.attributes.iter().any(hidden))
}

/// The keys of a compact JSON object, as written. Keys with escapes come as they stand; no URN has any.
fn top_keys(document: &[u8]) -> Vec<&[u8]> {
    let mut keys = Vec::new();
    let (mut depth, mut text, mut escaped, mut start, mut key) = (0_u32, false, false, 0, true);
    for (at, byte) in document.iter().enumerate() {
        if text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => {
                    text = false;
                    if depth == 1 && key {
                        keys.extend(document.get(start..at));
                    }
                }
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => (text, start) = (true, at + 1),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b':' if depth == 1 => key = false,
            b',' if depth == 1 => key = true,
            _ => {}
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn top_keys_are_those_of_the_object_alone() {
        let document =
            br#"{"a":"x\",\"no\":","b":{"c":1,"urn:x":{}},"d":[{"e":2},"f"],"urn:y":{"g":"}"},"h":null}"#;
        let keys: Vec<&str> = top_keys(document).iter().map(|k| std::str::from_utf8(k).unwrap()).collect();
        assert_eq!(keys, ["a", "b", "d", "urn:y", "h"]);
        assert!(top_keys(b"{}").is_empty());
    }
}
