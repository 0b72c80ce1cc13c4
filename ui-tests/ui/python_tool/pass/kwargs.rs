use snakebridge::prelude::*;

use std::collections::HashMap;

#[derive(serde::Serialize)]
pub struct Style {
    colour: String,
    width: Option<f64>,
}

#[python_tool(adapter = "tools:Tools")]
pub trait Tools {
    async fn plot(&self, title: &str, #[py(kwargs)] style: &Style) -> Result<Bytes>;

    async fn plot_owned(&self, #[py(kwargs)] style: Style) -> Result<Bytes>;

    fn plots(&self, #[py(kwargs)] style: &HashMap<String, f64>) -> impl Stream<Item = Result<Bytes>>;
}

fn main() {
    use snakebridge::client::PythonTools;
    assert!(ToolsClient::TOOLS[0].kwargs && ToolsClient::TOOLS[1].kwargs);
    assert_eq!(ToolsClient::TOOLS[0].parameters[0].name, "title");
    assert_eq!(ToolsClient::TOOLS[1].parameters, []);
}
