//! App roles: what `[appRoleAssignments]` holds as the values of an app's `roles`.

use super::{Function, Run};
use crate::expression::eval::Call;
use crate::{EvalError, Value};
use usher_scim::Object;

type Answer = Result<Value, EvalError>;

/// What Entra says of every role it provisions.
const TYPE: &str = "WindowsAzureActiveDirectoryRole";

pub(super) const TABLE: &[Function] = &[
    Function::new("SingleAppRoleAssignment", "(appRoleAssignments)", (1, Some(1)), Run::Eager(single)).doc(
        "The value of the app role: of several the first by name; give an app that takes several roles one of the functions that write them all.",
        &[("SingleAppRoleAssignment([appRoleAssignments])", r#""admin""#)],
    ),
    Function::new("AppRoleAssignments", "(appRoleAssignments)", (1, Some(1)), Run::Eager(names))
        .doc("The names of all app roles.", &[(
            "AppRoleAssignments([appRoleAssignments])",
            r#"["Administrator","Auditor"]"#,
        )]),
    Function::new("AppRoleAssignmentsComplex", "(appRoleAssignments)", (1, Some(1)), Run::Eager(|c| complex(c, "displayName")))
        .doc("All app roles as values of `roles`, none of them primary, named by displayName.", &[(
            r#"First(AppRoleAssignmentsComplex([appRoleAssignments]))"#,
            r#"{"displayName":"Administrator","primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"admin"}"#,
        )]),
    Function::new("AssertiveAppRoleAssignmentsComplex", "(appRoleAssignments)", (1, Some(1)), Run::Eager(|c| complex(c, "display")))
        .doc("The same, named by display as SCIM has it: what Usher writes, it writes as a whole, so roles taken away go.", &[(
            r#"First(AssertiveAppRoleAssignmentsComplex([appRoleAssignments]))"#,
            r#"{"display":"Administrator","primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"admin"}"#,
        )]),
];

/// The roles as (value, name).
fn roles(call: &Call<'_, '_, '_>) -> Result<Vec<(String, String)>, EvalError> {
    let role = |value: &Value| {
        let Value::Object(role) = value else {
            return Err(call.wrong(0, "is no app role assignment: give it [appRoleAssignments]"));
        };
        let text =
            |key: &str| role.get(key).and_then(serde_json::Value::as_str).filter(|text| !text.is_empty());
        let value = text("value").or_else(|| text("displayName"));
        let name = text("displayName").or(value);
        match (value, name) {
            (Some(value), Some(name)) => Ok((value.to_owned(), name.to_owned())),
            _ => Err(call.wrong(0, "holds a role with neither value nor displayName")),
        }
    };
    call.value(0).items().iter().map(role).collect()
}

fn single(call: &mut Call<'_, '_, '_>) -> Answer {
    let first = roles(call)?.into_iter().min_by(|a, b| a.1.cmp(&b.1));
    Ok(first.map_or(Value::Null, |(value, _)| value.into()))
}

fn names(call: &mut Call<'_, '_, '_>) -> Answer {
    Ok(Value::list(roles(call)?.into_iter().map(|(_, name)| name.into())))
}

fn complex(call: &mut Call<'_, '_, '_>, named: &str) -> Answer {
    let written = |(value, name): (String, String)| {
        Value::Object(Object::from_iter([
            ("primary".to_owned(), false.into()),
            ("type".to_owned(), TYPE.into()),
            (named.to_owned(), name.into()),
            ("value".to_owned(), value.into()),
        ]))
    };
    Ok(Value::list(roles(call)?.into_iter().map(written)))
}
