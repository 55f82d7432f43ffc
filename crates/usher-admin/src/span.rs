//! Lengths of time as people write them.

use jiff::SignedDuration;

const DAY: i64 = 86_400;
/// Longer than a century nobody means it.
const LONGEST: i64 = 36_525 * DAY;

/// Reads `30d`, `12h`, `90m` or `45s`; `None`: it is none of these, or longer than a hundred years.
#[must_use]
pub fn span(text: &str) -> Option<SignedDuration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "d" => DAY,
        "h" => 3_600,
        "m" => 60,
        "s" => 1,
        _ => return None,
    };
    let number: u32 = digits.parse().ok()?;
    i64::from(number).checked_mul(seconds).filter(|s| *s <= LONGEST).map(SignedDuration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        assert_eq!(span("30d"), Some(SignedDuration::from_hours(720)));
        assert_eq!(span("90m"), Some(SignedDuration::from_secs(5_400)));
        for wrong in ["", "d", "30", "3 d", "-1d", "99999999d", "3ä"] {
            assert_eq!(span(wrong), None, "{wrong}");
        }
    }
}
