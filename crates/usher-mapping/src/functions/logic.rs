//! Choosing and judging.

use super::{Function, Run};
use crate::descend::{equal_text, folded};
use crate::expression::ast::Node;
use crate::expression::eval::{Call, Eval};
use crate::{EvalError, Value};

type Answer = Result<Value, EvalError>;

pub(super) const TABLE: &[Function] = &[
    Function::new("Coalesce", "(source1, source2, …)", (1, None), Run::Lazy(coalesce)).may_be_empty(&[0]).doc(
        "The first that is not null; null when all are.",
        &[
            (r#"Coalesce([mail], [userPrincipalName])"#, r#""John.Doe@contoso.com""#),
            (r#"Coalesce([absent], [userPrincipalName])"#, r#""jdoe@contoso.com""#),
            (r#"Coalesce(null, null, "")"#, r#""""#),
            ("Coalesce(null, null)", "null"),
        ],
    ),
    Function::new("IIF", "(condition, then, else)", (3, Some(3)), Run::Lazy(iif)).may_be_empty(&[1, 2]).doc(
        "One of two, by a condition. Null is no hindrance, unlike in Entra.",
        &[
            (r#"IIF([country]="USA", [country], [department])"#, r#""Sales""#),
            (r#"IIF([absent]="", "none", [absent])"#, r#""none""#),
            (r#"IIF([country]="Germany" and [city]="Berlin", "here", "there")"#, r#""here""#),
        ],
    ),
    Function::new("Switch", "(source, default?, key1, value1, …)", (4, None), Run::Lazy(switch))
        .may_be_empty(&[0, 1, 3])
        .pairs(2)
        .doc(
            "The value of the key that equals the source, case-sensitive; a null source is the key \"\".",
            &[
                (
                    r#"Switch("QLD", "Australia/Sydney", "NSW", "Australia/Sydney", "QLD", "Australia/Brisbane")"#,
                    r#""Australia/Brisbane""#,
                ),
                (r#"Switch([absent], "Default Value", "true", "1", "", "0")"#, r#""0""#),
                (r#"Switch([active], , "False", "True", "True", "False")"#, r#""False""#),
                (r#"Switch("qld", , "QLD", "x")"#, "null"),
                (r#"Switch("1", , "01", "a", "1", "b")"#, r#""b""#),
            ],
        ),
    Function::new("And", "(condition1, condition2, …)", (1, None), Run::Lazy(|e, n| e.all(n).map(Value::Boolean)))
        .doc("Whether all hold; null does not hold.", &[("And(1 = 1, \"True\")", "True"), ("And(1 = 1, null)", "False")]),
    Function::new("Or", "(condition1, condition2, …)", (1, None), Run::Lazy(|e, n| e.any(n).map(Value::Boolean)))
        .doc("Whether one holds; null does not hold.", &[("Or(null, 1 = 1)", "True"), ("Or(1 = 2, \"x\")", "False")]),
    Function::new("Not", "(source)", (1, Some(1)), Run::Eager(|c| Ok((!is_true(c.value(0))).into())))
        .sees_null()
        .doc("`False` for `True`, `True` for anything else.", &[
            (r#"Not("True")"#, "False"),
            (r#"Not("x")"#, "True"),
            ("Not(null)", "True"),
        ]),
    Function::new("IsNull", "(source)", (1, Some(1)), Run::Eager(|c| Ok(c.value(0).is_null().into())))
        .sees_null()
        .doc("Whether it is absent.", &[("IsNull([absent])", "True"), (r#"IsNull("")"#, "False")]),
    Function::new("IsNothing", "(source)", (1, Some(1)), Run::Eager(|c| Ok(c.value(0).is_null().into())))
        .sees_null()
        .doc("The same as `IsNull`.", &[("IsNothing(null)", "True")]),
    Function::new("IsNullOrEmpty", "(source)", (1, Some(1)), Run::Eager(|c| Ok(c.value(0).is_empty().into())))
        .sees_null()
        .doc("Whether it is absent or \"\".", &[(r#"IsNullOrEmpty("")"#, "True"), (r#"IsNullOrEmpty("x")"#, "False")]),
    Function::new("IsPresent", "(source)", (1, Some(1)), Run::Eager(|c| Ok((!c.value(0).is_empty()).into())))
        .sees_null()
        .doc("Whether it is there and not \"\".", &[(r#"IsPresent("x")"#, "True"), (r#"IsPresent("")"#, "False")]),
    Function::new("IsString", "(source)", (1, Some(1)), Run::Eager(|c| Ok(c.value(0).as_text().is_some().into())))
        .sees_null()
        .doc("Whether it can be a text.", &[(r#"IsString("x")"#, "True"), ("IsString([emails])", "False")]),
    Function::new("IsEmail", "(source)", (1, Some(1)), Run::Eager(is_email))
        .sees_null()
        .doc("Whether it looks like an e-mail address.", &[
            (r#"IsEmail("ann.lee@example.org")"#, "True"),
            (r#"IsEmail("CONTOSO\\ann")"#, "False"),
            (r#"IsEmail("a@b@c")"#, "False"),
            ("IsEmail(null)", "False"),
        ]),
    Function::new("Equals", "(source, other, \"ignoreCase\"?)", (2, Some(3)), Run::Eager(equals)).doc(
        "As `=`; with \"ignoreCase\" whatever the case of letters.",
        &[
            (r#"Equals("Ann", "ann")"#, "False"),
            (r#"Equals("Ann", "ann", "ignoreCase")"#, "True"),
            (r#"Equals(null, "x")"#, "null"),
        ],
    ),
    Function::new("Contains", "(source, part, \"ignoreCase\"?)", (2, Some(3)), Run::Eager(|c| part(c, |s, p| s.contains(p))))
        .doc("Whether the text, or one text of a list, contains the other.", &[
            (r#"Contains("Key VIP", "VIP")"#, "True"),
            (r#"Contains("Key vip", "VIP")"#, "False"),
            (r#"Contains("Key vip", "VIP", "ignoreCase")"#, "True"),
        ]),
    Function::new("StartsWith", "(source, part, \"ignoreCase\"?)", (2, Some(3)), Run::Eager(|c| part(c, |s, p| s.starts_with(p))))
        .doc("Whether the text, or one text of a list, begins with the other.", &[
            (r#"StartsWith([userPrincipalName], "jd")"#, "True"),
        ]),
    Function::new("EndsWith", "(source, part, \"ignoreCase\"?)", (2, Some(3)), Run::Eager(|c| part(c, |s, p| s.ends_with(p))))
        .doc("Whether the text, or one text of a list, ends with the other.", &[
            (r#"EndsWith([mail], "@contoso.com")"#, "True"),
            (r#"EndsWith([mail], "@CONTOSO.com")"#, "False"),
        ]),
    Function::new("In", "(source, value1, value2, …)", (2, None), Run::Eager(is_in)).doc(
        "Whether it equals one of the values; lists count value by value.",
        &[(r#"In("b", "a", "b")"#, "True"), (r#"In("x", Split("a,b", ","))"#, "False")],
    ),
    Function::new("Redact", "(source)", (1, Some(1)), Run::Eager(|c| Ok(c.take(0))))
        .sees_null()
        .doc("The value itself, shown as [Redact] in logs, plans and traces.", &[(r#"Redact("s")"#, r#""s""#)]),
    Function::new("IgnoreFlowIfNullOrEmpty", "(source)", (1, Some(1)), Run::Eager(ignore_flow))
        .sees_null()
        .doc("The value; null or \"\" leaves the target as it is, even where nulls clear.", &[
            (r#"IgnoreFlowIfNullOrEmpty("x")"#, r#""x""#),
            (r#"IgnoreFlowIfNullOrEmpty("")"#, "null"),
        ]),
];

impl Function {
    const fn pairs(self, after: usize) -> Self {
        Self { pairs_after: Some(after), ..self }
    }
}

fn coalesce(eval: &mut Eval<'_, '_>, nodes: &[Node]) -> Answer {
    for node in nodes {
        let value = eval.value(node)?;
        if !value.is_null() {
            return Ok(value);
        }
    }
    Ok(Value::Null)
}

fn iif(eval: &mut Eval<'_, '_>, nodes: &[Node]) -> Answer {
    let [condition, then, otherwise] = nodes else { return Ok(Value::Null) };
    let chosen = if eval.value(condition)?.truth() { then } else { otherwise };
    eval.value(chosen)
}

fn switch(eval: &mut Eval<'_, '_>, nodes: &[Node]) -> Answer {
    let [source, default, pairs @ ..] = nodes else { return Ok(Value::Null) };
    let source = eval.value(source)?;
    for pair in pairs.chunks_exact(2) {
        let key = eval.value(&pair[0])?;
        let found =
            if source.is_null() { key.is_empty() } else { source.items().iter().any(|s| s.is_text(&key)) };
        if found {
            return eval.value(&pair[1]);
        }
    }
    eval.value(default)
}

/// `True` and nothing else (a number other than 0 is no truth to `Not`).
fn is_true(value: &Value) -> bool {
    value.as_text().is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

fn equals(call: &mut Call<'_, '_, '_>) -> Answer {
    let (a, b) = (call.value(0), call.value(1));
    if !call.ignore_case(2)? {
        return Ok(a.equals(b).into());
    }
    let same = |a: &Value, b: &Value| match (a.as_text(), b.as_text()) {
        (Some(a), Some(b)) => equal_text(&a, &b),
        _ => a.equals(b),
    };
    Ok((a.equals(b) || a.items().iter().any(|a| b.items().iter().any(|b| same(a, b)))).into())
}

fn part(call: &mut Call<'_, '_, '_>, holds: fn(&str, &str) -> bool) -> Answer {
    let part = call.text(1)?;
    let ignore_case = call.ignore_case(2)?;
    let one = |source: &Value| {
        source.as_text().is_some_and(|source| match ignore_case {
            true => holds(&folded(&source), &folded(&part)),
            false => holds(&source, &part),
        })
    };
    Ok(call.value(0).items().iter().any(one).into())
}

fn is_in(call: &mut Call<'_, '_, '_>) -> Answer {
    let source = call.value(0);
    Ok(call.from(1).iter().flat_map(Value::items).any(|value| source.equals(value)).into())
}

fn ignore_flow(call: &mut Call<'_, '_, '_>) -> Answer {
    let value = call.take(0);
    Ok(if value.is_empty() { Value::Null } else { value })
}

/// One `@`, something before it, and a domain with a dot after it; lengths as RFC 5321 §4.5.3.1 has them.
fn is_email(call: &mut Call<'_, '_, '_>) -> Answer {
    let holds = |text: &str| {
        let Some((local, domain)) = text.split_once('@') else { return false };
        let label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        };
        !local.is_empty()
            && local.len() <= 64
            && text.len() <= 254
            && !local.chars().any(|c| {
                c.is_whitespace()
                    || c.is_control()
                    || matches!(c, '"' | '(' | ')' | ',' | ':' | ';' | '<' | '>' | '[' | ']' | '\\')
            })
            && domain.contains('.')
            && domain.split('.').all(label)
    };
    Ok(call.value(0).as_text().is_some_and(|text| holds(&text)).into())
}
