use snakebridge::prelude::*;

trait Text {
    #[tool]
    fn shout(text: String) -> String;
}

fn main() {}
