//! Attribute mappings: rows target ← source, for one kind of object. TOML form as in gallery files.
//!
//! ```toml
//! [users]
//! enabled = true
//! actions = ["create", "update", "delete"]
//! [[users.mapping]]
//! target = "userName"
//! source = "[userPrincipalName]"   # an expression; or constant = "x"; neither = kind none, with default
//! match = 1                        # precedence, absent = no matcher
//! when = "always"                  # or "on_create"
//! nulls = "skip"                   # or "clear"
//! default = "…"                    # used on create when the source is null
//! [[users.scoping]]                # see `scoping`
//! ```

use usher_scim::schema::{Attribute, Mutability, Resolved, Type};
use usher_scim::{AttributePath, Object, ResourceType, ScimError, ScimType};

use crate::attribute::nearest;
use crate::expression::Trace;
use crate::{Context, EvalError, Expression, ExpressionError, Known, ScopingFilter, Value};

mod form;
mod writer;

pub use writer::Writer;

/// When a row acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// On create and on update.
    #[default]
    Always,
    /// On create only.
    OnCreate,
}

/// What a null does on update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nulls {
    /// The target keeps what it has.
    #[default]
    Skip,
    /// The target is emptied.
    Clear,
}

/// Where a row's value comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum From {
    /// Direct (`[attr]`) or any expression.
    Expression(Expression),
    /// A constant.
    Constant(Value),
    /// Nothing: only the default, where the target is empty.
    None,
}

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributeMapping {
    /// Where to, e.g. `emails[type eq "work"].value`.
    pub target: AttributePath,
    /// Where from.
    pub from: From,
    /// On create in place of a null; for [`From::None`] also on update where the target is empty.
    pub default: Option<Value>,
    /// Precedence as a matching property, lowest first.
    pub matching: Option<u32>,
    /// When it acts.
    pub when: When,
    /// What a null does on update.
    pub nulls: Nulls,
}

/// The rows of one kind of object, whether it is on, what may act, and its scoping filter.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectMapping {
    /// Whether objects of this kind are provisioned.
    pub enabled: bool,
    /// Whether objects may be created.
    pub create: bool,
    /// Whether they may be changed; disabling is a change.
    pub update: bool,
    /// Whether they may be deleted.
    pub delete: bool,
    /// In the order of the file.
    pub rows: Vec<AttributeMapping>,
    /// Which objects are in scope.
    pub scoping: ScopingFilter,
}

/// Why a mapping can't be read or saved.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MappingError {
    /// An expression is wrong, or names what isn't known.
    #[error("{row}: {}", error.caret(text))]
    Expression {
        /// The row's target, or the scoping filter's title.
        row: String,
        /// The expression.
        text: String,
        /// What is wrong with it.
        error: ExpressionError,
    },
    /// The TOML has not the form.
    #[error("{0}")]
    Toml(String),
    /// The app has no such attribute.
    #[error("unknown target attribute {target}{}", hint.as_ref().map(|h| format!(" (did you mean {h}?)")).unwrap_or_default())]
    UnknownTarget {
        /// As written.
        target: String,
        /// The nearest there is.
        hint: Option<String>,
    },
    /// Anything else, in words.
    #[error("{0}")]
    Other(String),
}

/// One row's outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapped {
    /// Which row (index).
    pub row: usize,
    /// The target path.
    pub target: AttributePath,
    /// The value; `Null`: skip, or clear where [`Mapped::clear`].
    pub value: Value,
    /// The null policy says clear.
    pub clear: bool,
    /// Write the value only where the target has none ([`From::None`] on update).
    pub only_if_empty: bool,
    /// Hide it in logs.
    pub redacted: bool,
    /// How the expression came to its value, where the context records it.
    pub trace: Vec<Trace>,
}

/// Creating or updating.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The object is new in the target.
    Create,
    /// It is there.
    Update,
}

impl ObjectMapping {
    /// Reads the TOML table of one kind (`users` or `groups`). Errors: an expression that does not parse (with a caret), a
    /// target that is no path, unknown keys.
    pub fn from_toml(table: &toml::Table) -> Result<Self, MappingError> {
        form::read(table)
    }

    /// The same table again.
    pub fn to_toml(&self) -> toml::Table {
        form::write(self)
    }

    /// Every bracketed name known, every target in `target` and writable, no target twice, precedences distinct.
    pub fn check(&self, source: &Known<'_>, target: &ResourceType) -> Result<(), MappingError> {
        let mut targets = std::collections::HashSet::new();
        let mut precedences = std::collections::HashSet::new();
        for row in &self.rows {
            let name = row.target.to_string();
            row.check_target(&name, target)?;
            row.check_unique_value(&name)?;
            if !targets.insert(name.to_lowercase()) {
                return Err(MappingError::Other(format!("{name} is mapped twice")));
            }
            if let Some(precedence) = row.matching
                && !precedences.insert(precedence)
            {
                return Err(MappingError::Other(format!(
                    "{name}: two rows match with precedence {precedence}"
                )));
            }
            if let From::Expression(expression) = &row.from {
                expression.check(source).map_err(|error| MappingError::Expression {
                    row: name,
                    text: expression.text().to_owned(),
                    error,
                })?;
            }
        }
        self.scoping.check(source)
    }

