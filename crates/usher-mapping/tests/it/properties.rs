//! For all texts.

use proptest::prelude::*;
use usher_mapping::functions::all;
use usher_mapping::{Context, Expression, Known, NoLookup};

use crate::{now, sample, user_type};

/// Expressions of every form.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        prop::sample::select(vec![
            "[mail]",
            "[userName]",
            "[absent]",
            "[emails]",
            "[emails.value]",
            "[name]",
            "[active]",
            "[First name]",
            r#"[emails[type eq "work"].value]"#,
            "1",
            "0",
            "-7",
            "2.5",
            "&HFF",
            "007",
            "true",
            "false",
            "null",
            r#""""#,
            r#""a b,c""#,
            r#""True""#,
            r#""\"\\""#,
            r#""2020-01-31""#,
            r#""(?<g>a+)b""#,
            r#""ignoreCase""#,
            r#""m""#,
            r#""g""#,
            "",
            "9223372036854775807",
            "-9223372036854775807",
        ])
        .prop_map(str::to_owned),
        "\"[a-zäß ,.$@{}0-9]{0,8}\"",
        "-?[0-9]{1,4}",
    ];
    leaf.prop_recursive(4, 40, 7, |inner| {
        let names: Vec<&'static str> = all().iter().map(|f| f.name).collect();
        prop_oneof![
            4 => (prop::sample::select(names), prop::collection::vec(inner.clone(), 0..7))
                .prop_map(|(name, arguments)| format!("{name}({})", arguments.join(", "))),
            1 => (inner.clone(), prop::sample::select(vec!["=", "<>", "<", "<=", ">", ">=", "&", "and", "or"]), inner.clone())
                .prop_map(|(a, operator, b)| format!("({a} {operator} {b})")),
            1 => inner.prop_map(|a| format!("not ({a})")),
        ]
    })
}

/// Regular expressions that try ever more ways.
fn hostile() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec!["a", "a?", "a*", "[ab]", ".", "\\\\w", "(?=a)", "(?<=a)"]);
    leaf.prop_map(str::to_owned).prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), prop::sample::select(vec!["+", "*", "{2,9}", "+?", "*?"]))
                .prop_map(|(a, times)| format!("({a}){times}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}|{b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a}{b}")),
            inner.prop_map(|a| format!("(?={a}$)")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Whatever a regular expression is, and whatever it is used on, an answer comes: a value, or that it takes too long.
    #[test]
    fn hostile_regular_expressions_end(pattern in hostile(), repeat in 1usize..200) {
        let text = format!(r#"Replace("{}!", , "^({pattern})+\\1?$", , "", , )"#, "a".repeat(repeat));
        let Ok(parsed) = Expression::parse(&text) else { return Ok(()) };
        let (object, mut lookup) = (sample(), NoLookup);
        if let Err(error) = parsed.eval(&mut Context::new(&object, &mut lookup, now())) {
            prop_assert_eq!(error.message, "the regular expression takes too long on this text");
        }
    }

    /// Calls nested to the bound parse, print, evaluate and say the same again; one more is refused.
    #[test]
    fn the_deepest_nesting_is_answered(name in prop::sample::select(vec!["Trim", "ToUpper", "Not", "IsNull", "Redact"])) {
        let nested = |n: usize| format!("{}[mail]{}", format!("{name}(").repeat(n), ")".repeat(n));
        let parsed = Expression::parse(&nested(64));
        prop_assert!(parsed.is_ok());
        let (object, mut lookup) = (sample(), NoLookup);
        prop_assert!(parsed.unwrap().eval(&mut Context::new(&object, &mut lookup, now())).is_ok());
        prop_assert!(Expression::parse(&nested(65)).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// Any text either parses or is refused with a span inside it, and the caret can be drawn.
    #[test]
    fn any_text_is_answered(text in "\\PC{0,80}|[\\[\\]()\",.&H=<>#\\\\a-fnot \n]{0,60}") {
        match Expression::parse(&text) {
            Ok(parsed) => prop_assert_eq!(parsed.to_string(), text),
            Err(error) => {
                prop_assert!(error.span.start <= error.span.end && error.span.end <= text.len());
                prop_assert!(text.get(error.span.clone()).is_some());
                error.caret(&text);
            }
        }
    }

    /// What parses prints canonically to the same again, evaluates to the same or an error, and can be checked.
    #[test]
    fn parsed_expressions_hold(text in expression()) {
        let Ok(parsed) = Expression::parse(&text) else { return Ok(()) };
        let canonical = parsed.canonical();
        let again = Expression::parse(&canonical);
        prop_assert!(again.is_ok(), "{} prints as {}: {:?}", text, canonical, again);
        let again = again.unwrap();
        prop_assert_eq!(&again.canonical(), &canonical);

        let object = sample();
        let mut lookup = NoLookup;
        let mut trace = Vec::new();
        let mut eval = |expression: &Expression, traced: bool| {
            let trace = traced.then_some(&mut trace);
            let mut cx = Context { trace, ..Context::new(&object, &mut lookup, now()) };
            expression.eval(&mut cx)
        };
        let plain = eval(&parsed, false);
        prop_assert_eq!(eval(&parsed, true), plain.clone());
        // Chance depends on the place of its call, and so on the spelling.
        if !text.contains("Guid") && !text.contains("RandomString") {
            match (plain, eval(&again, false)) {
                (Ok(a), Ok(b)) => prop_assert_eq!(a, b),
                (a, b) => prop_assert!(a.is_err() && b.is_err(), "{}", text),
            }
        }
        let user = user_type();
        let _ = parsed.check(&Known { types: &[&user], ..Known::default() });
    }
}
