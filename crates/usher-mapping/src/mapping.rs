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
//! when = "always"                  # or "on_create", or "add_values" (of a multi-valued attribute nothing is taken away)
//! nulls = "skip"                   # or "clear"
//! default = "…"                    # used on create when the source is null
//! [[users.scoping]]                # see `scoping`
//! [[users.attribute]]              # what the app has beyond its gallery entry, see `TargetAttribute`
//! name = "urn:example:hr:2.0:User:badge"
//! [users.table.sites]              # Lookup("sites", [city])
//! Berlin = "BER"
//! [[users.case]]                   # see `Case`
//! name = "somebody in Berlin"
//! object = { userName = "ann@example.com", city = "Berlin" }
//! expect = { userName = "ann@example.com" }
//! ```

use usher_scim::{AttributePath, ResourceType};

use crate::expression::Trace;
use crate::{Context, EvalError, Expression, ExpressionError, ScopingFilter, Value};

mod added;
mod case;
mod check;
mod form;
mod table;
mod write;
mod writer;

pub use added::{TargetAttribute, extended};
pub use case::{Case, Failed};
pub use table::Tables;
pub use write::{document, json_for};
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
    /// On create and on update, but values of a multi-valued attribute are only added, never taken away.
    AddValues,
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
    /// What the app has beyond its gallery entry.
    pub attributes: Vec<TargetAttribute>,
    /// Look-up tables.
    pub tables: Tables,
    /// Golden cases.
    pub cases: Vec<Case>,
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
        /// The nearest there are.
        hint: Option<String>,
    },
    /// Golden cases did not come out as expected.
    #[error("{}", said(.0))]
    Cases(Vec<Failed>),
    /// Anything else, in words.
    #[error("{0}")]
    Other(String),
}

/// The first few, a line each.
fn said(failed: &[Failed]) -> String {
    const MOST: usize = 10;
    let mut text = failed.iter().take(MOST).map(ToString::to_string).collect::<Vec<_>>().join("\n");
    if failed.len() > MOST {
        text.push_str(&format!("\n… and {} more", failed.len() - MOST));
    }
    text
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
    /// Add these values to those that are there ([`When::AddValues`]).
    pub add_only: bool,
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

    /// Evaluates every row that acts at `moment`, in order. Errors with the row's index. A recorded trace goes to each
    /// row's [`Mapped::trace`].
    pub fn apply(&self, cx: &mut Context<'_>, moment: Moment) -> Result<Vec<Mapped>, (usize, EvalError)> {
        let acts = |row: &&AttributeMapping| row.when != When::OnCreate || moment == Moment::Create;
        let mut lookup = table::WithTables { tables: &self.tables, beyond: &mut *cx.lookup };
        let mut cx = Context {
            object: cx.object,
            named: cx.named,
            ignore_case: cx.ignore_case,
            lookup: &mut lookup,
            now: cx.now,
            seed: cx.seed,
            target: cx.target,
            trace: cx.trace.as_deref_mut(),
        };
        let mut mapped = Vec::with_capacity(self.rows.len());
        for (i, row) in self.rows.iter().enumerate().filter(|(_, row)| acts(row)) {
            mapped.push(row.apply(i, &mut cx, moment).map_err(|e| (i, e))?);
        }
        Ok(mapped)
    }

    /// The app's type with the attributes that this mapping adds.
    pub fn target(&self, of: &ResourceType) -> ResourceType {
        extended(of, &self.attributes)
    }

    /// Whether an expression or the scoping filter reads that attribute (ignoring case, or by an alias of it).
    pub fn mentions(&self, attribute: &str) -> bool {
        let row = |row: &AttributeMapping| matches!(&row.from, From::Expression(e) if e.mentions(attribute));
        self.rows.iter().any(row) || self.scoping.mentions(attribute)
    }

    /// Whether a value, or who is in scope, depends on when it is asked: an expression with `Now()`, a filter on a time counted from now.
    pub fn reads_time(&self) -> bool {
        self.scoping.reads_time() || self.rows.iter().any(AttributeMapping::reads_time)
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

    /// Whether its value depends on when it is asked.
    pub fn reads_time(&self) -> bool {
        matches!(&self.from, From::Expression(expression) if expression.calls("Now"))
    }

    fn apply(&self, row: usize, cx: &mut Context<'_>, moment: Moment) -> Result<Mapped, EvalError> {
        let mut mapped = Mapped {
            row,
            target: self.target.clone(),
            value: Value::Null,
            clear: false,
            only_if_empty: false,
            add_only: self.when == When::AddValues,
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
        if moment == Moment::Update
            && self.nulls == Nulls::Clear
            && may_clear
            && !mapped.add_only
            && mapped.value.is_empty()
        {
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
