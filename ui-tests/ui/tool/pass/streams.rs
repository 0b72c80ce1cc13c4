use snakebridge::prelude::*;

use futures::stream;
use snakebridge::body::{Arguments, decode};
use snakebridge::tools::{Answer, HostTool};

/// Counts.
#[tool]
fn count(to: u32) -> impl Stream<Item = u32> {
    stream::iter(0..to)
}

#[tool]
fn halves(numbers: Vec<u32>) -> impl Stream<Item = Result<u32, String>> + Send {
    stream::iter(numbers).map(|number| if number % 2 == 0 { Ok(number / 2) } else { Err(format!("{number} is odd")) })
}

/// Borrows what it is lent.
#[tool]
fn words(context: &ToolContext, #[py(state)] text: &String) -> impl Stream<Item = String> {
    stream::iter(text.split(' ')).filter(|_| futures::future::ready(!context.is_cancelled())).map(str::to_owned)
}

fn items(tool: &dyn HostTool, arguments: Arguments) -> Vec<Result<Value>> {
    assert!(tool.descriptor().streaming);
    let body = arguments.finish().unwrap().body.into();
    let Answer::Stream(items) = tool.call(ToolContext::default(), body) else { panic!("it streams") };
    futures::executor::block_on(items.map(|item| decode(&item?)).collect())
}

fn main() {
    let counted: Vec<Value> = items(&count::Tool, Arguments::new().named("to", &3)).into_iter().map(Result::unwrap).collect();
    assert_eq!(counted, [Value::from(0), Value::from(1), Value::from(2)]);
    let halved = items(&halves::Tool, Arguments::new().positional(&[4, 3, 2]));
    assert_eq!(halved.len(), 2, "an error is the last");
    assert_eq!(halved[1].as_ref().unwrap_err().to_string(), "error: 3 is odd");
    let refused = items(&count::Tool, Arguments::new());
    assert_eq!(refused[0].as_ref().unwrap_err().code(), "invalid_argument");
    assert_eq!(count::Tool.descriptor().returns, "u32");
    assert_eq!(halves::Tool.descriptor().returns, "u32");
    let _ = tools![words];
}
