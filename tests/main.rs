//! Tests that cross crates, with real servers where there are any. `./usher test` starts what they need.

mod house;
