use snakebridge::prelude::*;

use snakebridge::tools::{HostTool, ToolError};

const OWNER: &str = "us";

struct Busy;

impl From<Busy> for ToolError {
    fn from(Busy: Busy) -> Self {
        Self::new("busy", "come back later").with_data(&5)
    }
}

#[tool(hidden, session, max_concurrency = 2, metadata(owner = OWNER, "cost" = 3, cached = true, type = "slow"))]
async fn look_up(key: String) -> Result<Vec<String>, Busy> {
    if key.is_empty() { Err(Busy) } else { Ok(vec![key]) }
}

#[tool]
fn plain() {}

fn main() {
    let descriptor = look_up::Tool.descriptor();
    assert!(!descriptor.exposed && descriptor.session && !descriptor.streaming);
    assert_eq!(descriptor.max_concurrency, Some(2));
    assert_eq!(descriptor.returns, "Vec<String>");
    let metadata: Vec<(&str, &Value)> = descriptor.metadata.iter().map(|(key, value)| (&**key, value)).collect();
    let expected = [Value::from("us"), Value::from(3), Value::from(true), Value::from("slow")];
    assert_eq!(metadata, ["owner", "cost", "cached", "type"].into_iter().zip(&expected).collect::<Vec<_>>());
    let descriptor = plain::Tool.descriptor();
    assert!(descriptor.exposed && !descriptor.session && descriptor.max_concurrency.is_none());
    assert_eq!((&*descriptor.returns, descriptor.metadata.len()), ("()", 0));
}
