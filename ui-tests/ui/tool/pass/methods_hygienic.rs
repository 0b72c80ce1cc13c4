#![no_implicit_prelude]
#![deny(warnings, missing_docs, missing_debug_implementations)]
//! A set of tools, a stream and a state, where no name means what it usually does.

/// Shared.
#[derive(Debug)]
pub struct Arc;

/// Nothing.
#[allow(dead_code)]
#[derive(Debug)]
pub struct Tools;

/// A set.
#[::snakebridge::tool]
impl Arc {
    /// Counts.
    pub fn count(
        &self,
        value: u8,
        #[py(state)] yielder: &::std::string::String,
    ) -> impl ::snakebridge::prelude::Stream<Item = u8> {
        let _ = yielder;
        ::futures::stream::iter([value])
    }

    /// Waits.
    pub async fn wait(&self, context: &::snakebridge::ToolContext, params: u8, item: u8) -> u8 {
        context.cancelled().await;
        params + item
    }
}

macro_rules! set_of {
    ($ty:ident, $method:ident, $value:ty) => {
        struct $ty;

        #[::snakebridge::tool(crate = ::snakebridge)]
        impl $ty {
            async fn $method(&self, value: $value, #[py(default = 1)] by: $value) -> $value {
                value + by
            }
        }
    };
}

set_of!(Adder, add, u64);

fn main() {
    let _ = ::snakebridge::tools::Tools::new().and(Arc).and(Adder);
}
