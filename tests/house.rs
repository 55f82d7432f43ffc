//! The house itself: which crate may know which, and whether the pages that promise something keep to it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The arrows of docs/architecture.md. A crate may also name what its arrows lead to at any distance.
const ARROWS: &[(&str, &[&str])] = &[
    ("usher-scim", &[]),
    ("usher-store", &[]),
    ("usher-api", &[]),
    ("usher-bench", &["usher-service"]),
    ("usher-mapping", &["usher-scim"]),
    ("usher-directory", &["usher-store", "usher-scim", "usher-mapping"]),
    ("usher-jobs", &["usher-store"]),
    ("usher-client", &["usher-scim"]),
    ("usher-service", &["usher-directory"]),
    ("usher-conformance", &["usher-client"]),
    ("usher-people", &["usher-directory", "usher-jobs", "usher-client"]),
    ("usher-sources", &["usher-directory", "usher-jobs", "usher-client"]),
    ("usher-engine", &["usher-directory", "usher-jobs", "usher-client"]),
    ("usher-admin", &["usher-engine", "usher-sources", "usher-people", "usher-directory", "usher-api"]),
    ("usher-console", &["usher-admin", "usher-api", "usher-service"]),
    (
        "usher",
        &[
            "usher-admin",
            "usher-api",
            "usher-client",
            "usher-conformance",
            "usher-console",
            "usher-directory",
            "usher-engine",
            "usher-jobs",
            "usher-mapping",
            "usher-people",
            "usher-scim",
            "usher-service",
            "usher-sources",
            "usher-store",
        ],
    ),
];

/// Crates in which async code may stand; elsewhere only in a module `driver`, and in the two doors of the store.
const ASYNC: &[&str] = &[
    "usher",
    "usher-bench",
    "usher-service",
    "usher-client",
    "usher-conformance",
    "usher-console",
    "usher-jobs",
    "usher-store",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn reachable(from: &str) -> BTreeSet<&'static str> {
    let arrows: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = arrows[from].to_vec();
    while let Some(next) = open.pop() {
        if let Some((name, further)) = arrows.get_key_value(next)
            && found.insert(*name)
        {
            open.extend(*further);
        }
    }
    found
}

#[test]
fn the_arrows_point_one_way() {
    let metadata = cargo_metadata::MetadataCommand::new()
        .no_deps()
        .manifest_path(root().join("Cargo.toml"))
        .exec()
        .unwrap();
    let mut seen = BTreeSet::new();
    for package in &metadata.packages {
        let name = package.name.as_str();
        seen.insert(name.to_owned());
        assert!(ARROWS.iter().any(|(known, _)| *known == name), "{name} is in no row of the arrows");
        let may = reachable(name);
        for dependency in &package.dependencies {
            if dependency.kind == cargo_metadata::DependencyKind::Normal
                && dependency.name.starts_with("usher")
            {
                assert!(may.contains(dependency.name.as_str()), "{name} may not know {}", dependency.name);
            }
        }
    }
    assert_eq!(seen.len(), ARROWS.len(), "a crate of the arrows is missing");
    for pure in ["usher-scim", "usher-mapping"] {
        let package = metadata.packages.iter().find(|p| p.name.as_str() == pure).unwrap();
        for foreign in ["tokio", "rusqlite", "postgres", "reqwest", "axum"] {
            assert!(!package.dependencies.iter().any(|d| d.name == foreign), "{pure} is pure: no {foreign}");
        }
    }
}

/// The engine's deliberate bugs are for its own tests: no other crate may ask for them, and no build has them by default.
#[test]
fn deliberate_bugs_are_in_no_build_but_the_engines_own_tests() {
    let metadata = cargo_metadata::MetadataCommand::new()
        .no_deps()
        .manifest_path(root().join("Cargo.toml"))
        .exec()
        .unwrap();
    for package in &metadata.packages {
        for dependency in package.dependencies.iter().filter(|d| d.name == "usher-engine") {
            let own = package.name.as_str() == "usher-engine"
                && dependency.kind == cargo_metadata::DependencyKind::Development;
            let asks = dependency.features.iter().any(|feature| feature == "flaws");
            assert_eq!(asks, own, "{} and the feature flaws", package.name);
        }
        for (feature, needs) in &package.features {
            let passes_on = needs.iter().any(|need| need.contains("flaws"));
            assert!(!passes_on, "{}'s feature {feature} asks for flaws", package.name);
        }
    }
}

