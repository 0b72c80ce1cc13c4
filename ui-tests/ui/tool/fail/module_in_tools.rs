use snakebridge::prelude::*;

mod text {
    use snakebridge::prelude::*;

    #[tool]
    pub fn shout(text: String) -> String {
        text.to_uppercase()
    }
}

fn main() {
    let _ = tools![text::shout, text];
}
