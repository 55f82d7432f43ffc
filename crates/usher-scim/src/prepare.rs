//! Prepared forms for comparing and indexing text, computed here and nowhere else (never by SQL `lower()`).

use std::borrow::Cow;

use icu_casemap::CaseMapper;
use jiff::{Timestamp, civil, tz::Offset};
use unicode_normalization::{UnicodeNormalization, is_nfc};

use crate::{ScimError, error::invalid_value};

/// The most bytes of a userName.
pub const USER_NAME_BYTES: usize = 512;

/// userName's key: width mapping, lower case, NFC (PRECIS UsernameCaseMapped's mapping, RFC 8265 §3.3; checklist X-14/15).
/// Refuses (`invalidValue`) control characters, outer white space, an empty name and more than [`USER_NAME_BYTES`] bytes.
pub fn user_name(text: &str) -> Result<String, ScimError> {
    if text.is_empty() {
        return Err(invalid_value("userName must not be empty"));
    }
    if text.len() > USER_NAME_BYTES {
        return Err(invalid_value(format!("userName is longer than {USER_NAME_BYTES} bytes")));
    }
    if text.chars().any(char::is_control) {
        return Err(invalid_value("userName contains a control character"));
    }
    if text.trim() != text {
        return Err(invalid_value("userName begins or ends with white space"));
    }
    Ok(user_name_form(text))
}

/// The mapping of [`user_name`] without its refusals, for what is compared with userNames.
pub fn user_name_form(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars().map(width).collect::<String>().to_lowercase().nfc().collect()
}

/// How an attribute's text is made comparable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As it is: `caseExact`.
    Exact,
    /// [`fold`].
    Folded,
    /// [`user_name`]'s mapping.
    UserName,
}

impl Form {
    /// The form of an attribute of a schema.
    pub(crate) fn of(schema: Option<&crate::Schema>, attribute: &crate::Attribute) -> Self {
        match attribute.case_exact {
            true => Self::Exact,
            false if attribute.name == "userName" && schema.is_some_and(|s| s.id == crate::schema::USER) => {
                Self::UserName
            }
            false => Self::Folded,
        }
    }
    /// The text in this form; no allocation where it has it already.
    pub(crate) fn apply(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Exact => Cow::Borrowed(text),
            _ if text.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase()) => Cow::Borrowed(text),
            Self::Folded => Cow::Owned(fold(text)),
            Self::UserName => Cow::Owned(user_name_form(text)),
        }
    }
}

/// Other `caseExact: false` text: NFC, then simple case folding (checklist X-16). Folding its result changes nothing.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let folder = CaseMapper::new();
    let folded: String = text.nfc().map(|c| folder.simple_fold(c)).collect();
    // Folding one letter of a composed pair can leave a pair that composes again.
    if is_nfc(&folded) { folded } else { folded.nfc().map(|c| folder.simple_fold(c)).nfc().collect() }
}

