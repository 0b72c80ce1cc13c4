#![no_implicit_prelude]
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub)]
//! Tools in the Elixir style, where no name means what it usually does.

extern crate snakebridge as renamed;

/// Nothing.
#[allow(dead_code)]
#[derive(Debug)]
pub struct Outcome;

/// Nothing.
#[allow(dead_code)]
pub trait Send {}

/// Public tools.
pub mod public {
    /// Echoes.
    #[::renamed::elixir_style_tool(crate = ::renamed, metadata(a = 1))]
    pub async fn echo(arguments: ::renamed::tools::Params) -> ::renamed::tools::Params {
        arguments
    }

    /// A service.
    #[::renamed::elixir_style_tool(crate = ::renamed)]
    pub trait Service {
        /// Waits.
        async fn wait(&self, context: &::renamed::ToolContext, value: ::renamed::tools::Params) -> u8;
    }
}

macro_rules! tool_of {
    ($name:ident, $service:ident, $params:ty, $result:ty) => {
        #[::renamed::elixir_style_tool(crate = ::renamed)]
        fn $name(params: $params) -> $result {
            let _ = params;
            <$result as ::core::default::Default>::default()
        }

        #[allow(dead_code)]
        #[::renamed::elixir_style_tool(crate = ::renamed)]
        trait $service {
            async fn $name(&self, params: $params) -> $result;
        }
    };
}

tool_of!(made, Made, ::renamed::tools::Params, u8);

fn main() {
    let _ = ::renamed::tools![public::echo, made];
}