    /// Evaluates every row that acts at `moment`, in order. Errors with the row's index. A recorded trace goes to each
    /// row's [`Mapped::trace`].
    pub fn apply(&self, cx: &mut Context<'_>, moment: Moment) -> Result<Vec<Mapped>, (usize, EvalError)> {
        let acts = |row: &&AttributeMapping| row.when == When::Always || moment == Moment::Create;
        let mut mapped = Vec::with_capacity(self.rows.len());
        for (i, row) in self.rows.iter().enumerate().filter(|(_, row)| acts(row)) {
            mapped.push(row.apply(i, cx, moment).map_err(|e| (i, e))?);
        }
        Ok(mapped)
    }

    /// Matching rows by precedence.
    pub fn matchers(&self) -> Vec<&AttributeMapping> {
        let mut rows: Vec<_> = self.rows.iter().filter(|row| row.matching.is_some()).collect();
        rows.sort_by_key(|row| row.matching);
        rows
    }
}

impl AttributeMapping {
    /// A row that always acts, with nothing else set.
    pub fn new(target: AttributePath, from: From) -> Self {
        Self { target, from, default: None, matching: None, when: When::default(), nulls: Nulls::default() }
    }

    fn check_target(&self, name: &str, target: &ResourceType) -> Result<(), MappingError> {
        let Some(resolved) = target.resolve(&self.target) else {
            let hint = nearest(name, &paths(target)).map(str::to_owned);
            return Err(MappingError::UnknownTarget { target: name.to_owned(), hint });
        };
        let read_only =
            |attribute: Option<&Attribute>| attribute.is_some_and(|a| a.mutability == Mutability::ReadOnly);
        if read_only(resolved.attribute) || read_only(resolved.sub) {
            return Err(MappingError::Other(format!("{name} is read-only, the app sets it itself")));
        }
        Ok(())
    }

    /// A value chosen because it was free is free no longer: it is chosen once, and finds nobody again.
    fn check_unique_value(&self, name: &str) -> Result<(), MappingError> {
        let unique = matches!(&self.from, From::Expression(expression) if expression.is_unique_value());
        let what = match (unique, self.matching, self.when) {
            (true, Some(_), _) => "cannot be a matching property",
            (true, None, When::Always) => "needs when = \"on_create\"",
            _ => return Ok(()),
        };
        Err(MappingError::Other(format!("{name}: a row with SelectUniqueValue {what}")))
    }

    fn apply(&self, row: usize, cx: &mut Context<'_>, moment: Moment) -> Result<Mapped, EvalError> {
        let mut mapped = Mapped {
            row,
            target: self.target.clone(),
            value: Value::Null,
            clear: false,
            only_if_empty: false,
            redacted: false,
            trace: Vec::new(),
        };
        let mut may_clear = true;
        match &self.from {
            From::Constant(value) => mapped.value = value.clone(),
            From::Expression(expression) => {
                mapped.redacted = expression.redacted();
                may_clear = !expression.is_call_of("IgnoreFlowIfNullOrEmpty");
                let before = cx.trace.as_deref().map_or(0, Vec::len);
                mapped.value = self.evaluate(expression, cx)?;
                if let Some(trace) = cx.trace.as_deref_mut() {
                    mapped.trace = trace.split_off(before);
                }
            }
            From::None => {
                mapped.value = self.default.clone().unwrap_or_default();
                mapped.only_if_empty = moment == Moment::Update;
                return Ok(mapped);
            }
        }
        if moment == Moment::Create && mapped.value.is_null() {
            mapped.value = self.default.clone().unwrap_or_default();
        }
        if moment == Moment::Update && self.nulls == Nulls::Clear && may_clear && mapped.value.is_empty() {
            mapped.value = Value::Null;
            mapped.clear = true;
        }
        Ok(mapped)
    }

    /// Each row has chance of its own: what is random in two rows differs.
    fn evaluate(&self, expression: &Expression, cx: &mut Context<'_>) -> Result<Value, EvalError> {
        if !expression.is_random() && !expression.is_unique_value() {
            return expression.eval(cx);
        }
        let seed = [cx.seed, self.target.to_string().as_bytes()].concat();
        expression.eval(&mut Context {
            object: cx.object,
            named: cx.named,
            ignore_case: cx.ignore_case,
            lookup: &mut *cx.lookup,
            now: cx.now,
            seed: &seed,
            target: Some(&self.target),
            trace: cx.trace.as_deref_mut(),
        })
    }
}

