use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools", rename_all = "camelCase")]
pub trait Tools {
    async fn scale_all(&self) -> Result<f64>;

    #[py(name = "scaleAll")]
    async fn scale_them(&self) -> Result<f64>;
}

fn main() {}
