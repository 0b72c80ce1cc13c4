fn main() {
    use snakebridge::prelude::*;

    #[python_tool(adapter = "tools:Tools")]
    trait Tools {
        async fn add(&self, a: f64, b: f64) -> Result<f64>;
    }

    let _ = |client: &ToolsClient| client.add(1.0, 2.0);
}
