use snakebridge::prelude::*;

use snakebridge::body::{Arguments, decode};
use snakebridge::tools::{Answer, HostTool};

#[tool]
async fn repeat(
    text: String,
    context: &ToolContext,
    #[py(default = 2)] times: u8,
    end: Option<String>,
) -> Result<String, String> {
    match times {
        0 => Err("no times".to_owned()),
        times if context.is_cancelled() => Err(format!("{times} times is too late")),
        times => Ok(text.repeat(times.into()) + &end.unwrap_or_default()),
    }
}

fn call(arguments: Arguments) -> Result<String> {
    let answer = repeat::Tool.call(ToolContext::default(), arguments.finish()?.body.into());
    let Answer::Value(reply) = answer else { panic!("it does not stream") };
    decode(&futures::executor::block_on(reply)?)
}

fn main() {
    assert_eq!(call(Arguments::new().named("text", "ab")).unwrap(), "abab");
    assert_eq!(call(Arguments::new().positional("a").positional(&3).named("end", "!")).unwrap(), "aaa!");
    let refused = call(Arguments::new().named("text", "a").named("times", "twice")).unwrap_err();
    assert_eq!((refused.code(), refused.executed().to_string().as_str()), ("invalid_argument", "never"));
    let message = refused.to_string();
    assert!(message.contains("`repeat`") && message.contains("`times`") && message.contains("`u8`"), "{message}");
    let failed = call(Arguments::new().named("text", "a").named("times", &0)).unwrap_err();
    assert_eq!((failed.code(), failed.executed().to_string().as_str()), ("host_tool", "yes"));
}
