//! Golden cases: an object and what the mapping has to make of it, run whenever the mapping is saved.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use usher_scim::{AttributePath, Object, ResourceType, resource};

use super::{Mapped, MappingError, Moment, ObjectMapping, document, form, json_for};
use crate::attribute::nearest;
use crate::{AttributeName, Context, Known, NoLookup, Value, alias};

/// An object and what is expected of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// What people call it.
    pub name: String,
    /// The object: keys are attributes as in an expression's brackets (`userName`, `department`, `mail`, `IsSoftDeleted`).
    pub object: Object,
    /// Creating or updating.
    pub moment: Moment,
    /// What `Now()` gives; absent: 2026-01-01T00:00:00Z, so that a case comes out the same on every day.
    pub now: Option<Timestamp>,
    /// What target attributes get.
    pub expect: Vec<(AttributePath, Value)>,
    /// Target attributes that get nothing.
    pub absent: Vec<AttributePath>,
    /// Whether the scoping filter lets it pass; absent: not looked at.
    pub in_scope: Option<bool>,
}

/// A case that did not come out as expected, in one attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct Failed {
    /// The case's name.
    pub case: String,
    /// The target attribute, `scope`, or the object's attribute that is not known.
    pub what: String,
    /// What was expected, as JSON; `[Redact]` where hidden.
    pub expected: String,
    /// What came of it, likewise, or an error.
    pub got: String,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { case, what, expected, got } = self;
        write!(f, "case “{case}”: {what} is {got}, expected {expected}")
    }
}

impl ObjectMapping {
    /// Runs the golden cases; gives what differs. `source`: the types of the objects and the values that the caller gives
    /// names to, with what they are where a case does not say (`IsSoftDeleted`: false, …). `target`: without the
    /// mapping's own attributes.
    pub fn failed_cases(
        &self,
        source: &Known<'_>,
        named: &[(String, Value)],
        target: &ResourceType,
    ) -> Vec<Failed> {
        let target = self.target(target);
        let run = |case: &Case| Run { mapping: self, case, target: &target }.failed(source, named);
        self.cases.iter().flat_map(run).collect()
    }
}

struct Run<'r> {
    mapping: &'r ObjectMapping,
    case: &'r Case,
    target: &'r ResourceType,
}

/// 2026-01-01T00:00:00Z.
fn default_now() -> Timestamp {
    Timestamp::constant(1_767_225_600, 0)
}

/// A case's object, and what is named beside it.
type Given = (Object, Vec<(String, Value)>);

impl Run<'_> {
    fn failed(&self, source: &Known<'_>, named: &[(String, Value)]) -> Vec<Failed> {
        let (object, named) = match self.object(source, named) {
            Ok(given) => given,
            Err((what, why)) => return vec![self.differs(what, "an attribute".to_owned(), why)],
        };
        let mut lookup = NoLookup;
        let mut cx = Context {
            named: &named,
            seed: self.case.name.as_bytes(),
            ..Context::new(&object, &mut lookup, self.case.now.unwrap_or_else(default_now))
        };
        let mut failed = Vec::new();
        if let Some(expected) = self.case.in_scope {
            let said = |holds: bool| if holds { "in scope" } else { "out of scope" }.to_owned();
            let got = match self.mapping.scoping.holds(&cx) {
                Ok(holds) if holds == expected => None,
                Ok(holds) => Some(said(holds)),
                Err(problem) => Some(problem),
            };
            failed.extend(got.map(|got| self.differs("scope".to_owned(), said(expected), got)));
        }
        match self.mapping.apply(&mut cx, self.case.moment) {
            Ok(mapped) => self.compare(&mapped, &mut failed),
            Err((row, error)) => {
                let target = self.mapping.rows.get(row).map(|r| r.target.to_string()).unwrap_or_default();
                failed.push(self.differs(target, "a value".to_owned(), error.to_string()));
            }
        }
        failed
    }

    /// The case's object as a document of the source's type, and what is named beside it.
    fn object(&self, source: &Known<'_>, named: &[(String, Value)]) -> Result<Given, (String, String)> {
        let mut named = named.to_vec();
        let mut object = Object::new();
        for (key, json) in &self.case.object {
            let refused = |why: String| (format!("[{key}]"), why);
            if let Some((_, value)) = named.iter_mut().find(|(name, _)| name == key) {
                *value = Value::from_json(json);
                continue;
            }
            let name = alias::path(key).unwrap_or(key);
            let path = AttributePath::parse(name).ok();
            let typed =
                path.and_then(|p| source.types.iter().find(|t| t.resolve(&p).is_some()).map(|t| (p, t)));
            if let Some((path, of)) = typed {
                resource::write(of, &mut object, &path, json.clone()).map_err(|e| refused(e.detail))?;
            } else {
                AttributeName::parse(key).and_then(|name| name.check(source)).map_err(|e| {
                    refused(e.hint.map_or(e.message.clone(), |hint| format!("{} ({hint})", e.message)))
                })?;
                object.insert(key.clone(), json.clone());
            }
        }
        Ok((object, named))
    }

    fn compare(&self, mapped: &[Mapped], failed: &mut Vec<Failed>) {
        let made = match document(self.target, mapped) {
            Ok(made) => made,
            Err(error) => {
                failed.push(self.differs(
                    "the object".to_owned(),
                    "values the app takes".to_owned(),
                    error.detail,
                ));
                return;
            }
        };
        let absent = self.case.absent.iter().map(|path| (path, None));
        let expect = self.case.expect.iter().map(|(path, value)| (path, Some(value)));
        for (path, expected) in expect.chain(absent) {
            if self.target.resolve(path).is_none() {
                let names: Vec<String> = self.mapping.rows.iter().map(|r| r.target.to_string()).collect();
                let hint = nearest(&path.to_string(), &names).map(|name| format!(" (did you mean {name}?)"));
                let got = format!("no attribute of the app{}", hint.unwrap_or_default());
                failed.push(self.differs(path.to_string(), "an attribute".to_owned(), got));
                continue;
            }
            let wanted = match expected.map(|value| json_for(self.target, path, value)).transpose() {
                Ok(wanted) => wanted.unwrap_or_default(),
                Err(error) => {
                    failed.push(self.differs(
                        path.to_string(),
                        "a value the app takes".to_owned(),
                        error.detail,
                    ));
                    continue;
                }
            };
            let got = self.at(&made, path);
            if got != wanted {
                let hidden =
                    mapped.iter().any(|row| row.redacted && row.target.name.eq_ignore_ascii_case(&path.name));
                let shown = |json: serde_json::Value| match json {
                    serde_json::Value::Null => "absent".to_owned(),
                    _ if hidden => "[Redact]".to_owned(),
                    json => json.to_string(),
                };
                failed.push(self.differs(path.to_string(), shown(wanted), shown(got)));
            }
        }
    }

    /// All values of a multi-valued attribute named as a whole, else the first.
    fn at(&self, made: &Object, path: &AttributePath) -> serde_json::Value {
        let values = resource::read(self.target, made, path);
        let many = path.filter.is_none()
            && self
                .target
                .resolve(path)
                .is_some_and(|r| r.sub.or(r.attribute).is_some_and(|leaf| leaf.multi_valued));
        if many && !values.is_empty() {
            return values.into_iter().cloned().collect();
        }
        values.first().map(|value| (*value).clone()).unwrap_or_default()
    }

    fn differs(&self, what: String, expected: String, got: String) -> Failed {
        Failed { case: self.case.name.clone(), what, expected, got }
    }
}

