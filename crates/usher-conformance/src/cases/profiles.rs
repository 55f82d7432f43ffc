//! What belongs to whom: which cases a client relies on, and which only read.

use crate::case::Profile;

/// Cases that Entra ID's provisioning service relies on, beside its own dialects (C-01 to C-15): matching, paging through
/// nothing, PATCH by leaf, soft delete, errors that it can read.
const ENTRA: &[&str] = &[
    "S-10", "S-13", "S-43", "S-58", "E-09", "E-11", "E-17", "E-29", "Q-01", "Q-02", "Q-07", "Q-14", "Q-35",
    "Q-63", "P-02", "P-04", "P-05", "P-06", "P-07", "P-08", "P-09", "P-17", "P-19", "P-20", "P-25", "P-26",
    "P-30", "P-31", "P-32", "P-42", "R-01", "R-03", "R-04", "R-06", "R-09", "R-22", "R-24", "R-36", "R-37",
    "R-40", "D-01", "D-05", "D-10", "D-11", "N-11", "N-15", "N-17", "N-19", "N-22", "N-23",
];

/// Cases that Okta relies on, beside C-16 to C-24.
const OKTA: &[&str] = &[
    "S-10", "S-12", "S-43", "S-46", "S-58", "E-09", "E-11", "E-17", "E-19", "E-20", "E-28", "Q-01", "Q-02",
    "Q-03", "Q-35", "Q-42", "Q-43", "Q-45", "P-02", "P-05", "P-06", "P-16", "P-19", "P-25", "P-26", "P-31",
    "P-33", "R-01", "R-03", "R-04", "R-09", "R-22", "R-24", "R-36", "R-37", "D-01", "N-11", "N-12", "N-14",
];

/// Cases that send nothing but GET.
const READS: &[&str] = &[
    "E-06", "Q-06", "Q-09", "Q-11", "Q-12", "Q-16", "Q-18", "Q-30", "Q-32", "Q-33", "Q-44", "C-08", "C-28",
    "R-07", "R-08", "R-15", "R-16", "R-17", "R-19", "R-22", "R-23", "R-24", "R-26", "R-37", "R-38", "R-40",
    "R-41", "R-42", "R-44", "D-01", "D-02", "D-04", "D-05", "D-06", "D-07", "D-08", "D-09", "D-10", "D-11",
    "D-13", "D-14", "M-02", "M-03", "S-19", "S-21", "X-01", "X-03", "X-04", "X-20",
];

/// Whether a case counts in a profile. `rfc` is everything but the dialects of clients.
pub(crate) fn is_of(profile: Profile, id: &str) -> bool {
    let dialect = id.strip_prefix("C-").and_then(|number| number.parse::<u32>().ok());
    match profile {
        Profile::Rfc => dialect.is_none(),
        Profile::Entra => ENTRA.contains(&id) || dialect.is_some_and(|n| n <= 15),
        Profile::Okta => OKTA.contains(&id) || dialect.is_some_and(|n| (16..=24).contains(&n)),
    }
}

/// Whether a case writes nothing.
pub(crate) fn reads_only(id: &str) -> bool {
    READS.contains(&id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::cases;

    #[test]
    fn profiles_name_ids_of_the_checklist() {
        for id in ENTRA.iter().chain(OKTA).chain(READS) {
            assert!(cases().any(|case| case.id == *id), "{id}");
        }
    }
}
