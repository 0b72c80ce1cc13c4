use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
trait Tools<T> {
    async fn add(&self, a: T, b: T) -> Result<T>;
}

fn main() {}
