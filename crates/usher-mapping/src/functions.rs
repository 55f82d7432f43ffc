//! The functions: one table, one entry a function, with parameters, doc line and vectors; `docs/functions.md` is generated from it.

/// A function as documented.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    /// E.g. `Coalesce`. Case-sensitive.
    pub name: &'static str,
    /// E.g. `(source1, source2, …)`.
    pub parameters: &'static str,
    /// One line.
    pub doc: &'static str,
    /// (expression, printed result) pairs, tested.
    pub vectors: &'static [(&'static str, &'static str)],
}

/// All functions, by name.
pub fn all() -> &'static [Function] {
    todo!()
}
