use snakebridge::prelude::*;

#[tool]
fn waits(context: &mut ToolContext) -> bool {
    context.deadline().is_some()
}

fn main() {}
