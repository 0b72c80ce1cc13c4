use snakebridge::prelude::*;

use std::time::Duration;

use snakebridge::client::{ParameterDeclaration, PythonTools, Shape, ToolDeclaration};

#[python_tool(adapter = "package.tools:Tools", timeout = "1m30s", client = "TextTools", crate = snakebridge)]
pub trait Tools {
    async fn add(&self, a: f64, b: f64) -> Result<f64>;

    #[py(name = "scaleArray", timeout = "250ms", idempotent)]
    async fn scale(&self, #[py(name = "lambda")] by: f64) -> Result<f64>;

    #[py(timeout = "1h")]
    #[py(idempotent)]
    fn count(&self) -> impl Stream<Item = Result<u32>>;
}

#[python_tool(module = "tools", class = "Tools", idempotent)]
trait Repeatable {
    async fn add(&self, a: f64, b: f64) -> Result<f64>;

    #[py(idempotent = false)]
    async fn append(&self, line: &str) -> Result<()>;
}

#[python_tool(module = "package.tools")]
trait WholeModule {
    async fn add(&self, a: f64, b: f64) -> Result<f64>;
}

fn main() {
    const fn given(name: &'static str) -> ParameterDeclaration {
        ParameterDeclaration::new(name, Shape::Float)
    }
    const EXPECTED: [ToolDeclaration; 3] = [
        ToolDeclaration::call("add")
            .parameters(&[given("a"), given("b")])
            .returns(Shape::Float)
            .timeout(Duration::from_secs(90)),
        ToolDeclaration::call("scaleArray")
            .parameters(&[given("lambda")])
            .returns(Shape::Float)
            .timeout(Duration::from_millis(250))
            .idempotent(),
        ToolDeclaration::stream("count").returns(Shape::Int).timeout(Duration::from_secs(3600)).idempotent(),
    ];
    assert_eq!(TextTools::TOOLS, EXPECTED);
    assert_eq!(TextTools::ADAPTER, Some("package.tools:Tools"));
    assert_eq!(RepeatableClient::ADAPTER, Some("tools:Tools"));
    let [repeated, taken_back] = RepeatableClient::TOOLS else { panic!("two tools") };
    assert!(repeated.idempotent && repeated.timeout.is_none() && !taken_back.idempotent);
    assert_eq!(WholeModuleClient::ADAPTER, Some("package.tools"));
}
