use snakebridge::client::PythonTools;
use snakebridge::prelude::*;

#[python_tool(rename_all = "camelCase")]
trait Tools {
    async fn scale_all(&self, by_how_much: f64) -> Result<f64>;

    #[py(name = "scale_one")]
    async fn scale_it(&self, by_how_much: f64) -> Result<f64>;
}

fn main() {
    let names: Vec<&str> = ToolsClient::TOOLS.iter().map(|tool| tool.name).collect();
    assert_eq!(names, ["scaleAll", "scale_one"]);
    assert_eq!(ToolsClient::TOOLS[0].parameters[0].name, "by_how_much");
}
