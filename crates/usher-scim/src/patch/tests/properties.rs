use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::resource::accept;

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3i64..3).prop_map(Value::from),
        "(work|home|True|False||a@x|\\PC{0,3})".prop_map(Value::from),
    ];
    let key = "(value|type|primary|display|\\$ref|givenName|name|emails|members|schemas|manager|active|userName|title|roles|name\\.givenName|emails\\[type eq \"work\"\\]\\.value|urn:ietf:params:scim:schemas:extension:enterprise:2\\.0:User|[a-z.]{0,4})";
    leaf.prop_recursive(3, 24, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(key, inner, 0..4)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

fn operation_json() -> impl Strategy<Value = Value> {
    let path = "(title|name|name\\.givenName|emails|emails\\.value|emails\\[type eq \"work\"\\]|emails\\[type eq \"work\"\\]\\.(value|primary)|manager|members|schemas|active|roles|[a-z\\[\\]. ]{0,5})";
    ("(add|remove|replace|Add|x)", proptest::option::of(path), proptest::option::of(json_value())).prop_map(
        |(op, path, value)| {
            let mut operation = Object::new();
            operation.insert("op".into(), op.into());
            operation.extend(path.map(|p| ("path".to_owned(), p.into())));
            operation.extend(value.map(|v| ("value".to_owned(), v)));
            Value::Object(operation)
        },
    )
}

proptest! {
    #[test]
    fn nothing_panics_and_results_are_canonical(
        operations in proptest::collection::vec(operation_json(), 0..4),
        body in json_value(),
    ) {
        for how in [Tolerance::Tolerant, Tolerance::Strict] {
            if let Ok(applied) = patch(&ann(), operations.clone().into(), how) {
                // What comes out is what a body with the same content would become.
                let mut body = applied.object.clone();
                body.insert("schemas".into(), schemas(&users(), &body).into());
                prop_assert_eq!(&accept(&users(), &body, Tolerance::Strict).unwrap().object, &applied.object);
                let again = patch(&applied.object, operations.clone().into(), how);
                // A filter may match less after the first time, but nothing breaks.
                let _ = again;
            }
            if let Value::Object(body) = &body {
                for of in [users(), groups()] {
                    if let Ok(patch) = Patch::parse(body, how, true) {
                        let _ = patch.apply(&of, &ann(), how);
                    }
                    let _ = accept(&of, body, how);
                }
            }
        }
    }

    /// Against a model: single-valued text attributes as a plain map.
    #[test]
    fn plain_attributes_follow_a_map(
        steps in proptest::collection::vec(("(title|nickName|userType)", 0..4, proptest::option::of("[a-z]{1,3}")), 0..8),
    ) {
        let mut model: std::collections::BTreeMap<String, String> = [("title".to_owned(), "Old".to_owned())].into();
        let mut operations = Vec::new();
        for (name, kind, value) in steps {
            match (kind, value) {
                (0, Some(v)) => {
                    operations.push(json!({"op": "add", "path": name, "value": v}));
                    model.insert(name, v);
                }
                (1, Some(v)) => {
                    operations.push(json!({"op": "replace", "value": {name.clone(): v}}));
                    model.insert(name, v);
                }
                (2, None) => {
                    operations.push(json!({"op": "replace", "path": name, "value": null}));
                    model.remove(&name);
                }
                _ => {
                    operations.push(json!({"op": "remove", "path": name}));
                    model.remove(&name);
                }
            }
        }
        let done = after(operations.into());
        for name in ["title", "nickName", "userType"] {
            prop_assert_eq!(done.get(name).and_then(Value::as_str), model.get(name).map(String::as_str));
        }
    }
}
