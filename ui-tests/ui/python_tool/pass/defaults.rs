#![deny(warnings)]

use snakebridge::client::PythonTools;
use snakebridge::prelude::*;

#[python_tool]
pub trait Tools {
    async fn scale(
        &self,
        value: f64,
        #[py(default = value * 2.0)] by: Option<f64>,
        #[py(default = "metre")] unit: Option<String>,
        #[py(name = "in", default = "here")] place: Option<&str>,
        #[py(default = vec![1.0])] weights: &Option<Vec<f64>>,
    ) -> Result<f64>;
}

fn main() {
    // With a default an argument is always sent, so Python need not have one.
    assert!(ToolsClient::TOOLS[0].parameters.iter().all(|parameter| !parameter.optional));
    assert_eq!(ToolsClient::TOOLS[0].parameters[3].name, "in");
}
