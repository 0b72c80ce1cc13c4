use snakebridge::prelude::*;

#[tool(name = "1st", timeot = "5s")]
unsafe fn first<T>(#[py(default = )] count: u32, _text: &str, (_, _): (u8, u8), _values: &mut Vec<T>) -> u32 {
    count
}

#[tool]
fn second(_context: ToolContext) -> u32 {
    7
}

/// The functions and their tools are still there.
fn used() -> u32 {
    unsafe { first(1, "", (1, 2), &mut Vec::<u8>::new()) + second(ToolContext::default()) }
}

fn main() {
    let _ = tools![second];
}
