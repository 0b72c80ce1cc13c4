use snakebridge::prelude::*;

#[tool(blocking)]
fn digest(context: &ToolContext, #[py(state)] salt: &String, data: Bytes) -> Result<usize, String> {
    if context.is_cancelled() { Err("too late".to_owned()) } else { Ok(data.len() + salt.len()) }
}

#[tool(blocking)]
fn nothing() {}

fn main() {
    let _ = tools![digest, nothing];
}
