//! What is printed is read back; what is nearly a filter or path is answered.

use proptest::prelude::*;
use usher_scim::{AttributePath, Filter, ScimType, Tolerance};

use crate::made::{edited, edits, filters, paths, spelled};

/// Whether a filter holds a decimal fraction, whose last digit may change when it is printed and read again.
fn has_fraction(filter: &Filter) -> bool {
    let within = |path: &AttributePath| path.filter.as_deref().is_some_and(has_fraction);
    match filter {
        Filter::And(terms) | Filter::Or(terms) => terms.iter().any(has_fraction),
        Filter::Not(inner) | Filter::Value(_, inner) => has_fraction(inner),
        Filter::Present(path) => within(path),
        Filter::Compare(path, _, value) => value.is_f64() || within(path),
    }
}

fn answered(text: &str) -> Result<(), TestCaseError> {
    for how in [Tolerance::Tolerant, Tolerance::Strict] {
        match Filter::read(text, how) {
            Ok((filter, _)) => {
                let printed = filter.to_string();
                let again = Filter::parse(&printed);
                prop_assert!(again.is_ok(), "{} was printed as {}", text, printed);
                prop_assert!(has_fraction(&filter) || again == Ok(filter), "{}", text);
            }
            Err(e) => prop_assert!(text.get(e.span.clone()).is_some(), "{}: {} at {:?}", text, e, e.span),
        }
    }
    match AttributePath::parse(text) {
        Ok(path) => {
            let again = AttributePath::parse(&path.to_string());
            prop_assert!(again.is_ok(), "{}", text);
            let fraction = path.filter.as_deref().is_some_and(has_fraction);
            prop_assert!(fraction || again == Ok(path), "{}", text);
        }
        Err(e) => prop_assert_eq!(e.scim_type, Some(ScimType::InvalidPath)),
    }
    Ok(())
}

fn prefixes(text: &str) -> Result<(), TestCaseError> {
    text.char_indices().try_for_each(|(end, _)| answered(&text[..end]))
}

proptest! {
    #[test]
    fn printed_filters_parse_to_the_same(filter in filters(false)) {
        prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter));
    }

    #[test]
    fn printed_paths_parse_to_the_same(path in paths()) {
        prop_assert_eq!(AttributePath::parse(&path.to_string()), Ok(path));
    }

    #[test]
    fn filters_spelled_otherwise_are_the_same(filter in filters(false), seed in any::<u64>()) {
        let text = spelled(&filter, seed);
        prop_assert_eq!(Filter::parse(&text), Ok(filter), "{}", text);
    }

    #[test]
    fn every_prefix_of_a_filter_or_path_is_answered(filter in filters(false), path in paths()) {
        prefixes(&filter.to_string())?;
        prefixes(&path.to_string())?;
    }

    #[test]
    fn nearly_filters_and_paths_are_answered(
        filter in filters(false),
        path in paths(),
        seed in any::<u64>(),
        edits in edits(),
    ) {
        answered(&edited(&spelled(&filter, seed), &edits))?;
        answered(&edited(&path.to_string(), &edits))?;
    }

    #[test]
    fn any_text_is_answered(
        text in "\\PC{0,60}",
        alike in "(userName|emails|\\[|\\]|\\(|\\)| |not|and|or|eq|pr|\"|\\\\|a|\\.|urn:|1|true){0,25}",
    ) {
        answered(&text)?;
        answered(&alike)?;
    }
}
