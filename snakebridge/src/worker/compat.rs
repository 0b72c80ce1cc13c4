//! Adapters that were written for other bridges.

use serde::Serialize;

/// Another bridge for which an adapter was written; it runs unchanged in workers that know of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Compat {
    /// Elixir's snakepit: what its adapters import as `snakepit_bridge` is there, and every call has an adapter object of
    /// its own. See `docs/migrating-from-snakepit.md`.
    Snakepit,
}
