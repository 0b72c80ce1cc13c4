use snakebridge::prelude::*;

fn main() {
    #[tool]
    fn add(add: u8) -> u8 {
        add
    }

    let _ = tools![add];
}
