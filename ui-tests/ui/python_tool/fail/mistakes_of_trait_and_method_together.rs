use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
trait Tools<T> {
    async fn sort(&self, values: &mut Vec<T>) -> Result<()>;
}

fn main() {}
