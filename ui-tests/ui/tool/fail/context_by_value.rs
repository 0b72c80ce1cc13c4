use snakebridge::prelude::*;

#[tool]
fn waits(context: ToolContext) -> bool {
    context.deadline().is_some()
}

fn main() {}
