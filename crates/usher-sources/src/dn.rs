//! Distinguished names (RFC 4514), made equal where LDAP calls them equal: case, blanks, escapes, the order within a
//! multi-valued RDN, quotes and `;` of the older form (RFC 1779, RFC 2253 §4).
use std::{iter::Peekable, str::Chars};

use usher_scim::prepare::fold;

/// One attribute of an RDN: its type in lower case (well-known OIDs by name), its value folded.
type Assertion = (String, String);

/// A name parsed: its RDNs, the leaf first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dn(Vec<Vec<Assertion>>);

impl Dn {
    /// Parses; `None`: not a distinguished name. Names are compared as `caseIgnoreMatch` does.
    pub fn parse(text: &str) -> Option<Self> {
        let mut chars = text.chars().peekable();
        let mut rdns = Vec::new();
        skip_blanks(&mut chars);
        if chars.peek().is_none() {
            return Some(Self(rdns));
        }
        let mut rdn = Vec::new();
        loop {
            rdn.push(assertion(&mut chars)?);
            let end = chars.next();
            if end == Some('+') {
                continue;
            }
            rdn.sort();
            rdns.push(std::mem::take(&mut rdn));
            if end.is_none() {
                return Some(Self(rdns));
            }
        }
    }

    /// Whether one of its RDNs has this attribute type (lower case) with this value.
    pub fn has(&self, kind: &str, value: &str) -> bool {
        let value = squeeze(value);
        self.0.iter().flatten().any(|(k, v)| k == kind && *v == value)
    }
}

/// The one spelling of all equal names.
impl std::fmt::Display for Dn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, rdn) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            for (j, (kind, value)) in rdn.iter().enumerate() {
                if j > 0 {
                    f.write_str("+")?;
                }
                write!(f, "{kind}=")?;
                for c in value.chars() {
                    if matches!(c, ',' | '+' | '\\') {
                        f.write_str("\\")?;
                    }
                    write!(f, "{c}")?;
                }
            }
        }
        Ok(())
    }
}

/// The one spelling of a name; text that is no name is only folded.
pub fn normalise(text: &str) -> String {
    Dn::parse(text).map_or_else(|| squeeze(text), |dn| dn.to_string())
}

/// The RDNs of a name as spelled, the leaf first.
pub(crate) fn rdns(text: &str) -> Vec<&str> {
    let (mut parts, mut from) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ',' | ';' if !quoted => {
                parts.push(text[from..at].trim());
                from = at + c.len_utf8();
            }
            _ => {}
        }
    }
    if !text.trim().is_empty() {
        parts.push(text[from..].trim());
    }
    parts
}

/// The attributes of an RDN with their values in their own spelling; values in hex (`#04…`) are left out.
pub(crate) fn spelled(rdn: &str) -> Vec<(String, String)> {
    let (mut found, mut rest) = (Vec::new(), rdn.chars().peekable());
    loop {
        let mut kind = String::new();
        while let Some(c) = rest.next_if(|c| *c != '=') {
            kind.push(c);
        }
        if rest.next().is_none() {
            return found;
        }
        skip_blanks(&mut rest);
        let (mut bytes, mut quoted) = (Vec::new(), false);
        let hex = rest.peek() == Some(&'#');
        while let Some(c) = rest.next_if(|c| quoted || *c != '+') {
            match c {
                '\\' => _ = escaped(&mut rest, &mut bytes),
                '"' => quoted = !quoted,
                c => push(c, &mut bytes),
            }
        }
        rest.next();
        if let Some(value) = String::from_utf8(bytes).ok().filter(|_| !hex) {
            found.push((kind.trim().to_owned(), value.trim_end().to_owned()));
        }
    }
}

/// A member with a unique identifier (`uniqueMember`, RFC 4517 §3.3.21: `DN#'0101'B`) without it.
pub fn without_uid(text: &str) -> &str {
    match text.rfind('#') {
        Some(at) if text[at..].starts_with("#'") && text.ends_with("'B") => &text[..at],
        _ => text,
    }
}

fn skip_blanks(chars: &mut Peekable<Chars<'_>>) {
    while chars.next_if(|c| c.is_whitespace()).is_some() {}
}

/// Reads `type=value` up to, not over, the separator that ends it.
fn assertion(chars: &mut Peekable<Chars<'_>>) -> Option<Assertion> {
    skip_blanks(chars);
    let mut kind = String::new();
    while let Some(c) = chars.next_if(|c| *c != '=') {
        kind.push(c.to_ascii_lowercase());
    }
    chars.next()?;
    let kind = kind.trim().trim_start_matches("oid.");
    if kind.is_empty() || !kind.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_')) {
        return None;
    }
    skip_blanks(chars);
    let value = match chars.peek() {
        Some('"') => quoted(chars)?,
        Some('#') => hex(chars)?,
        _ => plain(chars)?,
    };
    match chars.peek() {
        None | Some(',' | ';' | '+') => Some((name_of(kind).to_owned(), value)),
        _ => None,
    }
}

fn plain(chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut bytes = Vec::new();
    while let Some(c) = chars.next_if(|c| !matches!(c, ',' | ';' | '+')) {
        if c == '\\' { escaped(chars, &mut bytes)? } else { push(c, &mut bytes) }
    }
    Some(value_of(bytes))
}

fn quoted(chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut bytes = Vec::new();
    chars.next();
    loop {
        match chars.next()? {
            '"' => break,
            '\\' => escaped(chars, &mut bytes)?,
            c => push(c, &mut bytes),
        }
    }
    skip_blanks(chars);
    Some(value_of(bytes))
}

