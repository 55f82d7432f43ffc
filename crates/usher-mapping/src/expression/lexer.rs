//! Tokens of an expression.

use std::ops::Range;

use super::ExpressionError;
use super::ast::Comparison;
use crate::Value;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A function's name or a keyword.
    Word,
    /// `[…]`
    Attribute,
    /// Text in quotes, or a number.
    Constant(Value),
    Open,
    Close,
    Comma,
    Ampersand,
    Compare(Comparison),
    End,
}

/// Reads tokens one by one; each byte is looked at once or twice.
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn next(&mut self) -> Result<(Token, Range<usize>), ExpressionError> {
        self.skip_blanks();
        let start = self.at;
        let rest = &self.text[start..];
        let Some(first) = rest.chars().next() else { return Ok((Token::End, start..start)) };
        let token = match first {
            '(' => self.take(1, Token::Open),
            ')' => self.take(1, Token::Close),
            ',' => self.take(1, Token::Comma),
            '&' => self.take(1, Token::Ampersand),
            '=' | '<' | '>' | '!' => self.comparison(rest)?,
            '[' => {
                let end = crate::descend::closing(self.text, start).ok_or_else(|| {
                    ExpressionError::new(start..self.text.len(), "the bracket is not closed").hint("add ]")
                })?;
                self.take(end + 1 - start, Token::Attribute)
            }
            '"' => self.quoted(rest)?,
            '0'..='9' => self.number(rest)?,
            '-' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => self.number(rest)?,
            c if c.is_alphabetic() || c == '_' => {
                let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
                self.take(end, Token::Word)
            }
            other => return Err(unexpected(start, other)),
        };
        Ok((token, start..self.at))
    }

    fn take(&mut self, length: usize, token: Token) -> Token {
        self.at += length;
        token
    }

    /// White space and comments.
    fn skip_blanks(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            let blank = rest.find(|c: char| !c.is_whitespace() && c != '\u{feff}').unwrap_or(rest.len());
            self.at += blank;
            if !self.text[self.at..].starts_with('#') {
                return;
            }
            let rest = &self.text[self.at..];
            self.at += rest.find('\n').unwrap_or(rest.len());
        }
    }

    fn comparison(&mut self, rest: &str) -> Result<Token, ExpressionError> {
        let known = [
            ("<>", Comparison::Unequal),
            ("<=", Comparison::AtMost),
            (">=", Comparison::AtLeast),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
            ("=", Comparison::Equal),
        ];
        if rest.starts_with("==") {
            return Err(ExpressionError::new(self.at..self.at + 2, "== is no operator").hint("equal is ="));
        }
        if let Some((symbol, comparison)) = known.iter().find(|(symbol, _)| rest.starts_with(symbol)) {
            return Ok(self.take(symbol.len(), Token::Compare(*comparison)));
        }
        let (length, hint) =
            if rest.starts_with("!=") { (2, "unequal is <>") } else { (1, "negation is not") };
        Err(ExpressionError::new(self.at..self.at + length, "! is no operator").hint(hint))
    }

    /// `\"` and `\\` are a quote and a backslash; a backslash before anything else is itself.
    fn quoted(&mut self, rest: &str) -> Result<Token, ExpressionError> {
        let mut text = String::new();
        let mut chars = rest.char_indices().skip(1).peekable();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => return Ok(self.take(at + 1, Token::Constant(Value::Text(text)))),
                '\\' => match chars.next_if(|(_, next)| matches!(next, '"' | '\\')) {
                    Some((_, escaped)) => text.push(escaped),
                    None => text.push('\\'),
                },
                other => text.push(other),
            }
        }
        let start = self.at;
        Err(ExpressionError::new(start..self.text.len(), "the text is not closed").hint("add \""))
    }

    /// Digits with an optional sign and fraction. With leading zeros it is text, as an identifier would be: they stay.
    fn number(&mut self, rest: &str) -> Result<Token, ExpressionError> {
        let sign = usize::from(rest.starts_with('-'));
        let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let whole_end = sign + digits(&rest[sign..]);
        let mut end = whole_end;
        if rest[whole_end..].starts_with('.') {
            end = whole_end + 1 + digits(&rest[whole_end + 1..]);
        }
        let span = self.at..self.at + end;
        if end == whole_end + 1 || rest[end..].starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            return Err(ExpressionError::new(span, "this is no number").hint("text stands in double quotes"));
        }
        let text = &rest[..end];
        let leading_zero = text[sign..].starts_with('0') && whole_end - sign > 1;
        let value = if leading_zero {
            Value::from(text)
        } else if end > whole_end {
            let number: f64 = text.parse().map_err(|_| ExpressionError::new(span, "this is no number"))?;
            // Of the two zeros there is one here: -0.0 prints as -0, which is the whole number 0.
            Value::Decimal(number + 0.0)
        } else {
            text.parse().map(Value::Integer).map_err(|_| {
                ExpressionError::new(span, "the number is too large").hint("put it in double quotes as text")
            })?
        };
        Ok(self.take(end, Token::Constant(value)))
    }
}

fn unexpected(at: usize, c: char) -> ExpressionError {
    let error = ExpressionError::new(at..at + c.len_utf8(), format!("{c} means nothing here"));
    match c {
        '\'' | '‘' | '’' | '“' | '”' | '„' | '`' => {
            error.hint("text stands in plain double quotes: \"text\"")
        }
        ']' => error.hint("an attribute stands in brackets: [mail]"),
        '+' => error.hint("texts are joined with &"),
        ';' => error.hint("arguments are parted by commas"),
        '{' | '}' => error.hint("an attribute stands in square brackets: [mail]"),
        _ => error,
    }
}
