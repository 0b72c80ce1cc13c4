use snakebridge::prelude::*;

use snakebridge::body::{Arguments, decode};
use snakebridge::tools::{Answer, HostTool};

#[derive(serde::Deserialize)]
struct Parse {
    text: String,
    #[serde(default)]
    limit: Option<u8>,
}

/// Parses a number.
#[elixir_style_tool(exposed_to_python = true, timeout = "5s", metadata(cost = 3))]
fn parse_number(params: Parse, context: &ToolContext) -> Outcome<u8> {
    let limit = params.limit.unwrap_or(u8::MAX);
    match params.text.parse() {
        Ok(number) if number <= limit && !context.is_cancelled() => Outcome::Ok(number),
        Ok(number) => Outcome::Error(format!("{number} is above {limit}")),
        Err(error) => Outcome::Error(error.to_string()),
    }
}

#[elixir_style_tool(name = "sum", description = "Adds.")]
async fn add(params: Params, #[py(state)] _scale: &u8) -> Result<i64> {
    Ok(params.get::<i64>("a")? + params.get::<i64>("b")?)
}

#[elixir_style_tool]
fn plain(Parse { text, .. }: Parse) -> usize {
    text.len()
}

fn call(arguments: Arguments) -> Result<u8> {
    let answer = parse_number::Tool.call(ToolContext::default(), arguments.finish()?.body.into());
    let Answer::Value(reply) = answer else { panic!("it does not stream") };
    decode(&futures::executor::block_on(reply)?)
}

fn main() {
    let descriptor = parse_number::Tool.descriptor();
    assert!(descriptor.exposed && descriptor.session);
    let shown: Vec<_> =
        descriptor.parameters.iter().map(|found| (&*found.name, &*found.type_name, found.required)).collect();
    assert_eq!(shown, [("text", "String", true), ("limit", "Option<u8>", false)]);
    assert!(!plain::Tool.descriptor().exposed, "hidden unless it says otherwise");
    assert_eq!((add::Tool.descriptor().name, add::Tool.missing_states(&Default::default())), ("sum".into(), vec!["u8"]));
    assert!(add::Tool.descriptor().open && add::Tool.descriptor().parameters.is_empty());

    assert_eq!(call(Arguments::new().named("text", "7")).unwrap(), 7);
    let reason = call(Arguments::new().named("text", "7").named("limit", &3)).unwrap_err();
    assert_eq!((reason.code(), reason.to_string().as_str()), ("host_tool", "error: 7 is above 3"));
    let refused = call(Arguments::new().named("limit", &3)).unwrap_err();
    assert!(refused.to_string().contains("without the field `text`"), "{refused}");
    // A tool stays a function.
    assert_eq!(plain(Parse { text: "abc".to_owned(), limit: None }), 3);
    let _ = tools![parse_number, add, plain];
}
