use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
trait Tools {
    async fn add(&self, a: f64) -> Result<f64>;

    #[py(name = "add")]
    async fn add_two(&self, a: f64, b: f64) -> Result<f64>;
}

fn main() {}
