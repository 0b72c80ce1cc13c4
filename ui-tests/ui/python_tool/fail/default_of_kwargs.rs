use snakebridge::prelude::*;

#[derive(serde::Serialize, Default)]
pub struct Numbers {
    a: f64,
}

#[python_tool(adapter = "tools:Tools")]
pub trait Tools {
    async fn add(&self, #[py(kwargs, default = Default::default())] numbers: &Numbers) -> Result<f64>;
}

fn main() {}
