//! What is asked of every input of a fuzz target: no panic, and the properties that hold for all texts.
//!
//! The fuzzer calls these with inputs of its own making, the tests with the files of `fuzz/corpus/`.

use serde_json::{Value, json};
use usher_mapping::{Context, Expression, Known, NoLookup};
use usher_scim::{
    AttributePath, Filter, Object, ResourceType, Tolerance, body as json_body, filter,
    patch::Patch,
    resource::{self, Place},
    schema,
};

/// A function of this file that takes an input.
pub type Target = fn(&[u8]);

/// The targets by name; `fuzz/corpus/` has a folder for each.
pub const TARGETS: [(&str, Target); 5] =
    [("filter", filter), ("path", path), ("patch", patch), ("body", body), ("expression", expression)];

const BOTH: [Tolerance; 2] = [Tolerance::Tolerant, Tolerance::Strict];

fn users() -> ResourceType {
    let extensions =
        vec![schema::enterprise_user_4me(), schema::custom_fields_4me(), schema::directory_user(Vec::new())];
    ResourceType::user(schema::user(), extensions)
}
fn groups() -> ResourceType {
    ResourceType::group(schema::group_4me())
}

/// A user with something at every kind of place: simple, complex, several values, extensions listed and open.
fn ann() -> Object {
    let json = json!({
        "userName": "ann", "active": true, "displayName": "Ann", "externalId": "7",
        "name": {"givenName": "A", "familyName": "B"},
        "emails": [{"value": "w@x", "type": "work", "primary": true}, {"value": "h@x", "type": "home"}],
        "addresses": [{"type": "work", "locality": "Oslo"}],
        "roles": [{"value": "admin"}],
        schema::ENTERPRISE: {"department": "D", "manager": {"value": "m"}},
        schema::CUSTOM_FIELDS_4ME: {"payroll_id": 7, "tags": ["a", "b"]},
    });
    json.as_object().cloned().unwrap_or_default()
}
fn sales() -> Object {
    json!({"displayName": "Sales", "groupType": "Team"}).as_object().cloned().unwrap_or_default()
}

/// Decimal fractions may change in their last digit when they are printed and read again; all else stays.
fn has_fraction(filter: &Filter) -> bool {
    match filter {
        Filter::And(terms) | Filter::Or(terms) => terms.iter().any(has_fraction),
        Filter::Not(inner) => has_fraction(inner),
        Filter::Value(_, inner) => has_fraction(inner),
        Filter::Present(path) => path.filter.as_deref().is_some_and(has_fraction),
        Filter::Compare(path, _, value) => value.is_f64() || path.filter.as_deref().is_some_and(has_fraction),
    }
}

/// Filters: read, printed, read again, compiled and asked.
pub fn filter(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for how in BOTH {
        match Filter::read(text, how) {
            Ok((filter, _)) => {
                let printed = filter.to_string();
                let again = Filter::parse(&printed);
                assert!(again.is_ok() || printed.chars().count() > 10_000, "{text} was printed as {printed}");
                if let Ok(again) = again
                    && !has_fraction(&filter)
                {
                    assert_eq!(again, filter, "{text} was printed as {printed}");
                }
                for of in [users(), groups()] {
                    for unknown in [filter::Unknown::Absent, filter::Unknown::Refused] {
                        if let Ok(compiled) = filter.compile(&of, unknown, how) {
                            compiled.matches(&ann());
                            compiled.matches(&sales());
                        }
                    }
                }
            }
            Err(e) => {
                assert!(text.get(e.span.clone()).is_some(), "{text}: {e} at {:?}", e.span);
            }
        }
    }
}

/// Paths: read, printed, read again, resolved, read from and written to.
pub fn path(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(path) = AttributePath::parse(text) else { return };
    if !path.filter.as_deref().is_some_and(has_fraction) {
        assert_eq!(AttributePath::parse(&path.to_string()).ok().as_ref(), Some(&path), "{text}");
    }
    for (of, object) in [(users(), ann()), (groups(), sales())] {
        if let Ok(place) = Place::new(&of, &path) {
            let read: Vec<Value> = place.read(&object).into_iter().cloned().collect();
            assert_eq!(read, resource::read(&of, &object, &path).into_iter().cloned().collect::<Vec<_>>());
        }
        for value in [json!("x"), json!(true), json!({"value": "x"}), json!([{"value": "x"}]), Value::Null] {
            let mut changed = object.clone();
            if resource::write(&of, &mut changed, &path, value) == Ok(false) {
                assert_eq!(changed, object, "{text}: a write that changed nothing changed something");
            }
        }
    }
}

/// PATCH messages: read, applied to a user and a group; the result is canonical, and what changed nothing changed nothing.
pub fn patch(data: &[u8]) {
    let Ok(body) = json_body::parse(data) else { return };
    for how in BOTH {
        for own_body in [false, true] {
            let Ok(patch) = Patch::parse(&body, how, own_body) else { continue };
            patch.touches_members();
            let _ = patch.check_id("7");
            for (of, object) in [(users(), ann()), (groups(), sales())] {
                let Ok(applied) = patch.apply(&of, &object, how) else { continue };
                if !applied.changed {
                    assert_eq!(applied.object, object);
                }
                canonical(&of, &applied.object, how);
                let _ = patch.apply(&of, &applied.object, how);
            }
        }
    }
}

/// What was taken in or patched is what a body of the same content becomes.
fn canonical(of: &ResourceType, object: &Object, how: Tolerance) {
    let mut body = object.clone();
    body.insert("schemas".into(), resource::schemas(of, object).into());
    let again = resource::accept(of, &body, how).map(|accepted| accepted.object);
    assert_eq!(again.as_ref(), Ok(object));
}

/// Bodies: bytes to JSON, taken in for each type, checked, merged, cut.
pub fn body(data: &[u8]) {
    let Ok(body) = json_body::parse(data) else { return };
    for (of, there) in [(users(), ann()), (groups(), sales())] {
        for how in BOTH {
            let Ok(accepted) = resource::accept(&of, &body, how) else { continue };
            canonical(&of, &accepted.object, how);
            let _ = resource::check(&of, &accepted.object);
            let mut after = accepted.object.clone();
            let _ = resource::keep_immutable(&of, &there, &mut after);
            assert!(resource::unchanged(&accepted.object, &accepted.object));
            let merged = resource::merge(&of, &there, accepted);
            let _ = resource::check(&of, &merged);
        }
    }
}

/// Expressions: parsed, printed both ways, parsed again, checked, evaluated over a user.
pub fn expression(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let parsed = match Expression::parse(text) {
        Ok(parsed) => parsed,
        Err(e) => {
            assert!(text.get(e.span.clone()).is_some(), "{text}: {e} at {:?}", e.span);
            e.caret(text);
            return;
        }
    };
    assert_eq!(parsed.to_string(), text);
    let canonical = parsed.canonical();
    match Expression::parse(&canonical) {
        Ok(again) => assert_eq!(again.canonical(), canonical, "{text}"),
        // Canonical forms write out what a text may leave implicit, and so can outgrow the bound.
        Err(e) => assert!(canonical.chars().count() > 10_000, "{text} prints as {canonical}: {e}"),
    }
    let (user, object) = (users(), ann());
    let _ = parsed.check(&Known { types: &[&user], ..Known::default() });
    let mut lookup = NoLookup;
    let mut context = Context::new(&object, &mut lookup, jiff::Timestamp::UNIX_EPOCH);
    let _ = parsed.eval(&mut context);
}
