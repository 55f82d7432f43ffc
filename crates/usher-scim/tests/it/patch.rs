//! Sequences of PATCH operations against a plain model.

use proptest::prelude::*;
use serde_json::{Value, json};
use usher_scim::{Object, ResourceType, Tolerance, message, patch::Patch, schema};

use crate::model::{Model, Parts, Refused};

const HR: &str = schema::ENTERPRISE;

/// What one operation (or one key of an operation without a path) does.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// A single-valued attribute.
    Plain(&'static str, Value),
    /// `name`, or the enterprise extension, as a whole.
    Whole(&'static str, Parts),
    /// `name.givenName`, `urn:…:department`.
    Part(&'static str, &'static str, Value),
    /// `emails`.
    Emails(Vec<Parts>),
    /// `emails[type eq "…"]`.
    Chosen(&'static str, Parts),
    /// `emails[type eq "…"].value`; without a type `emails.value`.
    ChosenPart(Option<&'static str>, &'static str, Value),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Add,
    Replace,
    Remove,
}

impl Step {
    fn path(&self) -> String {
        match self {
            Self::Plain(name, _) | Self::Whole(name, _) => (*name).to_owned(),
            Self::Part(HR, part, _) => format!("{HR}:{part}"),
            Self::Part(name, part, _) => format!("{name}.{part}"),
            Self::Emails(_) => "emails".into(),
            Self::Chosen(kind, _) => format!("emails[type eq \"{kind}\"]"),
            Self::ChosenPart(None, part, _) => format!("emails.{part}"),
            Self::ChosenPart(Some(kind), part, _) => format!("emails[type eq \"{kind}\"].{part}"),
        }
    }
    fn value(&self) -> Value {
        match self {
            Self::Plain(_, value) | Self::Part(_, _, value) | Self::ChosenPart(_, _, value) => value.clone(),
            Self::Whole(_, parts) | Self::Chosen(_, parts) => json!(parts),
            Self::Emails(all) => json!(all),
        }
    }
    /// Whether it can be a key of an operation without a path.
    fn is_key(&self) -> bool {
        matches!(self, Self::Plain(..) | Self::Whole(..) | Self::Emails(_))
    }
}

/// An operation: one step with its path, or several as keys of a value without one.
#[derive(Debug, Clone)]
struct Operation(Op, Vec<Step>, bool);

impl Operation {
    fn json(&self) -> Value {
        let Self(op, steps, pathless) = self;
        let op_name = match op {
            Op::Add => "add",
            Op::Replace => "replace",
            Op::Remove => "remove",
        };
        if *pathless {
            let value: Object = steps.iter().map(|step| (step.path(), step.value())).collect();
            return json!({"op": op_name, "value": value});
        }
        match op {
            Op::Remove => json!({"op": op_name, "path": steps[0].path()}),
            _ => json!({"op": op_name, "path": steps[0].path(), "value": steps[0].value()}),
        }
    }
}

fn text() -> impl Strategy<Value = Value> {
    prop_oneof![4 => "[a-z]{1,2}".prop_map(Value::from), 1 => Just(Value::Null)]
}
fn kind() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["work", "home", "other"])
}
fn email() -> impl Strategy<Value = Parts> {
    let primary = prop_oneof![3 => Just(None), 1 => any::<bool>().prop_map(Some)];
    ("[a-c]@x", prop::option::of(kind()), prop::option::of("[a-b]"), primary).prop_map(
        |(value, kind, display, primary)| {
            let mut parts: Parts = [("value".to_owned(), json!(value))].into();
            parts.extend(kind.map(|kind| ("type".to_owned(), json!(kind))));
            parts.extend(display.map(|display| ("display".to_owned(), json!(display))));
            parts.extend(primary.map(|primary| ("primary".to_owned(), json!(primary))));
            parts
        },
    )
}
/// Two primaries in one list are refused, which has a test of its own.
fn emails() -> impl Strategy<Value = Vec<Parts>> {
    prop::collection::vec(email(), 0..4).prop_map(|mut all| {
        all.iter_mut().skip(1).for_each(|one| _ = one.remove("primary"));
        all
    })
}
fn parts(names: &'static [&'static str]) -> impl Strategy<Value = Parts> {
    prop::collection::btree_map(prop::sample::select(names).prop_map(str::to_owned), text(), 0..3)
}
fn step() -> impl Strategy<Value = Step> {
    const NAME: &[&str] = &["givenName", "familyName", "formatted"];
    const WORK: &[&str] = &["department", "division", "costCenter"];
    let name = prop::sample::select(vec!["title", "nickName", "externalId", "userType"]);
    let part = prop_oneof![
        ("[a-c]@x").prop_map(|v| ("value", json!(v))),
        text().prop_map(|v| ("value", v)),
        text().prop_map(|v| ("display", v)),
        any::<bool>().prop_map(|v| ("primary", json!(v))),
    ];
    prop_oneof![
        (name, text()).prop_map(|(name, value)| Step::Plain(name, value)),
        any::<bool>().prop_map(|value| Step::Plain("active", json!(value))),
        parts(NAME).prop_map(|parts| Step::Whole("name", parts)),
        parts(WORK).prop_map(|parts| Step::Whole(HR, parts)),
        (prop::sample::select(NAME), text()).prop_map(|(part, value)| Step::Part("name", part, value)),
        (prop::sample::select(WORK), text()).prop_map(|(part, value)| Step::Part(HR, part, value)),
        emails().prop_map(Step::Emails),
        (kind(), email()).prop_map(|(kind, email)| Step::Chosen(kind, email)),
        (prop::option::weighted(0.8, kind()), part)
            .prop_map(|(kind, (part, value))| Step::ChosenPart(kind, part, value)),
    ]
}
fn operation() -> impl Strategy<Value = Operation> {
    let op = prop::sample::select(vec![Op::Add, Op::Replace, Op::Remove]);
    let keys = prop::collection::vec(step(), 1..4).prop_map(|steps| {
        let mut keys: Vec<Step> = Vec::new();
        for step in steps.into_iter().filter(Step::is_key) {
            if !keys.iter().any(|key| key.path() == step.path()) {
                keys.push(step);
            }
        }
        keys
    });
    prop_oneof![
        3 => (op, step()).prop_map(|(op, step)| Operation(op, vec![step], false)),
        1 => (any::<bool>(), keys).prop_map(|(add, keys)| {
            Operation(if add { Op::Add } else { Op::Replace }, keys, true)
        }),
    ]
}

