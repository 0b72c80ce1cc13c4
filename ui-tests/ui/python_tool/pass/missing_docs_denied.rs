//! What is documented in the trait is documented in what it generates.
#![deny(missing_docs, missing_debug_implementations, unreachable_pub, warnings)]

/// Public tools.
pub mod public {
    use snakebridge::prelude::*;

    /// The tools.
    #[python_tool(adapter = "tools:Tools")]
    pub trait Tools {
        /// Adds.
        async fn add(
            &self,
            /// The first summand.
            a: f64,
            /// The second summand,
            /// which is described in two lines.
            b: f64,
        ) -> Result<f64>;

        /// Counts.
        fn count(&self, to: u32) -> impl Stream<Item = Result<u32>>;
    }
}

fn main() {}
