//! Expressions tried out: no store, no network.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use usher_mapping::{Context, Expression, NoLookup, expression::Trace, functions};

use crate::AdminError;

