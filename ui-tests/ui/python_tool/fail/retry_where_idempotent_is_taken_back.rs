use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools", idempotent)]
trait Tools {
    #[py(idempotent = false, retry = 3)]
    async fn append(&self, line: &str) -> Result<()>;
}

fn main() {}
