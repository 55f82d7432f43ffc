//! From the feed and from walks to work: who is affected, judged block by block.
