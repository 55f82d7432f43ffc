//! From text to tree, by recursive descent with a bounded depth.

use std::ops::Range;

use super::ast::{Kind, Node};
use super::lexer::{Lexer, Token};
use super::{ExpressionError, MAX_DEPTH, MAX_LENGTH};
use crate::attribute::nearest;
use crate::{AttributeName, Value, functions};

/// Parses a whole text.
pub(super) fn parse(text: &str) -> Result<Node, ExpressionError> {
    if let Some((at, _)) = text.char_indices().nth(MAX_LENGTH) {
        let message = format!("the expression is longer than {MAX_LENGTH} characters");
        return Err(ExpressionError::new(at..text.len(), message));
    }
    let mut lexer = Lexer::new(text);
    let (token, span) = lexer.next()?;
    let mut parser = Parser { text, lexer, token, span, depth: 0 };
    if parser.token == Token::End {
        return Err(ExpressionError::new(0..text.len(), "the expression is empty").hint("e.g. [mail]"));
    }
    let root = parser.or()?;
    match parser.token {
        Token::End => Ok(root),
        _ => Err(parser.unexpected("the end")),
    }
}

struct Parser<'t> {
    text: &'t str,
    lexer: Lexer<'t>,
    token: Token,
    span: Range<usize>,
    depth: usize,
}

impl<'t> Parser<'t> {
    /// Goes to the next token; gives the span of the one before.
    fn advance(&mut self) -> Result<Range<usize>, ExpressionError> {
        let (token, span) = self.lexer.next()?;
        self.token = token;
        Ok(std::mem::replace(&mut self.span, span))
    }