/// Whether two names (of attributes or schemas) are one. Names are ASCII; anything else must be equal as it is.
pub(crate) fn same_name(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

/// A fullwidth or halfwidth character's ordinary form: its `<wide>` or `<narrow>` decomposition in the Unicode
/// Character Database (RFC 8265 §3.3.1, the width mapping rule).
fn width(c: char) -> char {
    let code = c as u32;
    let mapped = match code {
        0x3000 => 0x20,
        0xFF01..=0xFF5E => code - 0xFEE0,
        0xFF5F..=0xFF60 => code - 0xFF5F + 0x2985,
        // Halfwidth CJK punctuation and katakana map one to one, which compatibility decomposition gives exactly.
        0xFF61..=0xFF9F => return std::iter::once(c).nfkc().next().unwrap_or(c),
        0xFFA0 => 0x3164,
        0xFFA1..=0xFFBE => code - 0xFFA1 + 0x3131,
        0xFFC2..=0xFFC7 => code - 0xFFC2 + 0x314F,
        0xFFCA..=0xFFCF => code - 0xFFCA + 0x3155,
        0xFFD2..=0xFFD7 => code - 0xFFD2 + 0x315B,
        0xFFDA..=0xFFDC => code - 0xFFDA + 0x3161,
        0xFFE0 => 0xA2,
        0xFFE1 => 0xA3,
        0xFFE2 => 0xAC,
        0xFFE3 => 0xAF,
        0xFFE4 => 0xA6,
        0xFFE5 => 0xA5,
        0xFFE6 => 0x20A9,
        0xFFE8 => 0x2502,
        0xFFE9..=0xFFEC => code - 0xFFE9 + 0x2190,
        0xFFED => 0x25A0,
        0xFFEE => 0x25CB,
        _ => return c,
    };
    char::from_u32(mapped).unwrap_or(c)
}

/// A SCIM dateTime as milliseconds since 1970 (RFC 7643 §2.3.5): date and time, any offset, any fraction (cut to
/// milliseconds); without an offset it is UTC. `None`: it is none.
pub fn date_time(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    // jiff reads more than xsd:dateTime: dates alone, spaces for T, zone names in brackets.
    let shaped = bytes.len() >= 19 && bytes.get(10) == Some(&b'T') && bytes.get(13) == Some(&b':');
    let plain = bytes.iter().all(|b| b.is_ascii_digit() || b"-+:.TZ".contains(b));
    if !shaped || !plain {
        return None;
    }
    let at = match text.parse::<Timestamp>() {
        Ok(at) => at,
        Err(_) => Offset::UTC.to_timestamp(text.parse::<civil::DateTime>().ok()?).ok()?,
    };
    i64::try_from(at.as_nanosecond().div_euclid(1_000_000)).ok()
}

/// Milliseconds as `2026-11-22T09:00:00.000Z`; what lies outside the years 1 to 9999 is printed as the nearest in it.
pub fn print_time(milliseconds: i64) -> String {
    let first = civil::datetime(1, 1, 1, 0, 0, 0, 0);
    let last = civil::datetime(9999, 12, 30, 0, 0, 0, 0);
    let at = match Timestamp::from_millisecond(milliseconds) {
        Ok(at) => Offset::UTC.to_datetime(at).max(first),
        Err(_) if milliseconds < 0 => first,
        Err(_) => last,
    };
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        at.year(),
        at.month(),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.millisecond()
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn x_15_user_names() {
        for (a, b) in [
            ("ÅSA", "åsa"),
            ("Jose\u{301}", "josé"),
            ("ｂｏｂ", "bob"),
            ("Ann@Ex.ORG", "ann@ex.org"),
            ("ｶﾞ", "ガ"),
            ("ﾡ", "ㄱ"),
        ] {
            assert_eq!(user_name(a).unwrap(), user_name(b).unwrap(), "{a} {b}");
        }
        assert_ne!(user_name("straße").unwrap(), user_name("strasse").unwrap());
        for bad in ["", " bob", "bob ", "\u{3000}bob", "b\u{7}ob", "b\0ob", "bob\n", &"x".repeat(513)] {
            assert!(user_name(bad).is_err(), "{bad:?}");
        }
        assert_eq!(user_name("ann lee").unwrap(), "ann lee");
    }

    #[test]
    fn x_16_folding() {
        assert_eq!(fold("ÉCOLE"), fold("e\u{301}cole"));
        assert_eq!(fold("ΣΑΣ"), fold("σας"));
        assert_ne!(fold("straße"), fold("strasse"));
        // The Turkish dotless i is another letter, whatever locale the process has.
        assert_ne!(fold("ı"), fold("I"));
        assert_eq!(fold("TITLE"), "title");
    }

    #[test]
    fn s_25_date_times() {
        assert_eq!(date_time("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(date_time("2011-05-13T04:42:34Z"), date_time("2011-05-13T06:42:34+02:00"));
        assert_eq!(date_time("1970-01-01T00:00:00.0019Z"), Some(1));
        assert_eq!(date_time("1970-01-01T00:00:00"), Some(0));
        for bad in [
            "2024-01-01",
            "2024-01-01 00:00:00Z",
            "soon",
            "",
            "2024-13-01T00:00:00Z",
            "2024-01-01T00:00:00Z[UTC]",
        ] {
            assert_eq!(date_time(bad), None, "{bad}");
        }
        assert_eq!(print_time(1_795_338_000_000), "2026-11-22T09:00:00.000Z");
        assert_eq!(print_time(i64::MAX), "9999-12-30T00:00:00.000Z");
        assert_eq!(print_time(i64::MIN), "0001-01-01T00:00:00.000Z");
    }

    proptest! {
        #[test]
        fn prepared_twice_is_prepared_once(text in "\\PC{0,20}") {
            if let Ok(key) = user_name(&text) {
                prop_assert_eq!(user_name(&key).ok(), Some(key));
            }
            prop_assert_eq!(fold(&fold(&text)), fold(&text));
        }

        #[test]
        fn printed_times_read_back(ms in -62_135_596_800_000i64..253_402_128_000_000) {
            prop_assert_eq!(date_time(&print_time(ms)), Some(ms));
        }

        #[test]
        fn times_never_panic(text in "[0-9TZ:+.-]{0,35}", ms in any::<i64>()) {
            let _ = (date_time(&text), print_time(ms));
        }
    }
}
