//! Versions and preconditions (RFC 7644 §3.14; checklist E-31…E-35), where the profile has them.

use http::{HeaderMap, HeaderName, header};
use usher_directory::{Version, object::Stored, profile::Profile};
use usher_scim::ScimType;

use crate::problem::Problem;

/// Whether a request has an If-Match that counts: its version is then part of the write.
pub(crate) fn expects(profile: &Profile, headers: &HeaderMap) -> bool {
    profile.etag && headers.contains_key(header::IF_MATCH)
}

/// 412 when If-Match names other versions than the present one, or If-None-Match names it.
pub(crate) fn check_match(profile: &Profile, headers: &HeaderMap, stored: &Stored) -> Result<(), Problem> {
    if has_it(profile, headers, stored)? {
        let detail = format!(
            "the resource has the version {}, which If-None-Match excludes; send the change without If-None-Match",
            stored.etag()
        );
        return Err(Problem::status(412, detail));
    }
    if !profile.etag || names(headers, header::IF_MATCH, stored.version)?.unwrap_or(true) {
        return Ok(());
    }
    Err(Problem::status(
        412,
        format!(
            "the resource was changed meanwhile, its version is {}; read it and decide again",
            stored.etag()
        ),
    ))
}

/// Whether If-None-Match says that the client has the present version already.
pub(crate) fn has_it(profile: &Profile, headers: &HeaderMap, stored: &Stored) -> Result<bool, Problem> {
    Ok(profile.etag && names(headers, header::IF_NONE_MATCH, stored.version)?.unwrap_or(false))
}

/// Whether a header of entity tags names a version; tags compare weakly, since SCIM's own examples send `W/` in If-Match.
fn names(headers: &HeaderMap, name: HeaderName, version: Version) -> Result<Option<bool>, Problem> {
    let mut named = None;
    for value in headers.get_all(&name) {
        let wrong = || {
            Problem::bad(
                ScimType::InvalidValue,
                format!("{name} is no list of entity tags; send it as the ETag came"),
            )
        };
        let tags = value.to_str().map_err(|_| wrong())?.split(',').map(str::trim);
        let mut some = false;
        for tag in tags.filter(|tag| !tag.is_empty()) {
            some = true;
            let opaque = tag.strip_prefix("W/").unwrap_or(tag);
            let hit = match opaque.strip_prefix('"').and_then(|o| o.strip_suffix('"')) {
                Some(opaque) => opaque == version.0.to_string(),
                None if tag == "*" => true,
                None => return Err(wrong()),
            };
            named = Some(named.unwrap_or(false) || hit);
        }
        // A condition that says nothing was meant to say something.
        if !some {
            return Err(wrong());
        }
    }
    Ok(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_compare_weakly_and_nonsense_is_said() {
        let of = |text: &str| {
            let headers = HeaderMap::from_iter([(header::IF_MATCH, text.parse().unwrap())]);
            names(&headers, header::IF_MATCH, Version(7)).map_err(|p| p.error.status)
        };
        assert_eq!(of("W/\"7\""), Ok(Some(true)));
        assert_eq!(of("\"7\""), Ok(Some(true)));
        assert_eq!(of("\"5\", W/\"7\""), Ok(Some(true)));
        assert_eq!(of("W/\"6\""), Ok(Some(false)));
        assert_eq!(of("*"), Ok(Some(true)));
        for nothing in ["7", "", " , "] {
            assert_eq!(of(nothing), Err(400), "{nothing:?}");
        }
        assert_eq!(names(&HeaderMap::new(), header::IF_MATCH, Version(7)).ok(), Some(None));
    }
}
