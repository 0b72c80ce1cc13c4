//! The examples are under `src/bin`.