/// `#` and the BER encoding in hex: of a string, its text; of anything else, the hex itself.
fn hex(chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut text = String::new();
    while let Some(c) = chars.next_if(|c| !matches!(c, ',' | ';' | '+')) {
        text.push(c.to_ascii_lowercase());
    }
    let text = text.trim();
    let digits = text.strip_prefix('#')?.as_bytes();
    let bytes: Vec<u8> = digits
        .chunks(2)
        .map(|pair| {
            std::str::from_utf8(pair)
                .ok()
                .filter(|p| p.len() == 2)
                .and_then(|p| u8::from_str_radix(p, 16).ok())
        })
        .collect::<Option<_>>()?;
    match bytes.as_slice() {
        [0x04 | 0x0c | 0x13 | 0x16, length, rest @ ..] if usize::from(*length) == rest.len() => {
            Some(value_of(rest.to_vec()))
        }
        _ => Some(text.to_owned()),
    }
}

fn escaped(chars: &mut Peekable<Chars<'_>>, bytes: &mut Vec<u8>) -> Option<()> {
    let first = chars.next()?;
    match (first.to_digit(16), chars.peek().and_then(|c| c.to_digit(16))) {
        (Some(high), Some(low)) => {
            chars.next();
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        }
        _ => push(first, bytes),
    }
    Some(())
}

fn push(c: char, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

fn value_of(bytes: Vec<u8>) -> String {
    match String::from_utf8(bytes) {
        Ok(text) => squeeze(&text),
        Err(error) => {
            let hex: String = error.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
            format!("#{hex}")
        }
    }
}

/// Outer blanks gone, inner ones one each, case folded (RFC 4518 §2.6.1).
pub(crate) fn squeeze(text: &str) -> String {
    fold(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Types that exports spell as OIDs (RFC 4514 §3, RFC 4519).
fn name_of(kind: &str) -> &str {
    match kind {
        "2.5.4.3" | "commonname" => "cn",
        "2.5.4.4" | "surname" => "sn",
        "2.5.4.6" | "countryname" => "c",
        "2.5.4.7" | "localityname" => "l",
        "2.5.4.8" | "stateorprovincename" => "st",
        "2.5.4.10" | "organizationname" => "o",
        "2.5.4.11" | "organizationalunitname" => "ou",
        "0.9.2342.19200300.100.1.1" | "userid" => "uid",
        "0.9.2342.19200300.100.1.25" | "domaincomponent" => "dc",
        "0.9.2342.19200300.100.1.3" | "rfc822mailbox" => "mail",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn equal_names_have_one_spelling() {
        let one = normalise("uid=kvaughan,ou=People,dc=example,dc=com");
        for other in [
            "uid=kvaughan, ou=People, dc=example,dc=com",
            "UID=KVaughan,OU=people,DC=Example,DC=COM",
            "uid = kvaughan ; ou=People; dc=example ;dc=com",
            "uid=\"kvaughan\",ou=People,dc=example,dc=com",
            "0.9.2342.19200300.100.1.1=kvaughan,2.5.4.11=People,dc=example,dc=com",
            "uid=#04086b7661756768616e,ou=People,dc=example,dc=com",
            "uid=\\6bvaughan,ou=People,dc=example,dc=com",
        ] {
            assert_eq!(normalise(other), one, "{other}");
        }
        assert_ne!(normalise("uid=kvaughan,dc=example,dc=com"), one);
    }

    #[test]
    fn escapes_and_multi_valued_rdns() {
        assert_eq!(
            normalise("CN=Sue\\, Grabbit and Runn,C=GB"),
            normalise("cn=\"Sue, Grabbit  and Runn\",c=gb")
        );
        assert_eq!(normalise("OU=Sales+CN=J. Smith,DC=net"), normalise("cn=j.  smith + ou=sales,dc=net"));
        assert_eq!(normalise("cn=Lu\\C4\\8Di\\C4\\87"), normalise("CN=Lučić"));
        assert_ne!(normalise("cn=a\\,b=c"), normalise("cn=a,b=c"));
        assert_eq!(Dn::parse("").map(|dn| dn.to_string()), Some(String::new()));
        for bad in ["no name", "=x", "cn=a,", "cn=\"open", "c n=x"] {
            assert_eq!(Dn::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_name_is_taken_apart_as_it_is_spelled() {
        assert_eq!(rdns("CN=Sue\\, Ann, OU=\"A, B\" ;dc=X"), ["CN=Sue\\, Ann", "OU=\"A, B\"", "dc=X"]);
        assert_eq!(rdns(" "), Vec::<&str>::new());
        let pair = |kind: &str, value: &str| (kind.to_owned(), value.to_owned());
        assert_eq!(
            spelled("CN=Sue\\, Ann\\C3\\A9 + ou = \"A+B\""),
            [pair("CN", "Sue, Anné"), pair("ou", "A+B")]
        );
        assert_eq!(spelled("uid=#0401"), []);
    }

    #[test]
    fn a_unique_identifier_is_cut_off() {
        assert_eq!(without_uid("cn=a,dc=x#'0101'B"), "cn=a,dc=x");
        assert_eq!(without_uid("cn=a#b,dc=x"), "cn=a#b,dc=x");
    }

    proptest! {
        #[test]
        fn normalising_twice_is_once(text in "[a-zA-Z]{1,3}=[ -~äß]{0,12}(,[a-z]{1,2}=[ -~]{0,8}){0,3}") {
            let once = normalise(&text);
            prop_assert_eq!(normalise(&once), once);
        }
        #[test]
        fn never_panics(text in any::<String>()) {
            let _ = normalise(&text);
        }
    }
}
