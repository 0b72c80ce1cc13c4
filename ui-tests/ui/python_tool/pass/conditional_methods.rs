use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
#[cfg(all())]
pub trait Tools {
    #[cfg(any())]
    async fn add(&self, a: NoSuchType) -> Result<f64>;

    #[cfg(all())]
    async fn add(&self, a: f64) -> Result<f64>;

    fn count(&self) -> impl Stream<Item = Result<u32>>;
}

fn main() {
    use snakebridge::client::PythonTools;
    let names: Vec<&str> = ToolsClient::TOOLS.iter().map(|tool| tool.name).collect();
    assert_eq!(names, ["add", "count"]);
}
