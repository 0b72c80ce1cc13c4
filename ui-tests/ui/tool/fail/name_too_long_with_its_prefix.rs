use snakebridge::prelude::*;

struct Set;

#[tool(prefix = "a_prefix_that_is_not_too_long_for_itself_and_says_where_the_tools_belong_in_many_words.")]
impl Set {
    fn a_method_with_a_name_that_says_what_it_does(&self) -> usize {
        1
    }
}

fn main() {}
