use snakebridge::prelude::*;

struct Style {
    width: f64,
}

#[python_tool(adapter = "tools:Tools")]
trait Tools {
    async fn plot(&self, #[py(kwargs)] style: &Style) -> Result<Bytes>;
}

fn main() {}
