use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
pub trait r#Tools {
    async fn r#type(&self, r#match: f64, r#self_: u8) -> Result<f64>;

    #[py(name = "new")]
    async fn make(&self) -> Result<f64>;
}

fn main() {
    use snakebridge::client::PythonTools;
    assert_eq!(ToolsClient::TOOLS[0].name, "type");
    assert_eq!(ToolsClient::TOOLS[0].parameters.iter().map(|parameter| parameter.name).collect::<Vec<_>>(), ["match", "self_"]);
    assert_eq!(ToolsClient::TOOLS[1].name, "new");
}
