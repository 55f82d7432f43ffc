//! Regular expressions as .NET writes them.

use std::time::{Duration, Instant};

use fancy_regex::{Regex, RegexBuilder};

use crate::EvalError;

/// Steps after which a regular expression that tries ever more ways is given up.
const BACKTRACK_LIMIT: usize = 200_000;

/// How long many matches, each within its limit, may take together.
const PATIENCE: Duration = Duration::from_secs(1);

/// Watches over the matches of one text or the values of one list.
pub(crate) struct Patience(Instant);

impl Patience {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }

    /// Errors when it is at its end. To be asked between two matches.
    pub(crate) fn left(&self) -> Result<(), EvalError> {
        if self.0.elapsed() < PATIENCE { Ok(()) } else { Err(gave_up()) }
    }
}

/// The error of a match that is given up.
pub(crate) fn gave_up() -> EvalError {
    EvalError::new("the regular expression takes too long on this text")
}

/// Compiles a regular expression.
pub(crate) fn regex(pattern: &str) -> Result<Regex, EvalError> {
    RegexBuilder::new(&translated(pattern))
        .backtrack_limit(BACKTRACK_LIMIT)
        .delegate_size_limit(1 << 20)
        .build()
        .map_err(|e| EvalError::new(format!("the regular expression is wrong: {e}")))
}

/// In brackets .NET knows neither brackets nor `&&`, `--` and `~~`, and takes away with `-[…]`: the same in the engine's own
/// spelling. All else is spelled alike.
fn translated(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut chars = pattern.chars().peekable();
    // Brackets open, one within the other where something is taken away.
    let mut depth = 0usize;
    // A bracket was just opened: a ] is itself.
    let mut begun = false;
    while let Some(c) = chars.next() {
        let first = std::mem::take(&mut begun);
        match c {
            '\\' => match chars.next() {
                // The engine's word boundaries; .NET knows none of that spelling.
                Some(c @ ('<' | '>')) => out.push(c),
                Some('e') => out.push_str("\\x1B"),
                c => {
                    out.push('\\');
                    out.extend(c);
                }
            },
            '[' if depth == 0 => {
                depth = 1;
                begun = true;
                out.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
            }
            '-' if depth > 0 && !first && chars.peek() == Some(&'[') => {
                chars.next();
                depth += 1;
                begun = true;
                out.push_str("--[");
                if chars.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
            }
            ']' if first => out.push_str("\\]"),
            ']' if depth > 0 => {
                depth -= 1;
                out.push(']');
            }
            '[' => out.push_str("\\["),
            '&' | '~' if depth > 0 => {
                out.push('\\');
                out.push(c);
            }
            // Two of them are an operator; at an end one is itself.
            '-' if depth > 0 && matches!(chars.peek(), Some('-' | ']')) => out.push_str("\\-"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_nets() {
        for (net, ours) in [
            ("[a-z]+", "[a-z]+"),
            ("[()\\s-]+", "[()\\s\\-]+"),
            ("[[\\]]", "[\\[\\]]"),
            ("[]a]", "[\\]a]"),
            ("[^]a]", "[^\\]a]"),
            ("[a-z-[aeiou]]", "[a-z--[aeiou]]"),
            ("[\\w-[\\d_-[0-9]]]x", "[\\w--[\\d_--[0-9]]]x"),
            ("[&&~]", "[\\&\\&\\~]"),
            ("[a--]", "[a\\-\\-]"),
            ("a&&b\\[", "a&&b\\["),
            ("\\<[\\<\\>]\\>\\e", "<[<>]>\\x1B"),
        ] {
            assert_eq!(translated(net), ours, "{net}");
            assert!(regex(net).is_ok(), "{net}: {:?}", regex(net).err());
        }
    }

    #[test]
    fn what_people_use_compiles() {
        for pattern in [
            r"(?<name>\w+)@(?<domain>.+)",
            r"(?'name'\w+)\k<name>",
            r"(?i)^adm-",
            r"(?<=a)b(?!c)(?<!d)(?=e)",
            r"(?>a+)b",
            r"^\p{Lu}\p{L}*$",
            r"\A\d{3,5}\z",
            r"(a)\1",
            r"(?:x|y)*?",
            r"[^\x00-\x7F]",
            r"\u00e4",
        ] {
            assert!(regex(pattern).is_ok(), "{pattern}: {:?}", regex(pattern).err());
        }
    }
}