    fn word(&self) -> &'t str {
        &self.text[self.span.clone()]
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        self.token == Token::Word && self.word() == keyword
    }

    fn unexpected(&self, expected: &str) -> ExpressionError {
        let found = match self.token {
            Token::End => "the end".to_owned(),
            _ => self.word().to_owned(),
        };
        let error = ExpressionError::new(self.span.clone(), format!("expected {expected}, found {found}"));
        match &self.token {
            Token::Word if ["AND", "OR", "NOT"].iter().any(|k| k.eq_ignore_ascii_case(self.word())) => {
                error.hint(format!("the operator is written {}", self.word().to_lowercase()))
            }
            Token::Compare(_) => error.hint("comparisons are joined with and, or"),
            _ => error,
        }
    }

    fn nested<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, ExpressionError>,
    ) -> Result<T, ExpressionError> {
        if self.depth == MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH}");
            return Err(ExpressionError::new(self.span.clone(), message));
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    fn or(&mut self) -> Result<Node, ExpressionError> {
        self.chain(Self::and, |p| p.is_keyword("or"), Kind::Or)
    }

    fn and(&mut self) -> Result<Node, ExpressionError> {
        self.chain(Self::not, |p| p.is_keyword("and"), Kind::And)
    }

    fn join(&mut self) -> Result<Node, ExpressionError> {
        self.chain(Self::value, |p| p.token == Token::Ampersand, Kind::Join)
    }

    /// One operand, or several with an operator between.
    fn chain(
        &mut self,
        operand: fn(&mut Self) -> Result<Node, ExpressionError>,
        operator: fn(&Self) -> bool,
        kind: fn(Vec<Node>) -> Kind,
    ) -> Result<Node, ExpressionError> {
        let first = operand(self)?;
        if !operator(self) {
            return Ok(first);
        }
        let start = first.span.start;
        let mut operands = vec![first];
        while operator(self) {
            self.advance()?;
            operands.push(operand(self)?);
        }
        let end = operands.last().map_or(start, |last| last.span.end);
        Ok(Node::new(start..end, kind(operands)))
    }

    fn not(&mut self) -> Result<Node, ExpressionError> {
        if !self.is_keyword("not") {
            return self.comparison();
        }
        let start = self.advance()?.start;
        let operand = self.nested(Self::not)?;
        Ok(Node::new(start..operand.span.end, Kind::Not(Box::new(operand))))
    }

    fn comparison(&mut self) -> Result<Node, ExpressionError> {
        let left = self.join()?;
        let Token::Compare(comparison) = self.token else { return Ok(left) };
        self.advance()?;
        let right = self.join()?;
        Ok(Node::new(
            left.span.start..right.span.end,
            Kind::Compare(comparison, Box::new(left), Box::new(right)),
        ))
    }

    fn value(&mut self) -> Result<Node, ExpressionError> {
        match &self.token {
            Token::Constant(value) => {
                let value = value.clone();
                Ok(Node::new(self.advance()?, Kind::Constant(value, None)))
            }
            Token::Attribute => {
                let inner = self.span.start + 1..self.span.end - 1;
                let lead = self.text[inner.clone()].len() - self.text[inner.clone()].trim_start().len();
                let name = AttributeName::parse(&self.text[inner.clone()])
                    .map_err(|e| e.moved(inner.start + lead))
                    .map_err(|e| {
                        if e.span.is_empty() { ExpressionError { span: self.span.clone(), ..e } } else { e }
                    })?;
                Ok(Node::new(self.advance()?, Kind::Attribute(name)))
            }
            Token::Open => self.parenthesised(),
            Token::Word => self.word_value(),
            Token::Ampersand => self.hexadecimal(),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn parenthesised(&mut self) -> Result<Node, ExpressionError> {
        let start = self.advance()?.start;
        let inner = self.nested(Self::or)?;
        if self.token != Token::Close {
            return Err(self.unexpected("an operator or )"));
        }
        let end = self.advance()?.end;
        Ok(Node { span: start..end, ..inner })
    }

    /// `&HF7`: the lexer sees `&` and a word; only where a value may start are they a number.
    fn hexadecimal(&mut self) -> Result<Node, ExpressionError> {
        let start = self.advance()?;
        let digits = match self.token {
            Token::Word if self.span.start == start.end => self.word().strip_prefix(['H', 'h']),
            _ => None,
        };
        let Some(digits) = digits else {
            return Err(
                ExpressionError::new(start, "expected a value, found &").hint("a hexadecimal number is &H1F")
            );
        };
        let span = start.start..self.span.end;
        let Ok(number) = i64::from_str_radix(digits, 16) else {
            return Err(ExpressionError::new(span, "this is no hexadecimal number of at most 63 bits"));
        };
        self.advance()?;
        Ok(Node::new(span, Kind::Constant(Value::Integer(number), None)))
    }

    /// A call, or one of the few bare words.
    fn word_value(&mut self) -> Result<Node, ExpressionError> {
        let word = self.word();
        let span = self.advance()?;
        if self.token == Token::Open && !matches!(word, "and" | "or" | "true" | "false" | "null") {
            return self.call(word, span);
        }
        let value = match word {
            "true" => Value::Boolean(true),
            "false" => Value::Boolean(false),
            "null" => Value::Null,
            // The words that Entra's documents write bare.
            "vbTextCompare" | "vbBinaryCompare" | "Unicode" | "ASCII" | "UTF8" => Value::from(word),
            _ => return Err(bare_word(word, span)),
        };
        Ok(Node::new(span, Kind::Constant(value, None)))
    }

    fn call(&mut self, name: &str, name_span: Range<usize>) -> Result<Node, ExpressionError> {
        let function = functions::named(name).ok_or_else(|| unknown_function(name, name_span.clone()))?;
        let opening = self.advance()?;
        let mut arguments = Vec::new();
        if self.token != Token::Close {
            self.nested(|p| p.arguments(&mut arguments))?;
        }
        if self.token != Token::Close {
            let error = self.unexpected("a comma or )");
            return Err(if self.token == Token::End {
                ExpressionError { span: opening, ..error }
                    .hint(format!("the parenthesis of {name} is not closed"))
            } else {
                error
            });
        }
        let end = self.advance()?.end;
        Ok(Node::new(name_span.start..end, Kind::Call(function, arguments)))
    }

    fn arguments(&mut self, arguments: &mut Vec<Node>) -> Result<(), ExpressionError> {
        loop {
            if matches!(self.token, Token::Comma | Token::Close) {
                arguments.push(Node::new(self.span.start..self.span.start, Kind::Empty));
            } else {
                arguments.push(self.or()?);
            }
            if self.token != Token::Comma {
                return Ok(());
            }
            self.advance()?;
        }
    }
}

fn bare_word(word: &str, span: Range<usize>) -> ExpressionError {
    if matches!(word, "and" | "or") {
        return ExpressionError::new(span, format!("expected a value, found {word}"));
    }
    let error = ExpressionError::new(span, format!("{word} stands alone"));
    match word.to_lowercase().as_str() {
        lower @ ("true" | "false" | "null" | "not") => error.hint(format!("written {lower}")),
        _ if functions::named(word).is_some() => error.hint(format!("a call has parentheses: {word}(…)")),
        _ => error
            .hint(format!("an attribute stands in brackets: [{word}]; text in double quotes: \"{word}\"")),
    }
}

fn unknown_function(name: &str, span: Range<usize>) -> ExpressionError {
    let error = ExpressionError::new(span, format!("there is no function {name}"));
    let names: Vec<&str> = functions::all().iter().map(|f| f.name).collect();
    match names.iter().find(|known| known.eq_ignore_ascii_case(name)) {
        Some(known) => error.hint(format!("names of functions are case-sensitive: {known}")),
        None => match nearest(name, &names) {
            Some(known) => error.hint(format!("did you mean {known}?")),
            None => error,
        },
    }
}
