//! Every input in `fuzz/corpus/` again, and so every one that once broke something.

#[allow(unreachable_pub, reason = "a crate of its own elsewhere")]
#[path = "../../../../fuzz/src/lib.rs"]
mod fuzz;

use std::path::Path;

#[test]
fn the_corpus_of_the_fuzzers_holds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, target) in fuzz::TARGETS {
        let mut inputs = 0;
        for entry in std::fs::read_dir(corpus.join(name)).unwrap() {
            let file = entry.unwrap().path();
            let data = std::fs::read(&file).unwrap();
            let held = std::panic::catch_unwind(|| target(&data));
            assert!(held.is_ok(), "{} breaks what is promised of {name}", file.display());
            inputs += 1;
        }
        assert!(inputs >= 15, "the corpus of {name} has only {inputs} inputs");
    }
}