/// The document with its emails in an order of their own: order says nothing.
fn sorted(mut document: Value) -> Value {
    if let Some(Value::Array(emails)) = document.get_mut("emails") {
        emails.sort_by_key(Value::to_string);
    }
    document
}

fn document(model: &Model) -> Object {
    let mut document: Object = model.plain.clone().into_iter().collect();
    document.extend(model.whole.iter().map(|(name, parts)| ((*name).to_owned(), json!(parts))));
    if !model.emails.is_empty() {
        document.insert("emails".into(), json!(model.emails));
    }
    document
}

fn ann() -> Model {
    let parts = |json: Value| -> Parts { json.as_object().unwrap().clone().into_iter().collect() };
    Model {
        plain: parts(json!({"userName": "ann", "title": "Old", "active": true})),
        whole: [("name", parts(json!({"givenName": "A", "familyName": "B"})))].into(),
        emails: vec![
            parts(json!({"value": "a@x", "type": "work", "primary": true})),
            parts(json!({"value": "b@x", "type": "home"})),
            parts(json!({"value": "c@x", "type": "home", "display": "a"})),
        ],
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn patch_follows_the_model(operations in prop::collection::vec(operation(), 1..8), strict in any::<bool>()) {
        let users = ResourceType::user(schema::user(), vec![schema::enterprise_user()]);
        let how = if strict { Tolerance::Strict } else { Tolerance::Tolerant };
        let before = document(&ann());

        let mut model = ann();
        let expected = operations
            .iter()
            .flat_map(|Operation(op, steps, _)| steps.iter().map(move |step| (op, step)))
            .try_for_each(|(op, step)| model.apply(*op, step, strict))
            .map(|()| sorted(document(&model).into()));

        let body = json!({
            "schemas": [message::PATCH],
            "Operations": operations.iter().map(Operation::json).collect::<Vec<_>>(),
        });
        let patch = Patch::parse(body.as_object().unwrap(), how, false).unwrap();
        let applied = patch.apply(&users, &before, how);
        let changed = applied.as_ref().is_ok_and(|a| a.changed);
        let got = applied.map(|a| sorted(a.object.into())).map_err(|_| Refused);
        prop_assert_eq!(&got, &expected, "{}", body);
        prop_assert_eq!(changed, got.is_ok_and(|after| after != sorted(before.into())));
    }
}
