use std::time::Duration;

use snakebridge::client::{Priority, PythonTools, SessionUse, ToolDeclaration};
use snakebridge::prelude::*;

#[python_tool(session = "affine")]
trait Tools {
    #[py(idempotent, retry = 3)]
    async fn fetch(&self) -> Result<Value>;

    #[py(notify, session = "none")]
    async fn log(&self) -> Result<()>;

    #[py(notify)]
    async fn log_elsewhere(&self) -> std::result::Result<(), Error>;

    #[py(no_cancel, priority = "low")]
    async fn write(&self) -> Result<Value>;

    #[py(cache = "10m", priority = "high", session = "exclusive")]
    async fn look_up(&self) -> Result<Value>;

    #[py(window = "1MiB", priority = "normal")]
    fn lines(&self) -> impl Stream<Item = Result<Value>>;

    #[py(window = 65536)]
    fn words(&self) -> impl Stream<Item = Result<Value>>;
}

/// What a trait says holds for all of its methods.
#[python_tool(idempotent)]
trait Repeatable {
    #[py(retry = 0)]
    async fn fetch(&self) -> Result<Value>;
}

fn main() {
    let tools = |name: &str| -> ToolDeclaration {
        let mut all = ToolsClient::TOOLS.iter().chain(RepeatableClient::TOOLS);
        *all.find(|tool| tool.name == name).unwrap()
    };
    assert_eq!((tools("fetch").idempotent, tools("fetch").retries), (true, Some(3)));
    assert!(tools("log").notify && tools("log_elsewhere").notify && !tools("fetch").notify);
    assert_eq!((tools("log").session, tools("fetch").session), (SessionUse::None, SessionUse::Affine));
    assert!(tools("write").no_cancel && !tools("fetch").no_cancel);
    assert_eq!((tools("write").priority, tools("look_up").priority), (Priority::Low, Priority::High));
    assert_eq!(tools("lines").priority, Priority::Normal);
    assert_eq!(tools("look_up").cache, Some(Duration::from_secs(600)));
    assert_eq!(tools("look_up").session, SessionUse::Exclusive);
    assert_eq!((tools("lines").window, tools("words").window), (Some(1 << 20), Some(1 << 16)));
    assert_eq!(RepeatableClient::TOOLS[0].retries, Some(0));
}
