use snakebridge::prelude::*;

#[python_tool]
trait Tools {
    async fn add(&self, a: f64, b: f64) -> Result<f64>;
}

fn main() {
    assert_eq!(<ToolsClient as snakebridge::client::PythonTools>::ADAPTER, None);
}
