//! What parses, what doesn't, and what is said about it.

use usher_mapping::{Expression, ExpressionError};

use crate::shown;

fn error(text: &str) -> ExpressionError {
    match Expression::parse(text) {
        Ok(_) => panic!("{text} parses"),
        Err(error) => error,
    }
}

/// The wrong part, the message and the hint.
fn said(text: &str) -> (String, String, String) {
    let error = error(text);
    (text[error.span.clone()].to_owned(), error.message, error.hint.unwrap_or_default())
}

#[test]
fn entra_expressions_parse() {
    for text in [
        r#"Switch([IsSoftDeleted], , "False", "True", "True", "False")"#,
        "Not([IsSoftDeleted])",
        r#"Join(" ",[givenName],[surname])"#,
        r#"Replace([telephoneNumber], , "\\+(?<isdCode>\\d* )(?<phoneNumber>\\d{10})", "phoneNumber" , , [mobile], )"#,
        r#"NormalizeDiacritics(Join("@", Join(".", [givenName], [surname]), "contoso.com"))"#,
        r#"IIF([country]="USA",IIF([state]="CA","True","False"),"False")"#,
        r#"IIF(CBool([a] = [b]), "x", "y")"#,
        r#""t-" & [alias]"#,
        "BitAnd(&HF, &HF7)",
        r#"InStr("repEated","e",3,vbBinaryCompare)"#,
        r#"Switch(IsPresent([jobTitle]),"DefaultValue","True",[jobTitle])"#,
        r#"IgnoreFlowIfNullOrEmpty(Switch([prefix],"","3443","Dr.","3444","Prof.","3445","Prof. Dr."))"#,
        "Redact(RandomString(6,3,0,0,3))",
        "  Coalesce( [mail] ,\n\t[userPrincipalName] )  ",
    ] {
        let parsed = Expression::parse(text).unwrap_or_else(|e| panic!("{}", e.caret(text)));
        assert_eq!(parsed.to_string(), text);
    }
}