fn rust_files(under: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(under).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

#[test]
fn async_stands_where_it_may() {
    for (name, _) in ARROWS {
        if ASYNC.contains(name) {
            continue;
        }
        let mut files = Vec::new();
        let sources = root().join("crates").join(name).join("src");
        rust_files(&sources, &mut files);
        for file in files {
            if file
                .strip_prefix(&sources)
                .unwrap()
                .components()
                .any(|c| c.as_os_str().to_string_lossy().starts_with("driver"))
            {
                continue;
            }
            let text = std::fs::read_to_string(&file).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            let awaits =
                code.split(".await").skip(1).any(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()));
            assert!(!code.contains("async fn") && !awaits, "async in {}", file.display());
        }
    }
}

/// Names of all functions in test code.
fn test_names() -> BTreeSet<String> {
    let mut files = Vec::new();
    rust_files(&root().join("crates"), &mut files);
    rust_files(&root().join("tests"), &mut files);
    let mut names = BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let mut marked = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                marked = true;
            } else if let Some(at) = line.find("fn ")
                && marked
            {
                let name = line[at + 3..].split(['(', '<']).next().unwrap();
                names.insert(name.trim().to_owned());
                marked = false;
            }
        }
    }
    names
}

#[test]
fn every_row_of_coverage_has_a_proof_or_a_reason() {
    let names = test_names();
    let page = std::fs::read_to_string(root().join("docs/coverage.md")).unwrap();
    let mut rows = BTreeSet::new();
    for line in page.lines().filter(|line| line.starts_with("| F") || line.starts_with("| E")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 4, "{line}");
        let (row, proof) = (cells[0], cells[3]);
        rows.insert(row.to_owned());
        if proof.starts_with("later") || proof.starts_with("not, because ") {
            continue;
        }
        let proofs: Vec<&str> = proof.split('`').skip(1).step_by(2).collect();
        assert!(!proofs.is_empty(), "{row} has neither a proof nor a reason");
        for name in proofs {
            assert!(names.contains(name), "{row} is proved by {name}, which is no test");
        }
    }
    let expected: BTreeSet<String> =
        (1..=83).map(|n| format!("F{n}")).chain((1..=52).map(|n| format!("E{n}"))).collect();
    assert_eq!(rows, expected);
}

#[test]
fn what_holds_and_what_is_promised_names_tests_that_are() {
    let names = test_names();
    let page = std::fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let mut rows = 0;
    for section in ["## What holds each invariant", "## What storage promises"] {
        let text = page.split_once(section).unwrap().1.split("\n## ").next().unwrap();
        for line in text.lines().filter(|line| line.starts_with("| ")).skip(2) {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let (what, proof) = (cells[0], cells[cells.len() - 1]);
            if what.starts_with("**") {
                continue;
            }
            let proofs: Vec<&str> = proof.split('`').skip(1).step_by(2).collect();
            assert!(!proofs.is_empty(), "nothing proves: {what}");
            for name in proofs {
                assert!(names.contains(name), "{what}: {name} is no test");
            }
            rows += 1;
        }
    }
    assert!(rows > 60, "{rows} rows");
}

#[test]
fn lock_files_name_no_other_source_than_the_registry() {
    for file in ["Cargo.lock", "fuzz/Cargo.lock"] {
        let lock = std::fs::read_to_string(root().join(file)).unwrap();
        for line in lock.lines().filter(|line| line.starts_with("source = ")) {
            assert_eq!(line, "source = \"registry+https://github.com/rust-lang/crates.io-index\"", "{file}");
        }
    }
}
