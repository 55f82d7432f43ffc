//! How long the disk takes to make a write durable: every figure of durable writes is read beside it.

use std::{fs::File, io::Write, path::Path, time::Instant};

use anyhow::Context;

use crate::figures::{Figures, Tally};

/// Appends 4 KiB and waits for the disk (`fdatasync`), so many times.
///
/// # Errors
/// When nothing can be written there.
pub fn measure(folder: &Path, times: usize) -> anyhow::Result<Figures> {
    let path = folder.join("usher-bench.disk");
    let failed = || format!("{} can't be written", path.display());
    let mut file = File::create(&path).with_context(failed)?;
    let block = [0x55; 4096];
    let mut tally = Tally::default();
    let began = Instant::now();
    for _ in 0..times {
        let each = Instant::now();
        file.write_all(&block).with_context(failed)?;
        file.sync_data().with_context(failed)?;
        tally.right(each.elapsed(), block.len());
    }
    let figures = tally.figures("write 4 KiB, fdatasync", 1, began.elapsed().as_secs_f64());
    std::fs::remove_file(&path)?;
    Ok(figures)
}
