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
    /// Filters beyond eq, ne, lt, gt joined by and, or are not documented: answered, and noted.
    pub few_filters: bool,
    pub bulk: bool,
    pub etag: bool,
    /// site, location, supportID, custom fields, groupType are known.
    pub four_me_schema: bool,
    /// Users have the open extension `urn:usher:directory:1.0:User`.
    pub open_extension: bool,
    /// Unknown member ids are skipped with a note; else 400.
    pub unknown_members_skipped: bool,
    pub basic_authentication: bool,
    pub token_days: u32,
}

const STANDARD: Profile = Profile {
    name: "standard",
    page_default: 100,
    page_most: 1000,
    put_merges: false,
    group_patch_answers: false,
    own_patch_body: false,
    user_delete: UserDelete::Removes,
    hard_delete: false,
    group_name_unique: false,
    sort: true,
    few_filters: false,
    bulk: true,
    etag: true,
    four_me_schema: false,
    open_extension: false,
    unknown_members_skipped: false,
    basic_authentication: false,
    token_days: 365,
};

/// The table. `docs/conformance.md` prints it.
pub const ALL: [Profile; 4] = [
    STANDARD,
    Profile {
        name: "4me",
        page_default: 25,
        page_most: 25,
        put_merges: true,
        group_patch_answers: true,
        own_patch_body: true,
        user_delete: UserDelete::Deactivates,
        hard_delete: true,
        group_name_unique: true,
        sort: false,
        few_filters: true,
        bulk: false,
        etag: false,
        four_me_schema: true,
        unknown_members_skipped: true,
        basic_authentication: true,
        token_days: 30,
        ..STANDARD
    },
    Profile {
        name: "elium",
        page_most: 200,
        user_delete: UserDelete::Deactivates,
        group_name_unique: true,
        sort: false,
        bulk: false,
        etag: false,
        unknown_members_skipped: true,
        ..STANDARD
    },
    Profile { name: "directory", open_extension: true, ..STANDARD },
];

/// By name: `standard`, `4me`, `elium`, and `directory` (the provisioning side's own).
pub fn by_name(name: &str) -> Option<&'static Profile> {
    ALL.iter().find(|profile| profile.name == name)
}
