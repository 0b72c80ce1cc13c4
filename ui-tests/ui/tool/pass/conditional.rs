use snakebridge::prelude::*;

#[tool]
#[cfg(any())]
fn add(a: NoSuchType) {}

#[tool]
#[cfg(all())]
fn add(a: u8) -> u8 {
    a
}

#[cfg(all())]
#[tool]
#[deprecated]
#[must_use]
fn old(a: u8) -> u8 {
    a
}

fn main() {
    let _ = tools![add, old];
}
