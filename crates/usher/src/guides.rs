//! The guides of `docs/guides/`: the headings that Okta asks for, and commands that can be typed as they stand.

use clap::Parser;

use crate::Arguments;

const HEADINGS: [&str; 5] = [
    "Supported Features",
    "Requirements",
    "Configuration Steps",
    "Attributes and Mapping",
    "Known Issues/Troubleshooting",
];

/// Commands in blocks and in the text: whatever begins with `usher ` on a line of a block, or between backticks.
fn commands(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut block = false;
    for line in page.lines().map(str::trim) {
        if line.starts_with("```") {
            block = !block;
        } else if block {
            assert!(line.starts_with("usher "), "a block holds commands of usher alone: {line}");
            found.push(line.to_owned());
        } else {
            let quoted = line.split('`').skip(1).step_by(2);
            found.extend(quoted.filter(|text| text.starts_with("usher ")).map(str::to_owned));
        }
    }
    assert!(!block, "a block without its end");
    found
}

/// The words of a command line, as a shell takes them apart.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, part) in command.split('"').enumerate() {
        if at % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

#[test]
fn each_guide_has_the_headings_and_its_commands_can_be_typed() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides");
    let index = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let mut guides = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let page = std::fs::read_to_string(&path).unwrap();
        for command in commands(&page) {
            if let Err(error) = Arguments::try_parse_from(words(&command)) {
                panic!("{name}: {command}\n{error}");
            }
        }
        if name == "README.md" {
            continue;
        }
        guides += 1;
        let headings: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(headings, HEADINGS, "{name}");
        // A heading and two lines at least.
        for section in page.split("\n## ").skip(1) {
            assert!(section.lines().filter(|line| !line.trim().is_empty()).count() > 2, "{name}: {section}");
        }
        assert!(commands(&page).iter().any(|command| command.starts_with("usher token issue")), "{name}");
        assert!(index.contains(&format!("({name})")), "the index has no {name}");
    }
    assert_eq!(guides, 5);
}
