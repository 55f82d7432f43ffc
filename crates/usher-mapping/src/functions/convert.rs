//! From one form to another.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::{Function, Run};
use crate::expression::eval::Call;
use crate::{EvalError, Value};

type Answer = Result<Value, EvalError>;

pub(super) const TABLE: &[Function] = &[
    Function::new("CStr", "(source)", (1, Some(1)), Run::Eager(|c| Ok(c.text(0)?.into_owned().into())))
        .each()
        .doc("As text.", &[("CStr(7)", r#""7""#), ("CStr(true)", r#""True""#), ("CStr(null)", "null")]),
    Function::new("CBool", "(expression)", (1, Some(1)), Run::Eager(|c| Ok(c.value(0).truth().into()))).doc(
        "`True` for true and for numbers other than 0, else `False`.",
        &[("CBool(0)", "False"), ("CBool([country] = [country])", "True")],
    ),
    Function::new(
        "BitAnd",
        "(value1, value2)",
        (2, Some(2)),
        Run::Eager(|c| Ok(Value::Integer(c.whole(0)? & c.whole(1)?))),
    )
    .doc("The bits that both numbers have.", &[("BitAnd(&HF, &HF7)", "7")]),
    Function::new("ConvertToBase64", "(source)", (1, Some(1)), Run::Eager(to_base64)).each().doc(
        "Base64 of the text in UTF-16, little-endian.",
        &[(r#"ConvertToBase64("Hello world!")"#, r#""SABlAGwAbABvACAAdwBvAHIAbABkACEA""#)],
    ),
    Function::new("ConvertFromBase64", "(source, encoding?)", (1, Some(2)), Run::Eager(from_base64))
        .each()
        .doc(
            "The text behind Base64; its encoding is Unicode (the default), ASCII or UTF8.",
            &[
                (r#"ConvertFromBase64("SABlAGwAbABvACAAdwBvAHIAbABkACEA")"#, r#""Hello world!""#),
                (r#"ConvertFromBase64("SGVsbG8gd29ybGQh", UTF8)"#, r#""Hello world!""#),
            ],
        ),
    Function::new(
        "ConvertToUTF8Hex",
        "(source)",
        (1, Some(1)),
        Run::Eager(|c| Ok(hex(c.text(0)?.as_bytes(), true).into())),
    )
    .each()
    .doc(
        "The text's UTF-8 bytes in hexadecimal.",
        &[(r#"ConvertToUTF8Hex("Hello world!")"#, r#""48656C6C6F20776F726C6421""#)],
    ),
    Function::new(
        "Hash",
        "(source)",
        (1, Some(1)),
        Run::Eager(|c| Ok(hex(&Sha256::digest(c.text(0)?.as_bytes()), false).into())),
    )
    .each()
    .doc(
        "SHA-256 of the text's UTF-8 bytes, in hexadecimal.",
        &[(r#"Hash("abc")"#, r#""ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad""#)],
    ),
    Function::new("CRef", "(source)", (1, Some(1)), Run::Eager(|c| Ok(c.text(0)?.into_owned().into())))
        .each()
        .doc("A distinguished name as a reference, which is its text.", &[(r#"CRef("cn=Joe,dc=contoso")"#, r#""cn=Joe,dc=contoso""#)]),
    Function::new("StringFromSid", "(source)", (1, Some(1)), Run::Eager(string_from_sid)).each().doc(
        "A Windows security identifier as text, from its bytes in Base64 (as sources give binary attributes).",
        &[
            (r#"StringFromSid("AQIAAAAAAAUgAAAAIAIAAA==")"#, r#""S-1-5-32-544""#),
            (r#"StringFromSid("S-1-5-32-544")"#, r#""S-1-5-32-544""#),
        ],
    ),
    Function::new("DNComponent", "(dn, number)", (2, Some(2)), Run::Eager(dn_component)).each().doc(
        "The value of the n-th part of a distinguished name, from the left.",
        &[
            (r#"DNComponent("cn=Joe,ou=People,dc=contoso", 1)"#, r#""Joe""#),
            (r#"DNComponent("cn=Lee\\, Ann,dc=contoso", 1)"#, r#""Lee, Ann""#),
            (r#"DNComponent("cn=Joe", 2)"#, "null"),
        ],
    ),
];

fn hex(bytes: &[u8], capital: bool) -> String {
    bytes.iter().map(|b| if capital { format!("{b:02X}") } else { format!("{b:02x}") }).collect()
}

fn to_base64(call: &mut Call<'_, '_, '_>) -> Answer {
    let bytes: Vec<u8> = call.text(0)?.encode_utf16().flat_map(u16::to_le_bytes).collect();
    Ok(STANDARD.encode(bytes).into())
}

fn from_base64(call: &mut Call<'_, '_, '_>) -> Answer {
    let bytes = STANDARD.decode(call.text(0)?.as_bytes()).map_err(|_| call.wrong(0, "is no Base64"))?;
    let text = match call.text(1)?.as_ref() {
        "" | "Unicode" if bytes.len() % 2 == 0 => {
            let units: Vec<u16> =
                bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
            String::from_utf16(&units).ok()
        }
        "" | "Unicode" => None,
        "ASCII" | "UTF8" => String::from_utf8(bytes).ok(),
        _ => return Err(call.wrong(1, "is none of Unicode, ASCII, UTF8")),
    };
    text.map(Value::Text).ok_or_else(|| call.wrong(0, "is no text in this encoding"))
}

/// [MS-DTYP] 2.4.2.2: revision, how many parts, the authority in six bytes (big-endian), parts of four (little-endian).
fn string_from_sid(call: &mut Call<'_, '_, '_>) -> Answer {
    use std::fmt::Write;
    let text = call.text(0)?;
    if text
        .strip_prefix("S-")
        .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-' || b == b'x'))
    {
        return Ok(text.into_owned().into());
    }
    let wrong = || call.wrong(0, "is no SID");
    let bytes = STANDARD.decode(text.as_bytes()).map_err(|_| wrong())?;
    let [1, count, authority @ ..] = bytes.get(..8).ok_or_else(wrong)? else { return Err(wrong()) };
    let parts = &bytes[8..];
    if *count > 15 || parts.len() != usize::from(*count) * 4 {
        return Err(wrong());
    }
    let authority = authority.iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
    let mut sid =
        if authority < 1 << 32 { format!("S-1-{authority}") } else { format!("S-1-0x{authority:012x}") };
    for part in parts.chunks_exact(4) {
        let number = part.iter().rev().fold(0u32, |n, b| n << 8 | u32::from(*b));
        let _ = write!(sid, "-{number}");
    }
    Ok(sid.into())
}

/// RFC 4514: parts between unescaped commas, the value behind `=`, `\` before a character or two hexadecimal digits.
fn dn_component(call: &mut Call<'_, '_, '_>) -> Answer {
    let dn = call.text(0)?;
    let number = usize::try_from(call.whole(1)?).map_err(|_| call.wrong(1, "is less than 1"))?;
    if number == 0 {
        return Err(call.wrong(1, "is less than 1"));
    }
    let mut escaped = false;
    let mut parts = dn.split(|c| {
        let ends = c == ',' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    let value = parts.nth(number - 1).and_then(|part| part.split_once('=')).map(|(_, value)| value.trim());
    Ok(value.map(unescaped).map_or(Value::Null, Value::Text))
}

fn unescaped(value: &str) -> String {
    let bytes = value.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = bytes.get(at + 1..at + 3).and_then(|p| std::str::from_utf8(p).ok());
        if bytes[at] == b'\\' && at + 1 < bytes.len() {
            match pair
                .filter(|p| p.bytes().all(|b| b.is_ascii_hexdigit()))
                .and_then(|p| u8::from_str_radix(p, 16).ok())
            {
                Some(byte) => {
                    out.push(byte);
                    at += 3;
                }
                None => {
                    out.push(bytes[at + 1]);
                    at += 2;
                }
            }
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
