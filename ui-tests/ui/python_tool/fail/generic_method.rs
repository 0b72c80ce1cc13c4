use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
trait Tools {
    async fn first<T>(&self, of: Vec<T>) -> Result<T>;
}

fn main() {}
