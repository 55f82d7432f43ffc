//! The alias table: Graph's and LDAP's names for SCIM paths (`mail`, `givenName`, `surname`, `objectId`, …).

/// One name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alias {
    /// E.g. `userPrincipalName`.
    pub name: &'static str,
    /// E.g. `userName`, `emails[type eq "work"].value`.
    pub path: &'static str,
}

/// All of them; `usher mapping functions` prints it. The path of `extensionAttribute1` is in `urn:usher:directory:1.0:User`.
pub const ALIASES: &[Alias] = &[];

/// The open extension of directory users.
pub const DIRECTORY_EXTENSION: &str = "urn:usher:directory:1.0:User";

/// The path a name stands for; Graph's names match exactly.
pub fn path(_name: &str) -> Option<&'static str> {
    todo!()
}
