//! Unused, private, and under conditions.
#![deny(warnings)]

use snakebridge::prelude::*;

#[elixir_style_tool]
#[cfg(any())]
fn absent(params: NoSuchType) {}

#[cfg(all())]
#[elixir_style_tool]
trait Service {
    #[cfg(any())]
    async fn absent(&self, params: NoSuchType);

    async fn present(&self, params: Params);
}

struct Quiet;

impl Service for Quiet {
    async fn present(&self, _: Params) {}
}

fn main() {
    let _ = snakebridge::tools::Tools::new().and(ServiceTools::new(Quiet));
}
