//! From tree to text.

use super::ast::{Kind, Node};
use crate::Value;

/// How tightly a kind binds; a part that binds looser than its place needs parentheses.
fn tightness(kind: &Kind) -> u8 {
    match kind {
        Kind::Or(_) => 0,
        Kind::And(_) => 1,
        Kind::Not(_) => 2,
        Kind::Compare(..) => 3,
        Kind::Join(_) => 4,
        Kind::Empty | Kind::Constant(..) | Kind::Attribute(_) | Kind::Call(..) => 5,
    }
}

pub(super) fn canonical(node: &Node) -> String {
    let mut out = String::new();
    print(node, 0, &mut out);
    out
}

fn print(node: &Node, at_least: u8, out: &mut String) {
    let own = tightness(&node.kind);
    if own < at_least {
        out.push('(');
    }
    match &node.kind {
        Kind::Empty => {}
        Kind::Constant(Value::Boolean(b), _) => out.push_str(if *b { "true" } else { "false" }),
        Kind::Constant(value, _) => out.push_str(&value.to_string()),
        Kind::Attribute(name) => {
            out.push('[');
            out.push_str(name.text());
            out.push(']');
        }
        Kind::Call(function, arguments) => {
            out.push_str(function.name);
            out.push('(');
            between(arguments, ", ", 0, out);
            out.push(')');
        }
        Kind::Not(operand) => {
            out.push_str("not ");
            print(operand, own, out);
        }
        Kind::Or(operands) => between(operands, " or ", own + 1, out),
        Kind::And(operands) => between(operands, " and ", own + 1, out),
        Kind::Join(operands) => between(operands, " & ", own + 1, out),
        Kind::Compare(comparison, left, right) => {
            print(left, own + 1, out);
            out.push_str(&format!(" {} ", comparison.symbol()));
            print(right, own + 1, out);
        }
    }
    if own < at_least {
        out.push(')');
    }
}

fn between(nodes: &[Node], separator: &str, at_least: u8, out: &mut String) {
    for (i, node) in nodes.iter().enumerate() {
        if i > 0 {
            out.push_str(separator);
        }
        print(node, at_least, out);
    }
}
