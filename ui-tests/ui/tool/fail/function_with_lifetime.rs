use snakebridge::prelude::*;

#[tool]
fn waits<'a>(context: &'a ToolContext) -> bool {
    context.deadline().is_some()
}

fn main() {}
