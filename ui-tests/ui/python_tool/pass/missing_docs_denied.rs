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

        /// Is not waited for.
        #[py(notify)]
        async fn log(&self, line: &str) -> Result<()>;

        /// Joins.
        async fn join(
            &self,
            /// The words.
            words: impl Stream<Item = String>,
            /// What comes between them.
            #[py(default = " ")]
            separator: Option<&str>,
        ) -> Result<String>;

        /// Is no tool.
        #[py(skip)]
        async fn both(&self) -> Result<()> {
            self.log("both").await
        }

        /// Counts.
        fn count(&self, to: u32) -> impl Stream<Item = Result<u32>>;
    }
}

fn main() {}