#[test]
fn precedence() {
    for (text, canonical) in [
        (r#""a"&"b"="ab"and not 1=2 or false"#, r#""a" & "b" = "ab" and not 1 = 2 or false"#),
        ("((1 = 1))", "1 = 1"),
        ("not (true and false)", "not (true and false)"),
        ("(true or false) and true", "(true or false) and true"),
        (r#"("a" & "b") & "c""#, r#"("a" & "b") & "c""#),
        ("Switch([a],,\"k\",&H1f) # why", "Switch([a], , \"k\", 31)"),
    ] {
        assert_eq!(Expression::parse(text).unwrap().canonical(), canonical);
    }
    assert_eq!(shown(r#""a"&"b"="ab"and not 1=2 or false"#), "True");
    assert_eq!(shown("true or true and false"), "True");
    assert_eq!(shown("(true or true) and false"), "False");
    assert_eq!(shown("not true or true"), "True");
    assert_eq!(shown("not 1 = 2"), "True");
    assert_eq!(shown(r#"1 & &H10 & "x""#), r#""116x""#);
}

#[test]
fn comments_and_text() {
    assert_eq!(shown("# first\n[title] # last"), r#""Developer""#);
    assert_eq!(shown(r#""a # \"b\" \\ \d""#), r#""a # \"b\" \\ \\d""#);
    assert_eq!(shown("007 & -1.5 & &HfF"), r#""007-1.5255""#);
}

#[test]
fn comparisons() {
    for (text, result) in [
        (r#"[title] = "Developer""#, "True"),
        (r#"[title] <> "developer""#, "True"),
        ("[absent] = \"\"", "True"),
        ("[absent] <> \"x\"", "True"),
        ("[absent] < 1 or [absent] >= 1", "False"),
        ("[employeeId] > 999", "True"),
        (r#"[active] = "true""#, "True"),
        (r#"Now() > "2021-07-01""#, "True"),
        (r#"[emails.value] = "john@home.example""#, "True"),
        (r#""10" < "9""#, "False"),
        (r#""10a" < "9a""#, "True"),
    ] {
        assert_eq!(shown(text), result, "{text}");
    }
}

#[test]
fn errors_say_where_what_and_how() {
    for (text, part, message, hint) in [
        ("", "", "the expression is empty", "e.g. [mail]"),
        ("[mail", "[mail", "the bracket is not closed", "add ]"),
        ("[]", "[]", "an attribute name is missing", "e.g. [mail]"),
        (r#"Join(" ", "a"#, r#""a"#, "the text is not closed", "add \""),
        (
            r#"Coalesce([mail], "a""#,
            "(",
            "expected a comma or ), found the end",
            "the parenthesis of Coalesce is not closed",
        ),
        ("Coalese([mail])", "Coalese", "there is no function Coalese", "did you mean Coalesce?"),
        (
            "coalesce([mail])",
            "coalesce",
            "there is no function coalesce",
            "names of functions are case-sensitive: Coalesce",
        ),
        (
            r#"ToLower(SelectUniqueValue("a", "b"))"#,
            r#"SelectUniqueValue("a", "b")"#,
            "SelectUniqueValue stands at the top of an expression only",
            "put the other functions into its rules",
        ),
        (
            r#"FormatDateTime([a], , "yyyy", "fffffffff")"#,
            r#""fffffffff""#,
            "argument 4 of FormatDateTime: fffffffff is no format of .NET's: a fraction has at most seven digits",
            "",
        ),
        (
            "mail",
            "mail",
            "mail stands alone",
            "an attribute stands in brackets: [mail]; text in double quotes: \"mail\"",
        ),
        ("[a] == [b]", "==", "== is no operator", "equal is ="),
        ("[a] != [b]", "!=", "! is no operator", "unequal is <>"),
        ("[a] = [b] = [c]", "=", "expected the end, found =", "comparisons are joined with and, or"),
        ("[a] AND [b]", "AND", "expected the end, found AND", "the operator is written and"),
        ("'x'", "'", "' means nothing here", "text stands in plain double quotes: \"text\""),
        ("Left([a])", ")", "Left needs 2 arguments, found 1", "Left(source, length)"),
        ("Left([a], 1, 2)", "2", "Left takes at most 2 arguments", "Left(source, length)"),
        ("Left(, 1)", ",", "argument 1 of Left is missing", "Left(source, length)"),
        (
            r#"Switch([a], , "x", "y", "z")"#,
            ")",
            "Switch takes keys and values in pairs; the last key has no value",
            "Switch(source, default?, key1, value1, …)",
        ),
        ("12abc", "12", "this is no number", "text stands in double quotes"),
        (
            "99999999999999999999",
            "99999999999999999999",
            "the number is too large",
            "put it in double quotes as text",
        ),
        ("[a] &", "", "expected a value, found the end", ""),
        ("&Hxyz", "&Hxyz", "this is no hexadecimal number of at most 63 bits", ""),
    ] {
        let (got_part, got_message, got_hint) = said(text);
        assert_eq!(
            (got_part.as_str(), got_message.as_str(), got_hint.as_str()),
            (part, message, hint),
            "{text}"
        );
    }
}

#[test]
fn constants_are_checked_when_parsed() {
    let (part, message, _) = said(r#"Replace([a], , "(", , "x", , )"#);
    assert_eq!(part, r#""(""#);
    assert!(message.starts_with("the regular expression is wrong"), "{message}");
    let (part, ..) = said(r#"Map([emails], "value[type eq]")"#);
    assert_eq!(part, r#""value[type eq]""#);
}

#[test]
fn caret_stands_under_the_wrong_part() {
    let text = "Coalesce([mail],\n\tFrst([ümail]))";
    assert_eq!(
        error(text).caret(text),
        "there is no function Frst\n  \tFrst([ümail]))\n  \t^^^^\n  hint: did you mean First?"
    );
    let text = r#""ä" & nonsense"#;
    assert!(
        error(text).caret(text).contains("\n  \"ä\" & nonsense\n        ^^^^^^^^\n"),
        "{}",
        error(text).caret(text)
    );
}

#[test]
fn bounds() {
    let deep = |n: usize| format!("{}1{}", "(".repeat(n), ")".repeat(n));
    assert!(Expression::parse(&deep(64)).is_ok());
    assert_eq!(error(&deep(65)).message, "nested deeper than 64");
    assert_eq!(error(&"not ".repeat(5000)[..9999]).message, "nested deeper than 64");
    let long = |n: usize| format!("\"{}\"", "ä".repeat(n));
    assert!(Expression::parse(&long(9_998)).is_ok());
    assert_eq!(error(&long(9_999)).message, "the expression is longer than 10000 characters");
    let wide = vec!["1"; 5_000].join("&");
    assert!(Expression::parse(&wide).is_ok());
}
