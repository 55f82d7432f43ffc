//! The source of a row: Entra's tree of `{type, name, expression, parameters}` to and from expressions.

use serde_json::{Value as Json, json};

use super::names;
use crate::expression::ast::{Comparison, Kind, Node};
use crate::{Expression, Value};

/// What a row's `source` says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Source {
    /// `null`: Entra's mapping type *None*.
    Nothing,
    Constant(String),
    Expression {
        expression: Expression,
        /// The tree beside the text says something else.
        disagrees: bool,
    },
}

/// Functions whose first argument may be a comparison.
const CONDITIONS: [&str; 2] = ["IIF", "CBool"];

const COMPARISONS: [Comparison; 6] = [
    Comparison::Equal,
    Comparison::Unequal,
    Comparison::AtMost,
    Comparison::AtLeast,
    Comparison::Less,
    Comparison::Greater,
];

/// Reads a `source`. Errors say in words why it is not understood.
pub(super) fn read(source: &Json) -> Result<Source, String> {
    if source.is_null() {
        return Ok(Source::Nothing);
    }
    let text = |key: &str| source[key].as_str().filter(|text| !text.trim().is_empty());
    match text("type").map(str::to_ascii_lowercase).as_deref() {
        Some("attribute") => {
            let name = text("name").ok_or("it names no attribute")?;
            let parsed = Expression::attribute(name).map_err(|e| e.caret(&format!("[{name}]")))?;
            if name == "appRoleAssignments" {
                return Err(
                    "roles are no text: map them by SingleAppRoleAssignment or another function of roles"
                        .into(),
                );
            }
            Ok(Source::Expression { expression: parsed, disagrees: false })
        }
        Some("constant") => match source["name"].as_str() {
            Some(name) => Ok(Source::Constant(name.to_owned())),
            None => Err("the constant has no value".into()),
        },
        Some("function") | None => function(source, text("expression")),
        Some(other) => Err(format!("there is no source of the type {other}")),
    }
}

/// The text counts; a tree without text is written out.
fn function(source: &Json, text: Option<&str>) -> Result<Source, String> {
    let tree = if source["parameters"].as_array().is_some_and(|p| !p.is_empty()) {
        written(source).ok()
    } else {
        None
    };
    let text = match (text, &tree) {
        (Some(text), _) => text.to_owned(),
        (None, Some(tree)) => tree.clone(),
        (None, None) => written(source)?,
    };
    let expression = Expression::parse(&text).map_err(|e| e.caret(&text))?;
    let plainly = |e: &Expression| plain(e.root());
    let disagrees = match tree.and_then(|tree| Expression::parse(&tree).ok()) {
        Some(tree) => matches!((plainly(&tree), plainly(&expression)), (Some(a), Some(b)) if a != b),
        None => false,
    };
    Ok(Source::Expression { expression, disagrees })
}

