use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
pub trait Tools {
    async fn scale(&self, values: &[f64], by: Option<f64>) -> Result<Vec<f64>>;

    async fn named(&self, name: Option<&str>, other: std::option::Option<String>) -> Result<()>;

    async fn referenced(&self, name: &Option<String>) -> Result<Option<String>>;
}

fn main() {}
