//! Which attributes and columns hold secrets. Readers drop them with the line they stand on: they are never kept, hashed,
//! stored or logged.

/// Names, in lower case, that the words below do not find.
const NAMES: &[&str] = &[
    "authpassword",
    "dbcspwd",
    "ipanthash",
    "ipatokenotpkey",
    "krb5key",
    "krbmkey",
    "krbprincipalkey",
    "krbpwdhistory",
    "krbextradata",
    "lmpwdhistory",
    "ms-mcs-admpwd",
    "ntpwdhistory",
    "pwdhistory",
    "sambapwdhistory",
    "unicodepwd",
    "userpkcs12",
    "pwd",
    "pin",
];

/// Words that make any name holding them a secret's.
const WORDS: &[&str] = &[
    "password",
    "passwd",
    "passwort",
    "kennwort",
    "wachtwoord",
    "motdepasse",
    "passphrase",
    "credential",
    "privatekey",
    "secret",
    "otpkey",
];

/// Names with such a word that hold people, times and counts.
const HARMLESS: &[&str] = &[
    "secretary",
    "passwordexpirationtime",
    "passwordexpwarned",
    "passwordretrycount",
    "passwordpolicysubentry",
];

/// Whether a value under this name is a secret. Options (`userPassword;x-old`) and case do not matter; nor do blanks, `_` and
/// `-` in a column's name.
pub fn is_secret(name: &str) -> bool {
    let base = name.split(';').next().unwrap_or(name).trim().to_lowercase();
    let plain: String = base.chars().filter(|c| c.is_alphanumeric()).collect();
    if HARMLESS.contains(&plain.as_str()) {
        return false;
    }
    NAMES.contains(&base.as_str()) || WORDS.iter().any(|word| plain.contains(word))
}

#[cfg(test)]
mod tests {
    use super::is_secret;

    #[test]
    fn passwords_under_any_name() {
        for name in [
            "userPassword",
            "USERPASSWORD",
            "userPassword;x-old",
            "sambaNTPassword",
            "sambaLMPassword",
            "krbPrincipalKey",
            "unicodePwd",
            "supplementalCredentials",
            "nsDS5ReplicaCredentials",
            "User Password",
            "initial_password",
            "Passwort",
            "PIN",
        ] {
            assert!(is_secret(name), "{name}");
        }
    }

    #[test]
    fn what_only_sounds_like_one_is_kept() {
        for name in ["pwdAccountLockedTime", "mail", "secretary", "passportNumber"] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
