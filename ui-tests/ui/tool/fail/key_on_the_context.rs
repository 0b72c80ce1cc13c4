use snakebridge::prelude::*;

#[tool]
fn waits(#[py(name = "context")] context: &ToolContext) -> bool {
    context.deadline().is_some()
}

fn main() {}
