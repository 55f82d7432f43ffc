//! The tenant URL: paths under it, and its query string merged into every request's.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use crate::Endpoint;

/// Everything but RFC 3986's unreserved characters. A space becomes `%20`, which every server reads; `+` is not.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The address of an endpoint, or of a resource of it. `None` when `id` is no id at all: blank, or `.` or `..`, which
/// a URL would swallow, so that a DELETE of it would hit the collection.
pub(crate) fn address(
    tenant: &Url,
    segment: &str,
    id: Option<&str>,
    query: &[(&str, &str)],
    plus_for_blank: bool,
) -> Option<Url> {
    if id.is_some_and(|id| matches!(id.trim(), "" | "." | "..")) {
        return None;
    }
    let mut url = tenant.clone();
    url.set_fragment(None);
    {
        let mut path = url.path_segments_mut().ok()?;
        path.pop_if_empty().push(segment);
        if let Some(id) = id {
            path.push(id);
        }
    }
    let mut text = tenant.query().unwrap_or_default().trim_matches('&').to_owned();
    for (name, value) in query {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(name);
        text.push('=');
        let encoded = utf8_percent_encode(value, QUERY).to_string();
        text.push_str(&if plus_for_blank { encoded.replace("%20", "+") } else { encoded });
    }
    url.set_query((!text.is_empty()).then_some(text.as_str()));
    Some(url)
}

/// The other base addresses worth a try when nothing answers SCIM at `tenant`: `/scim/v2`, `/scim` and the bare path
/// (4me's guide tells administrators to try just these).
pub(crate) fn alternatives(tenant: &Url) -> Vec<Url> {
    let path = tenant.path().trim_end_matches('/');
    let lower = path.to_ascii_lowercase();
    let known = [Endpoint::Users, Endpoint::Groups];
    let cut = known
        .iter()
        .find_map(|e| lower.strip_suffix(&format!("/{}", e.segment().to_ascii_lowercase())))
        .unwrap_or(&lower);
    let cut = ["/scim/v2", "/scim", "/v2"].iter().find_map(|s| cut.strip_suffix(s)).unwrap_or(cut);
    let stem = path.get(..cut.len()).unwrap_or_default();
    ["/scim/v2", "/scim", "/"]
        .iter()
        .map(|tail| {
            let mut url = tenant.clone();
            url.set_path(&format!("{stem}{tail}"));
            url
        })
        .filter(|url| url.path().trim_end_matches('/') != path)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn the_tenants_query_is_merged_and_the_filter_encoded() {
        let a = address(
            &url("https://x/scim/?flag"),
            "Users",
            None,
            &[("filter", "userName eq \"a+b & ü\"")],
            false,
        )
        .unwrap();
        assert_eq!(a.as_str(), "https://x/scim/Users?flag&filter=userName%20eq%20%22a%2Bb%20%26%20%C3%BC%22");
        assert_eq!(
            address(&url("https://x"), "Users", Some("a/b?c"), &[], false).unwrap().as_str(),
            "https://x/Users/a%2Fb%3Fc"
        );
    }

    #[test]
    fn an_id_that_a_url_would_swallow_is_no_id() {
        for id in ["", " ", ".", ".."] {
            assert!(address(&url("https://x/scim"), "Users", Some(id), &[], false).is_none(), "{id:?}");
        }
        let odd = address(&url("https://x/scim"), "Users", Some("%2e%2e"), &[], false).unwrap();
        assert_eq!(odd.path(), "/scim/Users/%252e%252e");
    }

    #[test]
    fn alternatives_leave_the_given_one_out() {
        let of = |t: &str| alternatives(&url(t)).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(of("https://x/"), ["https://x/scim/v2", "https://x/scim"]);
        assert_eq!(of("https://x/scim"), ["https://x/scim/v2", "https://x/"]);
        assert_eq!(of("https://x/a/scim/v2/?f"), ["https://x/a/scim?f", "https://x/a/?f"]);
        assert_eq!(of("https://x/scim/v2/Users"), ["https://x/scim/v2", "https://x/scim", "https://x/"]);
    }
}
