use snakebridge::prelude::*;

#[elixir_style_tool(name = "a_name_that_is_much_too_long_for_a_tool_in_the_elixir_style_and_its_users")]
fn count(params: Params) -> usize {
    params.iter().count()
}

fn main() {}
