use snakebridge::prelude::*;

struct Words(Vec<String>);

#[tool]
impl Words {
    fn count(&self) -> usize {
        self.0.len()
    }
}

fn main() {
    let _ = tools![Words];
}
