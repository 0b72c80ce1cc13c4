use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
pub trait Tools {
    fn count(&self, to: u32) -> impl Stream<Item = Result<u32>>;

    fn lines(&self, path: &str) -> impl futures::Stream<Item = Result<String>> + Send;

    fn own_capture(&self, path: &str) -> impl Stream<Item = Result<String>> + use<Self>;
}

/// A stream outlives what it was made from.
fn used(caller: &snakebridge::client::Caller) -> impl Stream<Item = Result<String>> + Send + 'static + use<> {
    let path = String::from("a");
    ToolsClient::new(caller).lines(&path)
}

fn generic<T: Tools>(tools: T) -> impl Stream<Item = Result<String>> + Send + use<T> {
    let path = String::from("a");
    tools.lines(&path)
}

fn main() {}