/// A tree as text.
fn written(node: &Json) -> Result<String, String> {
    let name = node["name"].as_str().unwrap_or_default();
    match node["type"].as_str().map(str::to_ascii_lowercase).as_deref() {
        Some("attribute") => Ok(format!("[{name}]")),
        Some("constant") => Ok(Value::from(name).to_string()),
        _ if name.is_empty() => Err("a function has no name".into()),
        _ => {
            let parameters = node["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
            if COMPARISONS.iter().any(|c| c.symbol() == name) {
                let [left, right] = parameters else { return Err(format!("{name} compares two values")) };
                return Ok(format!("{} {name} {}", written(&left["value"])?, written(&right["value"])?));
            }
            let arguments = positioned(name, parameters)?;
            Ok(format!("{name}({})", arguments.join(", ")))
        }
    }
}

/// Arguments where their keys put them; the repeated ones in their order.
fn positioned(function: &str, parameters: &[Json]) -> Result<Vec<String>, String> {
    let keys = names::keys(function);
    let mut fixed: Vec<Option<String>> = Vec::new();
    let mut rest = Vec::new();
    for parameter in parameters {
        let text = written(&parameter["value"])?;
        match parameter["key"].as_str().and_then(|key| keys.position(key)) {
            Some(at) => {
                fixed.resize((at + 1).max(fixed.len()), None);
                fixed[at] = Some(text);
            }
            None => rest.push(text),
        }
    }
    if !rest.is_empty() && !fixed.is_empty() {
        fixed.resize(keys.fixed().max(fixed.len()), None);
    }
    Ok(fixed.into_iter().map(Option::unwrap_or_default).chain(rest).collect())
}

/// A tree in one spelling, numbers and texts alike, for comparing; `None` for what Entra has not.
fn plain(node: &Node) -> Option<String> {
    Some(match &node.kind {
        Kind::Empty => String::new(),
        Kind::Constant(value, _) => Value::Text(value.text()?).to_string(),
        Kind::Attribute(name) => format!("[{name}]"),
        Kind::Call(function, arguments) => {
            let arguments: Vec<String> = arguments.iter().map(plain).collect::<Option<_>>()?;
            let given = arguments.iter().rposition(|a| !a.is_empty()).map_or(0, |last| last + 1);
            format!("{}({})", function.name, arguments[..given].join(", "))
        }
        Kind::Compare(comparison, left, right) => {
            format!("{} {} {}", plain(left)?, comparison.symbol(), plain(right)?)
        }
        Kind::Not(_) | Kind::And(_) | Kind::Or(_) | Kind::Join(_) => return None,
    })
}

/// A source as exported.
#[derive(Debug)]
pub(super) struct Exported {
    /// Entra's tree.
    pub(super) source: Json,
    /// Names that were written as Entra has them: ours, Entra's.
    pub(super) renamed: Vec<(String, &'static str)>,
    /// Names of attributes as Entra has them.
    pub(super) attributes: Vec<&'static str>,
}

/// Writes an expression. Errors say in words what Entra cannot say.
pub(super) fn write(expression: &Expression) -> Result<Exported, String> {
    let mut writer = Writer { renamed: Vec::new(), attributes: Vec::new() };
    let (mut source, text) = writer.node(expression.root(), false)?;
    // The own spelling stays where nothing speaks against it.
    let own = expression.text().trim();
    let keeps = writer.renamed.is_empty() && !own.contains(['#', '\n', '\r']);
    source["expression"] = Json::from(if keeps { own } else { &text });
    Ok(Exported { source, renamed: writer.renamed, attributes: writer.attributes })
}

/// A constant as a node.
pub(super) fn constant(text: &str) -> Json {
    leaf("Constant", text, &Value::from(text).to_string())
}

fn leaf(kind: &str, name: &str, expression: &str) -> Json {
    json!({ "expression": expression, "name": name, "parameters": [], "type": kind })
}

struct Writer {
    renamed: Vec<(String, &'static str)>,
    attributes: Vec<&'static str>,
}

impl Writer {
    /// The node, and its text within a larger one (where numbers stand bare).
    fn node(&mut self, node: &Node, may_compare: bool) -> Result<(Json, String), String> {
        match &node.kind {
            Kind::Empty => Ok((Json::Null, String::new())),
            Kind::Constant(value @ Value::Text(text), _) => Ok((constant(text), value.to_string())),
            Kind::Constant(value @ (Value::Integer(_) | Value::Decimal(_)), _) => {
                let text = value.text().unwrap_or_default();
                Ok((constant(&text), text))
            }
            Kind::Constant(value, _) => Err(format!(
                "Entra has no constant {}; it writes \"True\", \"False\" or leaves the place empty",
                value.to_json()
            )),
            Kind::Attribute(name) => {
                let entras = names::attribute(name.text())
                    .ok_or_else(|| format!("Entra has no source attribute [{name}]"))?;
                if entras != name.text() && !self.renamed.iter().any(|(ours, _)| ours == name.text()) {
                    self.renamed.push((name.text().to_owned(), entras));
                }
                if !self.attributes.contains(&entras) {
                    self.attributes.push(entras);
                }
                let text = format!("[{entras}]");
                Ok((leaf("Attribute", entras, &text), text))
            }
            Kind::Call(function, arguments) => self.call(function, arguments),
            Kind::Compare(comparison, left, right) if may_compare => {
                let symbol = comparison.symbol();
                let (left, left_text) = self.node(left, false)?;
                let (right, right_text) = self.node(right, false)?;
                let text = format!("{left_text} {symbol} {right_text}");
                let parameters = json!([{"key": "left", "value": left}, {"key": "right", "value": right}]);
                let node = json!({ "expression": text, "name": symbol, "parameters": parameters, "type": "Function" });
                Ok((node, text))
            }
            Kind::Compare(..) => Err("Entra compares only as the condition of IIF or CBool".into()),
            Kind::Not(_) => Err("Entra has no operator not; use the function Not".into()),
            Kind::And(_) | Kind::Or(_) => Err("Entra has no operators and, or; nest IIF instead".into()),
            Kind::Join(_) => Err("Entra's app provisioning does not document &; use Join(\"\", …)".into()),
        }
    }

    fn call(
        &mut self,
        function: &'static crate::functions::Function,
        arguments: &[Node],
    ) -> Result<(Json, String), String> {
        if !names::is_function(function.name) {
            return Err(format!("{} is Usher's own function", function.name));
        }
        let keys = names::Keys::of(function);
        let (mut parameters, mut texts) = (Vec::new(), Vec::new());
        for (position, argument) in arguments.iter().enumerate() {
            let condition = position == 0 && CONDITIONS.contains(&function.name);
            let (value, text) = self.node(argument, condition)?;
            if !value.is_null() {
                parameters.push(json!({ "key": keys.at(position), "value": value }));
            }
            texts.push(text);
        }
        let text = format!("{}({})", function.name, texts.join(", "));
        let node = json!({ "expression": text, "name": function.name, "parameters": parameters, "type": "Function" });
        Ok((node, text))
    }
}
