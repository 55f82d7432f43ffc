//! Multi-valued attributes. One value is a list of one, null a list of none.

use super::{Function, Run};
use crate::descend::{Path, equal_text};
use crate::expression::eval::Call;
use crate::{EvalError, Value};

type Answer = Result<Value, EvalError>;

pub(super) const TABLE: &[Function] = &[
    Function::new("First", "(list)", (1, Some(1)), Run::Eager(|c| Ok(c.take(0).into_items().into_iter().next().unwrap_or_default())))
        .doc("The first value.", &[(r#"First(Split("a,b", ","))"#, r#""a""#), ("First(null)", "null")]),
    Function::new("Last", "(list)", (1, Some(1)), Run::Eager(|c| Ok(c.take(0).into_items().pop().unwrap_or_default())))
        .doc("The last value.", &[(r#"Last(Split("a,b", ","))"#, r#""b""#)]),
    Function::new("Item", "(list, index)", (2, Some(2)), Run::Eager(item)).doc(
        "The value at a position, from 1; an error if there is none.",
        &[(r#"Item(Split("a,b", ","), 2)"#, r#""b""#), (r#"Item("a", 1)"#, r#""a""#)],
    ),
    Function::new("Count", "(list)", (1, Some(1)), Run::Eager(|c| Ok(Value::Integer(c.value(0).items().len() as i64))))
        .sees_null()
        .doc("How many values there are.", &[
            (r#"Count(Split("a,b,a", ","))"#, "3"),
            (r#"Count("a")"#, "1"),
            ("Count(null)", "0"),
        ]),
    Function::new("Where", "(list, path, value?, \"ignoreCase\"?)", (2, Some(4)), Run::Eager(|c| choose(c, true)))
        .may_be_empty(&[1])
        .path(1)
        .doc("The values whose attribute equals the value, or is true or present if no value is given; an empty path is the value itself.", &[
            (r#"Where([emails], "type", "work")"#, r#"[{"primary":true,"type":"work","value":"John.Doe@contoso.com"}]"#),
            (r#"Map(Where([emails], "primary"), "value")"#, r#"["John.Doe@contoso.com"]"#),
            (r#"Where(Split("a,b", ","), "", "b")"#, r#"["b"]"#),
            (r#"Where([emails], "type", "fax")"#, "null"),
        ]),
    Function::new("Reject", "(list, path, value?, \"ignoreCase\"?)", (2, Some(4)), Run::Eager(|c| choose(c, false)))
        .may_be_empty(&[1])
        .path(1)
        .doc("The other values than `Where` gives.", &[
            (r#"Map(Reject([emails], "value", "john.doe@contoso.com", "ignoreCase"), "value")"#, r#"["john@home.example"]"#),
            (r#"Map(Reject([emails], "primary"), "value")"#, r#"["john@home.example"]"#),
        ]),
    Function::new("Map", "(list, path)", (2, Some(2)), Run::Eager(map)).path(1).doc(
        "An attribute of each value; values without it are left out.",
        &[(r#"Map([emails], "value")"#, r#"["John.Doe@contoso.com","john@home.example"]"#)],
    ),
    Function::new("Concat", "(list1, list2, …)", (1, None), Run::Eager(concat))
        .sees_null()
        .may_be_empty(&[0])
        .doc("All values of all lists; null is left out.", &[
            (r#"Concat(Split("a,b", ","), "c", null)"#, r#"["a","b","c"]"#),
            ("Concat(null, null)", "null"),
        ]),
    Function::new("RemoveDuplicates", "(list)", (1, Some(1)), Run::Eager(remove_duplicates))
        .doc("Each value once, the first stays.", &[(r#"RemoveDuplicates(Split("a,b,a", ","))"#, r#"["a","b"]"#)]),
    Function::new("Split", "(source, delimiter?)", (1, Some(2)), Run::Eager(split)).doc(
        "The parts of a text between delimiters (a comma if none is given), without blanks around them.",
        &[(
            r#"Split("PermissionSetOne, PermissionSetTwo", ",")"#,
            r#"["PermissionSetOne","PermissionSetTwo"]"#,
        )],
    ),
];

impl Function {
    const fn path(self, argument: usize) -> Self {
        Self { path: Some(argument), ..self }
    }
}

fn item(call: &mut Call<'_, '_, '_>) -> Answer {
    let index = call.whole(1)?.checked_sub(1).and_then(|i| usize::try_from(i).ok());
    let Some(index) = index else { return Err(call.wrong(1, "is less than 1")) };
    match call.value(0).items().get(index) {
        Some(value) => Ok(value.clone()),
        None => Err(call.wrong(1, "is more than there are values")),
    }
}

fn choose(call: &mut Call<'_, '_, '_>, wanted: bool) -> Answer {
    let source = call.take(0);
    let path = call.path(1)?;
    let value = call.given(2).then(|| call.value(2));
    let ignore_case = call.ignore_case(3)?;
    let holds = |item: &Value| {
        let found = at(item, path.as_deref());
        match value {
            None => found.items().iter().any(|v| !matches!(v, Value::Boolean(false)) && !v.is_empty()),
            Some(value) if ignore_case => match (found.as_text(), value.as_text()) {
                (Some(a), Some(b)) => equal_text(&a, &b),
                _ => found.equals(value),
            },
            Some(value) => found.equals(value),
        }
    };
    Ok(Value::list(source.into_items().into_iter().filter(|item| holds(item) == wanted)))
}

/// The values at a path below one value; the value itself without a path.
fn at(item: &Value, path: Option<&Path>) -> Value {
    match (item, path) {
        (Value::Object(object), Some(path)) => path.read(object),
        (_, Some(_)) => Value::Null,
        (plain, None) => plain.clone(),
    }
}

fn map(call: &mut Call<'_, '_, '_>) -> Answer {
    let source = call.take(0);
    let path = call.path(1)?;
    Ok(Value::list(source.into_items().iter().flat_map(|item| at(item, path.as_deref()).into_items())))
}

fn concat(call: &mut Call<'_, '_, '_>) -> Answer {
    Ok(Value::list(call.from(0).iter().flat_map(Value::items).cloned()))
}

fn remove_duplicates(call: &mut Call<'_, '_, '_>) -> Answer {
    let mut seen = std::collections::HashSet::new();
    // The printed form tells values of all kinds apart, and hashing keeps long lists linear.
    Ok(Value::list(call.take(0).into_items().into_iter().filter(|value| seen.insert(value.to_string()))))
}

fn split(call: &mut Call<'_, '_, '_>) -> Answer {
    let delimiter = call.text(1)?;
    let delimiter = if delimiter.is_empty() { "," } else { delimiter.as_ref() };
    let mut parts = Vec::new();
    for text in call.value(0).items() {
        let text = text.as_text().ok_or_else(|| call.wrong(0, "is an object where a text is expected"))?;
        parts.extend(text.split(delimiter).map(|part| Value::from(part.trim())));
    }
    Ok(Value::List(parts))
}
