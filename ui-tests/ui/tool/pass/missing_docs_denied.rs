//! Tools.
#![deny(missing_docs, missing_debug_implementations, unreachable_pub, warnings)]

/// Public tools.
pub mod public {
    /// Adds.
    #[snakebridge::tool]
    pub fn add(
        /// The first.
        a: f64,
        b: f64,
    ) -> f64 {
        a + b
    }
}

fn main() {
    let _ = snakebridge::tools![public::add];
}
