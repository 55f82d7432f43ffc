//! `docs/functions.md`, rendered from the tables.

use std::fmt::Write;

use super::all;
use crate::alias::ALIASES;
use crate::date::{SPECIFIERS, STANDARD, STYLES};

/// The user whose attributes the vectors use.
pub const SAMPLE: &str = r#"{
  "id": "00aa00aa-bb11-cc22-dd33-44ee44ee44ee",
  "userName": "jdoe@contoso.com",
  "displayName": "John Doe",
  "name": {"givenName": "John", "familyName": "Doe"},
  "title": "Developer",
  "active": true,
  "appRoleAssignments": [
    {"value": "admin", "displayName": "Administrator"},
    {"value": "audit", "displayName": "Auditor"}
  ],
  "emails": [
    {"type": "work", "primary": true, "value": "John.Doe@contoso.com"},
    {"type": "home", "value": "john@home.example"}
  ],
  "addresses": [{"type": "work", "locality": "Berlin", "country": "Germany"}],
  "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Sales", "employeeNumber": "4711"}
}"#;

/// The functions and the alias table as Markdown.
pub fn markdown() -> String {
    let mut out = String::from(HEAD);
    for function in all() {
        let _ = write!(
            out,
            "\n### {}\n\n`{}{}`\n\n{}\n",
            function.name, function.name, function.parameters, function.doc
        );
        if !function.vectors.is_empty() {
            out.push_str("\n| expression | gives |\n| --- | --- |\n");
        }
        for (expression, result) in function.vectors {
            let _ = writeln!(out, "| {} | {} |", code(expression), code(result));
        }
    }
    out.push_str(FORMAT_HEAD);
    for specifier in SPECIFIERS {
        let supported = specifier.refused.map_or("yes".to_owned(), |why| format!("refused: {why}"));
        let _ = writeln!(out, "| {} | {} | {supported} |", code(specifier.name), specifier.what);
    }
    out.push_str(STANDARD_HEAD);
    for (letter, custom) in STANDARD {
        let _ = writeln!(out, "| `{letter}` | {} |", code(custom));
    }
    out.push_str(
        &STYLES_HEAD
            .replace("{styles}", &STYLES.iter().map(|name| code(name)).collect::<Vec<_>>().join(", ")),
    );
    out.push_str(ALIAS_HEAD);
    for alias in ALIASES {
        let _ = writeln!(out, "| `{}` | {} |", alias.name, code(alias.path));
    }
    let _ = write!(
        out,
        "\n## The sample\n\nThe results above are for this user, at 2021-07-02T15:33:38Z, where the default domain is contoso.com and the app has \
         John.Smith@contoso.com already:\n\n```json\n{SAMPLE}\n```\n"
    );
    out
}

/// Code in a table's cell.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

const HEAD: &str = r#"# Expressions

This file is made from the code (`crates/usher-mapping/src/functions`); every row below is a test.

An expression is an attribute in brackets, a text in double quotes, a number, or a function of such. The language is
Microsoft Entra ID's with additions: an expression written for Entra means the same here.

    [mail]
    Coalesce([mail], [userPrincipalName])
    IIF([country] = "Germany" and not IsNullOrEmpty([city]), [city], "elsewhere")
    "t-" & [emails[type eq "work"].value]        # from here to the end of the line is a comment

- **Brackets** hold a name: of a named value (`[person.organization.name]`), of a key of the object, of the table at the
  end of this page, or a SCIM path, with value filters (`[emails[type eq "work"].value]`). An attribute that is not there
  is `null`. A path through a multi-valued attribute gives a list; a filter that one value fulfils gives that value.
- **Text** stands in double quotes; `\"` and `\\` are a quote and a backslash in it. Numbers are `7`, `-1.5`, `&H1F`.
  `true`, `false` and `null` stand bare. An argument may be left empty: `Switch([a], , "k", "v")`.
- **Operators**, loosest first: `or`; `and`; `not`; `=` `<>` `<` `<=` `>` `>=`; `&` (joins texts, null is nothing).
- **Comparing**: numbers and numeric text as numbers; as dates when a side is a date; a boolean equals the texts True and
  False in any case; other text by code point, case-sensitive. Null equals null and `""`, and is neither less nor greater
  than anything. A list equals a value that is one of its values.
- **Null**: a function whose first argument is null gives null. Those that don't: And, Append, Coalesce, Concat, Count,
  Error, IgnoreFlowIfNullOrEmpty, IIF, Is…, Join, Left, Not, Or, Prepend, Redact, SelectUniqueValue, Switch, Word, and
  Replace where it takes a group from another attribute.
- **Several values**: a function of one text works on each of them.
- **Printed**, true and false are `True` and `False`, a date is `M/d/yyyy h:mm:ss tt` in UTC, as in Entra.
- **Regular expressions** are .NET's: named groups, look-around, back-references, classes that take away (`[a-z-[aeiou]]`);
  one that tries too many ways on a text, or over a second on all values of a list, is an error, not a delay. Replacements know `$1`, `${name}`, `$&`, `` $` ``, `$'`,
  `$+`, `$_` and `$$`; groups without a name are numbered before those with one.
- At most 10,000 characters, nested at most 64 deep; a text made is at most 1 MiB long.

## Functions
"#;

const FORMAT_HEAD: &str = r"
## Formats of dates

`FormatDateTime` takes .NET's formats, as the invariant culture has them. A custom format is made of these:

| specifier | means | supported |
| --- | --- | --- |
";

const STANDARD_HEAD: &str = r"
A single letter is a standard format, and stands for a custom one:

| letter | format |
| --- | --- |
";

const STYLES_HEAD: &str = r"
Styles, several with commas between, say how a text is read: {styles}. Without any, blanks around it are allowed and its
kind is kept. A time with a zone is moved to UTC, the service's own zone; `RoundtripKind` keeps a `Z` as `Z` for `K`. What
the input format does not speak of is the first of its kind, a date it does not speak of at all is today's (in UTC).
";

const ALIAS_HEAD: &str = r"
## Names for attributes

Names of Microsoft Graph and of LDAP that stand for SCIM paths. SCIM's own names (`displayName`, `title`, …) need no row,
and an extension's attributes are found by their bare name too (`costCenter`).

| name | path |
| --- | --- |
";