/// Every path of a type, for hints.
fn paths(of: &ResourceType) -> Vec<String> {
    let mut paths = Vec::new();
    let extensions = of.extensions.iter().map(|(schema, _)| (schema, format!("{}:", schema.id)));
    for (schema, prefix) in std::iter::once((&of.schema, String::new())).chain(extensions) {
        for attribute in &schema.attributes {
            paths.push(format!("{prefix}{}", attribute.name));
            let subs = attribute.sub_attributes.iter();
            paths.extend(subs.map(|sub| format!("{prefix}{}.{}", attribute.name, sub.name)));
        }
    }
    paths
}

/// Writes mapped values into a new document of `target`'s type (for a create, or as the desired state). Nulls are left out.
/// Errors: `invalidPath` for a target the type does not have, `invalidValue` for a value of another type.
pub fn document(target: &ResourceType, values: &[Mapped]) -> Result<Object, ScimError> {
    let mut object = Object::new();
    for mapped in values.iter().filter(|mapped| !mapped.value.is_null()) {
        let json = json_for(target, &mapped.target, &mapped.value)?;
        usher_scim::resource::write(target, &mut object, &mapped.target, json)?;
    }
    Ok(object)
}

/// A value as the JSON of the attribute that a path names: the texts True and False become a boolean, numeric text a
/// number, a date RFC 3339; a single-valued attribute takes the first of several values, a multi-valued one takes one as
/// a list of one; a complex one takes text as its `value`. Null stays null. Errors as [`document`].
pub fn json_for(
    target: &ResourceType,
    path: &AttributePath,
    value: &Value,
) -> Result<serde_json::Value, ScimError> {
    if value.is_null() {
        return Ok(serde_json::Value::Null);
    }
    let Some(resolved) = target.resolve(path) else {
        return Err(ScimError::bad(
            ScimType::InvalidPath,
            format!("{} has no attribute {path}", target.name),
        ));
    };
    let Resolved { attribute: Some(attribute), sub, .. } = resolved else {
        return untyped(path, &resolved, value);
    };
    let leaf = sub.unwrap_or(attribute);
    // A filter chooses one value of a multi-valued attribute.
    let many = leaf.multi_valued && (sub.is_some() || path.filter.is_none());
    let one = |value: &Value| {
        typed(leaf, value).ok_or_else(|| {
            let kind = format!("{:?}", leaf.kind).to_lowercase();
            ScimError::bad(ScimType::InvalidValue, format!("{path} takes a {kind} value, which this is not"))
        })
    };
    if many {
        return value.items().iter().map(one).collect::<Result<Vec<_>, _>>().map(serde_json::Value::Array);
    }
    value.items().first().map_or(Ok(serde_json::Value::Null), one)
}

/// Where no attribute is described: in an open schema any value is one, a whole extension is an object.
fn untyped(path: &AttributePath, at: &Resolved<'_>, value: &Value) -> Result<serde_json::Value, ScimError> {
    match value {
        Value::List(items) if at.open && items.len() == 1 => Ok(items[0].to_json()),
        Value::Object(_) => Ok(value.to_json()),
        _ if at.open => Ok(value.to_json()),
        _ => Err(ScimError::bad(ScimType::InvalidValue, format!("{path} takes an object"))),
    }
}

fn typed(attribute: &Attribute, value: &Value) -> Option<serde_json::Value> {
    use serde_json::Value as Json;
    match attribute.kind {
        Type::Boolean => match value.as_text()?.to_ascii_lowercase().as_str() {
            "true" => Some(Json::Bool(true)),
            "false" => Some(Json::Bool(false)),
            _ => None,
        },
        Type::Integer => value.whole().map(Json::from),
        Type::Decimal => match value {
            Value::Integer(_) | Value::Decimal(_) => Some(value.to_json()),
            other => {
                other.as_text()?.parse::<f64>().ok().and_then(serde_json::Number::from_f64).map(Json::Number)
            }
        },
        Type::DateTime => value.moment().map(|at| Value::DateTime(at).to_json()),
        Type::String | Type::Reference | Type::Binary => match value {
            // A reference or role given whole: its value is meant.
            Value::Object(object) => Value::from_json(object.get("value")?).text().map(Json::String),
            other => other.text().map(Json::String),
        },
        Type::Complex => match value {
            Value::Object(object) => Some(Json::Object(object.clone())),
            other => {
                let sub = attribute.sub_attributes.iter().find(|sub| sub.name == "value")?;
                Some(Json::Object(Object::from_iter([(sub.name.clone(), typed(sub, other)?)])))
            }
        },
    }
}
