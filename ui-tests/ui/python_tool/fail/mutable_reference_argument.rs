use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
trait Tools {
    async fn sort(&self, values: &mut Vec<f64>) -> Result<()>;
}

fn main() {}
