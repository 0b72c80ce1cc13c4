use snakebridge::prelude::*;

struct Shout {}

fn main() {
    let _ = tools![Shout];
}