/// As TOML has it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Form {
    name: String,
    #[serde(default)]
    object: toml::Table,
    #[serde(default, skip_serializing_if = "On::is_create")]
    on: On,
    #[serde(skip_serializing_if = "Option::is_none")]
    now: Option<toml::value::Datetime>,
    #[serde(default, skip_serializing_if = "toml::Table::is_empty")]
    expect: toml::Table,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    absent: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_scope: Option<bool>,
}

#[derive(Serialize, Deserialize, Default, Clone, Copy, PartialEq)]
#[serde(rename_all = "snake_case")]
enum On {
    #[default]
    Create,
    Update,
}

impl On {
    fn is_create(&self) -> bool {
        *self == Self::Create
    }
}

impl Form {
    pub(super) fn read(self) -> Result<Case, MappingError> {
        let wrong = |what: &str| MappingError::Other(format!("case “{}”: {what}", self.name));
        let path = |text: &String| AttributePath::parse(text).map_err(|e| wrong(&e.detail));
        let value =
            |value: &toml::Value| form::value_of(value).ok_or_else(|| wrong("a date needs an offset"));
        if self.expect.is_empty() && self.absent.is_empty() && self.in_scope.is_none() {
            return Err(wrong("expects nothing: give it expect, absent or in_scope"));
        }
        let now = self.now.map(|at| at.to_string().parse().map_err(|_| wrong("now needs an offset")));
        Ok(Case {
            object: self
                .object
                .iter()
                .map(|(key, json)| Ok((key.clone(), value(json)?.to_json())))
                .collect::<Result<_, _>>()?,
            moment: if self.on == On::Create { Moment::Create } else { Moment::Update },
            now: now.transpose()?,
            expect: self
                .expect
                .iter()
                .map(|(key, json)| Ok((path(key)?, value(json)?)))
                .collect::<Result<_, _>>()?,
            absent: self.absent.iter().map(path).collect::<Result<_, _>>()?,
            in_scope: self.in_scope,
            name: self.name,
        })
    }

    pub(super) fn of(case: &Case) -> Self {
        let object = case
            .object
            .iter()
            .filter_map(|(key, json)| Some((key.clone(), form::toml_of(&Value::from_json(json))?)));
        Self {
            name: case.name.clone(),
            object: object.collect(),
            on: if case.moment == Moment::Create { On::Create } else { On::Update },
            now: case.now.and_then(|at| at.to_string().parse().ok()),
            expect: case
                .expect
                .iter()
                .filter_map(|(path, value)| Some((path.to_string(), form::toml_of(value)?)))
                .collect(),
            absent: case.absent.iter().map(ToString::to_string).collect(),
            in_scope: case.in_scope,
        }
    }
}
