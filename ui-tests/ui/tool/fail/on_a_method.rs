use snakebridge::prelude::*;

struct Text(String);

impl Text {
    #[tool]
    fn shout(&self) -> String {
        self.0.to_uppercase()
    }
}

fn main() {}
