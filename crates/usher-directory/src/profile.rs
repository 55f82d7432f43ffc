//! What differs between apps: one table, one place (`docs/conformance.md`, *Profiles*).

/// How DELETE of a user acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserDelete {
    /// Removed; 204, then 404.
    Removes,
    /// `active=false`; 204, again 204, GET 200.
    Deactivates,
}

/// A profile: every row of the table.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Profile {
    pub name: &'static str,
    pub page_default: u32,
    pub page_most: u32,
    pub put_merges: bool,
    /// A group PATCH answers 200 with the group (members left out above 1,000); else 204.
    pub group_patch_answers: bool,
    pub own_patch_body: bool,
    pub user_delete: UserDelete,
    /// `?hard=true` removes.
    pub hard_delete: bool,
    pub group_name_unique: bool,
    pub sort: bool,
    pub bulk: bool,
    pub etag: bool,
    /// site, location, supportID, custom fields, groupType are known.
    pub four_me_schema: bool,
    /// Unknown member ids are skipped with a note; else 400.
    pub unknown_members_skipped: bool,
    pub basic_authentication: bool,
    pub token_days: u32,
}

/// By name: `standard`, `4me`, `elium`, and `directory` (the provisioning side's own).
pub fn by_name(_name: &str) -> Option<&'static Profile> {
    todo!()
}
