//! What lies outside the object: the clock, chance, look-ups.

use super::{Function, Run};
use crate::expression::ast::Node;
use crate::expression::eval::{Call, Eval};
use crate::{EvalError, Value};

type Answer = Result<Value, EvalError>;

pub(super) const TABLE: &[Function] = &[
    Function::new("Now", "()", (0, Some(0)), Run::Eager(|c| Ok(Value::DateTime(c.eval.cx.now))))
        .doc("The present moment: the start of the cycle.", &[("Now()", "7/2/2021 3:33:38 PM")]),
    Function::new("Guid", "()", (0, Some(0)), Run::Eager(guid))
        .doc("A GUID, the same each time for the same object and mapping row.", &[("Len(Guid())", "36")]),
    Function::new("RandomString", "(length, minNumbers, minSpecial, minCapital, minLower, avoid?)", (5, Some(6)), Run::Eager(random_string))
        .doc("A text of random characters, the same each time for the same object and mapping row.", &[
            (r#"Len(RandomString(6, 3, 0, 0, 3))"#, "6"),
        ]),
    Function::new(super::SELECT_UNIQUE_VALUE, "(rule1, rule2, …)", (2, None), Run::Lazy(select_unique_value)).may_be_empty(&[0, 1]).doc(
        "The first value that is not taken in the app; an error when all are. Stands at the top of a row that acts on create only and is no matching property.",
        &[
            (r#"SelectUniqueValue("John.Smith@contoso.com", "J.Smith@contoso.com")"#, r#""J.Smith@contoso.com""#),
            (r#"SelectUniqueValue("Ann.Lee@contoso.com", "A.Lee@contoso.com")"#, r#""Ann.Lee@contoso.com""#),
        ],
    ),
    Function::new("DefaultDomain", "()", (0, Some(0)), Run::Eager(default_domain))
        .doc("The domain of the directory's e-mail addresses: the app's setting `default_domain`.", &[
            (r#"Join("", "jo", "@", DefaultDomain())"#, r#""jo@contoso.com""#),
        ]),
    Function::new("Error", "(message)", (1, Some(1)), Run::Eager(error))
        .sees_null()
        .doc("Fails the object with this message.", &[(r#"IIF(IsPresent([mail]), "fine", Error("no mail"))"#, r#""fine""#)]),
    Function::new("Find", "(kind, key)", (2, Some(2)), Run::Eager(find)).doc(
        "The person (by primary e-mail), organization or site (by name) with that key, whole, ignoring case; null if there is none.",
        &[(r#"Find("organization", [absent])"#, "null")],
    ),
    Function::new("FindAll", "(kind, key)", (2, Some(2)), Run::Eager(find_all))
        .doc("All of that kind with that key, or with one of several, each once, as a list of what `Find` gives.", &[(r#"FindAll("organization", [absent])"#, "null")]),
    Function::new("PersonOf", "(scimUserId)", (1, Some(1)), Run::Eager(person_of))
        .each()
        .doc("The person linked to a SCIM user; null if there is none.", &[("PersonOf([absent])", "null")]),
    Function::new("Lookup", "(table, key, default?)", (2, Some(3)), Run::Eager(table))
        .doc("The value for a key in a table beside the mapping; else the default.", &[(r#"Lookup("sites", "BER", "none")"#, r#""none""#)]),
    Function::new("IsNew", "()", (0, Some(0)), Run::Eager(is_new))
        .doc("Whether the rule's target is being created.", &[("IsNew()", "False")]),
];

/// Version 4 in form, since that is what `Guid()` gives in Entra; its bits are derived, not drawn.
fn guid(call: &mut Call<'_, '_, '_>) -> Answer {
    let mut bytes = call.random();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes[..16].iter().map(|b| format!("{b:02x}")).collect();
    Ok([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-").into())
}

/// Numbers derived from a seed: SHA-256 over a counter.
struct Chance {
    seed: [u8; 32],
    count: u64,
}

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        use sha2::{Digest, Sha256};
        self.count += 1;
        let hash = Sha256::new().chain_update(self.seed).chain_update(self.count.to_le_bytes()).finalize();
        let number = hash[..8].iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
        (number % bound.max(1) as u64) as usize
    }
}

/// The characters of Windows' password complexity rule, by class.
const NUMBERS: &str = "0123456789";
const SPECIAL: &str = "~!@#$%^&*_-+=`|\\(){}[]:;\"'<>,.?/";
const CAPITAL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";

fn random_string(call: &mut Call<'_, '_, '_>) -> Answer {
    let avoid = call.text(5)?;
    let mut wanted = [0usize; 5];
    for (i, count) in wanted.iter_mut().enumerate() {
        *count = usize::try_from(call.whole(i)?).map_err(|_| call.wrong(i, "is negative"))?;
    }
    let length = wanted[0];
    let least = wanted[1..].iter().fold(0usize, |sum, n| sum.saturating_add(*n));
    if length > 256 || least > length {
        return Err(call.wrong(0, "is more than 256 or less than the minima together"));
    }
    let classes = [NUMBERS, SPECIAL, CAPITAL, LOWER]
        .map(|class| class.chars().filter(|c| !avoid.contains(*c)).collect::<Vec<_>>());
    let all: Vec<char> = classes.concat();
    if all.is_empty() || classes.iter().zip(&wanted[1..]).any(|(class, n)| class.is_empty() && *n > 0) {
        return Err(call.wrong(5, "leaves no character to choose"));
    }
    let mut chance = Chance { seed: call.random(), count: 0 };
    let mut chars = Vec::with_capacity(length);
    for (class, count) in classes.iter().zip(&wanted[1..]) {
        for _ in 0..*count {
            chars.push(class[chance.below(class.len())]);
        }
    }
    while chars.len() < length {
        chars.push(all[chance.below(all.len())]);
    }
    for i in (1..chars.len()).rev() {
        chars.swap(i, chance.below(i + 1));
    }
    Ok(chars.into_iter().collect::<String>().into())
}

fn error(call: &mut Call<'_, '_, '_>) -> Answer {
    if call.hidden(0) {
        return Err(EvalError::new("[Redact]"));
    }
    Err(EvalError::new(call.text(0)?))
}

fn find(call: &mut Call<'_, '_, '_>) -> Answer {
    let (kind, key) = (call.text(0)?.into_owned(), call.text(1)?.trim().to_owned());
    if key.is_empty() { Ok(Value::Null) } else { call.eval.cx.lookup.find(&kind, &key) }
}

fn find_all(call: &mut Call<'_, '_, '_>) -> Answer {
    let kind = call.text(0)?.into_owned();
    let mut keys = Vec::new();
    for key in call.value(1).items() {
        let key = key.as_text().ok_or_else(|| call.wrong(1, "is an object where a text is expected"))?;
        keys.push(key.trim().to_owned());
    }
    let mut all = Vec::new();
    for key in keys.iter().filter(|key| !key.is_empty()) {
        for found in call.eval.cx.lookup.find_all(&kind, key)? {
            if !all.contains(&found) {
                all.push(found);
            }
        }
    }
    Ok(Value::list(all))
}

/// Asks about one value after the other; a rule without a value is passed over.
fn select_unique_value(eval: &mut Eval<'_, '_>, nodes: &[Node]) -> Answer {
    let mut any = false;
    for node in nodes {
        let value = eval.value(node)?;
        let Some(text) = value.as_text() else {
            if value.is_null() {
                continue;
            }
            return Err(EvalError {
                span: Some(node.span.clone()),
                ..EvalError::new("a rule of SelectUniqueValue gives one text")
            });
        };
        if text.is_empty() {
            continue;
        }
        any = true;
        let target = eval.cx.target;
        if !eval.cx.lookup.is_taken(target, &text)? {
            return Ok(text.into_owned().into());
        }
    }
    Err(EvalError::new(match any {
        true => "every value of SelectUniqueValue is taken in the app; add a rule that gives another",
        false => "no rule of SelectUniqueValue gave a value",
    }))
}

fn default_domain(call: &mut Call<'_, '_, '_>) -> Answer {
    match call.eval.cx.lookup.default_domain()? {
        Some(domain) => Ok(domain.into()),
        None => Err(EvalError::new("no default domain is known; set the app's default_domain")),
    }
}

fn person_of(call: &mut Call<'_, '_, '_>) -> Answer {
    let id = call.text(0)?.trim().to_owned();
    if id.is_empty() { Ok(Value::Null) } else { call.eval.cx.lookup.person_of(&id) }
}

fn table(call: &mut Call<'_, '_, '_>) -> Answer {
    let (name, key) = (call.text(0)?.into_owned(), call.text(1)?.into_owned());
    let found = if call.value(1).is_null() { None } else { call.eval.cx.lookup.table(&name, &key)? };
    Ok(found.unwrap_or_else(|| call.take(2)))
}

fn is_new(call: &mut Call<'_, '_, '_>) -> Answer {
    Ok(call.eval.cx.named.iter().any(|(name, value)| name == "IsNew" && value.truth()).into())
}
