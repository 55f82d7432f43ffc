//! Every documented result, and the document made from them.

use usher_mapping::functions::{all, markdown, named};
use usher_mapping::{Context, Expression, NoLookup};

use crate::{now, sample, shown};

#[test]
fn documented_results() {
    let mut wrong = Vec::new();
    for function in all() {
        assert!(!function.vectors.is_empty(), "{} has no vector", function.name);
        assert!(!function.doc.is_empty(), "{} has no doc line", function.name);
        for (expression, printed) in function.vectors {
            let got = shown(expression);
            if got != *printed {
                wrong.push(format!("{expression}\n  gives    {got}\n  expected {printed}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Committed before the functions: `expression => printed result`.
#[test]
fn vectors_stand_before_their_functions() {
    let mut wrong = Vec::new();
    let mut used = std::collections::BTreeSet::new();
    for line in include_str!("vectors.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let (expression, expected) = line.rsplit_once(" => ").unwrap();
        let got = match Expression::parse(expression) {
            Ok(_) => shown(expression),
            Err(error) => format!("error: {}", error.message),
        };
        if got != expected {
            wrong.push(format!("{expression}\n  gives    {got}\n  expected {expected}"));
        }
        used.extend(all().iter().map(|f| f.name).filter(|name| expression.contains(&format!("{name}("))));
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    for name in ENTRA {
        assert!(used.contains(name), "{name} has no vector");
    }
}

/// Every function of the vendor's reference, its mapping tutorial and its older lists.
const ENTRA: [&str; 64] = [
    "Append",
    "AppRoleAssignments",
    "AppRoleAssignmentsComplex",
    "AssertiveAppRoleAssignmentsComplex",
    "BitAnd",
    "CBool",
    "CDate",
    "Coalesce",
    "ConvertFromBase64",
    "ConvertToBase64",
    "ConvertToUTF8Hex",
    "Count",
    "CRef",
    "CStr",
    "DateAdd",
    "DateDiff",
    "DateFromNum",
    "DefaultDomain",
    "DNComponent",
    "Error",
    "FormatDateTime",
    "Guid",
    "IgnoreFlowIfNullOrEmpty",
    "IIF",
    "InStr",
    "IsNothing",
    "IsNull",
    "IsNullOrEmpty",
    "IsPresent",
    "IsString",
    "Item",
    "Join",
    "Left",
    "Len",
    "Mid",
    "NormalizeDiacritics",
    "Not",
    "Now",
    "NumFromDate",
    "PCase",
    "Prepend",
    "RandomString",
    "Redact",
    "RemoveDuplicates",
    "Replace",
    "SelectUniqueValue",
    "SingleAppRoleAssignment",
    "Split",
    "StringFromSid",
    "StripSpaces",
    "Switch",
    "ToLower",
    "ToUpper",
    "Trim",
    "Word",
    // Usher's own that stand in the vectors too.
    "Concat",
    "FindAll",
    "First",
    "In",
    "Last",
    "Map",
    "Reject",
    "TransliterateAscii",
    "Where",
];

#[test]
fn names_are_found_and_distinct() {
    assert!(all().windows(2).all(|pair| pair[0].name < pair[1].name));
    assert_eq!(named("Coalesce").unwrap().parameters, "(source1, source2, …)");
    assert!(named("coalesce").is_none());
}

#[test]
fn document_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/functions.md");
    let made = markdown();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(std::path::Path::new(path).parent().unwrap()).unwrap();
        std::fs::write(path, &made).unwrap();
    }
    let stored = std::fs::read_to_string(path).unwrap_or_default();
    assert!(stored == made, "docs/functions.md is out of date: run this test with UPDATE_DOCS=1");
}

#[test]
fn null_first_gives_null() {
    let sees_null = [
        "And",
        "Append",
        "Coalesce",
        "Concat",
        "Count",
        "Error",
        "IIF",
        "IgnoreFlowIfNullOrEmpty",
        "IsEmail",
        "IsNothing",
        "IsNull",
        "IsNullOrEmpty",
        "IsPresent",
        "IsString",
        "Join",
        "Left",
        "Not",
        "Or",
        "Prepend",
        "SelectUniqueValue",
        "Switch",
        "Word",
    ];
    for function in all().iter().filter(|f| !sees_null.contains(&f.name) && f.parameters != "()") {
        // A number for most, and a standard format of dates.
        let argument = if function.name == "FormatDateTime" { ", \"s\"" } else { ", \"1\"" };
        let call = |n: usize| format!("{}(null{})", function.name, argument.repeat(n));
        let text = (0..7).map(call).find(|text| Expression::parse(text).is_ok()).unwrap();
        assert_eq!(shown(&text), "null", "{text}");
    }
}

#[test]
fn runtime_errors_say_which_argument() {
    for (text, message) in [
        (r#"Item(Split("a,b", ","), 0)"#, "error: argument 2 of Item is less than 1"),
        (r#"Item(Split("a,b", ","), 3)"#, "error: argument 2 of Item is more than there are values"),
        (r#"Mid("abc", 0, 1)"#, "error: argument 2 of Mid is less than 1"),
        (r#"Left("abc", "x")"#, "error: argument 2 of Left is no whole number"),
        (r#"Error("AccountName is required")"#, "error: AccountName is required"),
        (r#"ToLower([name])"#, "error: argument 1 of ToLower is an object where a text is expected"),
        (r#"Replace("abc", "", , , "x", , )"#, "error: argument 2 of Replace is empty"),
        (r#"CDate("tomorrow")"#, "error: argument 1 of CDate is no date"),
    ] {
        assert_eq!(shown(text), message, "{text}");
    }
}

#[test]
fn several_values_are_worked_on_one_by_one() {
    assert_eq!(shown(r#"ToUpper(Split("a,b", ","))"#), r#"["A","B"]"#);
    assert_eq!(shown("Trim([emails.value])"), r#"["John.Doe@contoso.com","john@home.example"]"#);
    assert_eq!(shown(r#"Append(Split("a,b", ","), "!")"#), r#"["a!","b!"]"#);
}

#[test]
fn unused_arguments_are_not_evaluated() {
    assert_eq!(shown(r#"Coalesce("a", Error("not reached"))"#), r#""a""#);
    assert_eq!(shown(r#"Switch("k", Error("no"), "x", Error("no"), "k", "v")"#), r#""v""#);
    assert_eq!(shown(r#"1 = 2 and Error("no")"#), "False");
}

#[test]
fn a_text_cannot_grow_without_bound() {
    let mut text = String::from(r#""0123456789abcdef""#);
    for _ in 0..12 {
        text = format!(r#"Replace({text}, "a", , , "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", , )"#);
    }
    assert_eq!(shown(&text), "error: the result is longer than 1 MiB");
}

#[test]
fn a_regular_expression_ends() {
    let text = format!(r#"Replace("{}!", , "^(?=(a+)+$)", , "", , )"#, "a".repeat(60));
    assert!(
        ["error: the regular expression takes too long on this text", &format!("\"{}!\"", "a".repeat(60))]
            .contains(&shown(&text).as_str())
    );
    assert_eq!(
        shown(&format!(r#"Replace("{}!", , "(a|a|aa)+\\1$", , "", , )"#, "a".repeat(60))),
        "error: the regular expression takes too long on this text"
    );
}

/// Values that each stay within the limit of one match, and together would take minutes.
#[test]
fn a_regular_expression_over_a_list_ends() {
    const PATTERN: &str = r"^(a|aa)+\\1c";
    let value = "a".repeat(22);
    let one = format!(r#"Replace("{value}", , "{PATTERN}", , "", , )"#);
    assert_eq!(shown(&one), format!("\"{value}\""));
    let object = serde_json::json!({ "a": vec![value; 20_000] }).as_object().unwrap().clone();
    let mut lookup = NoLookup;
    let mut cx = Context::new(&object, &mut lookup, jiff::Timestamp::UNIX_EPOCH);
    let all = Expression::parse(&format!(r#"Replace([a], , "{PATTERN}", , "", , )"#)).unwrap();
    let message = all.eval(&mut cx).err().map(|error| error.message);
    assert_eq!(message.as_deref(), Some("the regular expression takes too long on this text"));
}

#[test]
fn replacement_references_are_nets() {
    assert_eq!(
        shown(r#"Replace("John Doe", , "(\\w+) (?<last>\\w+)", , "${last}, $1 $$ $& $x", , )"#),
        r#""Doe, John $ John Doe $x""#
    );
    assert_eq!(shown(r#"Replace("ab", , "(?<=a)b", , "c", , )"#), r#""ac""#);
}

#[test]
fn chance_is_derived_from_the_seed() {
    let (object, mut lookup) = (sample(), NoLookup);
    let mut of = |seed: &'static [u8], text: &str| {
        let mut cx = Context { seed, ..Context::new(&object, &mut lookup, now()) };
        Expression::parse(text).unwrap().eval(&mut cx).unwrap().text().unwrap()
    };
    let guid = of(b"ann", "Guid()");
    assert_eq!(guid, of(b"ann", "Guid()"));
    assert_ne!(guid, of(b"bob", "Guid()"));
    let two = of(b"ann", r#"Join(" ", Guid(), Guid())"#);
    let (first, second) = two.split_once(' ').unwrap();
    assert_ne!(first, second, "two calls in one expression differ");
    let form = regex_lite(&guid);
    assert!(form, "{guid}");
    let random = of(b"ann", r#"RandomString(10, 2, 2, 2, 1, "?,")"#);
    assert_eq!(random.chars().count(), 10);
    assert!(random.chars().filter(char::is_ascii_digit).count() >= 2, "{random}");
    assert!(random.chars().filter(char::is_ascii_uppercase).count() >= 2, "{random}");
    assert!(!random.contains(['?', ',']), "{random}");
}

/// `^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`
fn regex_lite(guid: &str) -> bool {
    let lengths: Vec<usize> = guid.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && guid.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f' | '-'))
}

/// What the role functions give is what a SCIM app's `roles` take.
#[test]
fn app_roles_are_written_as_an_apps_roles() {
    use usher_mapping::mapping::{AttributeMapping, From, Moment, ObjectMapping, document};
    let written = |target: &str, function: &str| {
        let source = Expression::parse(&format!("{function}([appRoleAssignments])")).unwrap();
        let row = AttributeMapping::new(
            usher_scim::AttributePath::parse(target).unwrap(),
            From::Expression(source),
        );
        let mapping = ObjectMapping {
            enabled: true,
            create: true,
            update: true,
            delete: true,
            rows: vec![row],
            scoping: usher_mapping::ScopingFilter::default(),
            attributes: Vec::new(),
            tables: usher_mapping::mapping::Tables::default(),
            cases: Vec::new(),
        };
        let (object, mut lookup) = (sample(), NoLookup);
        let mapped = mapping.apply(&mut Context::new(&object, &mut lookup, now()), Moment::Create).unwrap();
        serde_json::Value::Object(document(&crate::user_type(), &mapped).unwrap())["roles"].clone()
    };
    let all = |named: &str| {
        serde_json::json!([
            {named: "Administrator", "primary": false, "type": "WindowsAzureActiveDirectoryRole", "value": "admin"},
            {named: "Auditor", "primary": false, "type": "WindowsAzureActiveDirectoryRole", "value": "audit"}
        ])
    };
    assert_eq!(written("roles", "AssertiveAppRoleAssignmentsComplex"), all("display"));
    // SCIM's roles have no displayName: an app's schema that has none does not get it.
    let mut without = all("displayName");
    for role in without.as_array_mut().unwrap() {
        role.as_object_mut().unwrap().remove("displayName");
    }
    assert_eq!(written("roles", "AppRoleAssignmentsComplex"), without);
    assert_eq!(
        written(r#"roles[primary eq "True"].value"#, "SingleAppRoleAssignment"),
        serde_json::json!([{"primary": true, "value": "admin"}])
    );
}
