use snakebridge::prelude::*;

macro_rules! tool_of {
    ($name:ident, $ty:ty, $default:expr, $text:literal) => {
        #[tool]
        fn $name(
            a: $ty,
            #[py(default = $default)] b: $ty,
            #[py(default = $text)] text: String,
            context: &ToolContext,
        ) -> $ty {
            let _ = (text, context);
            a + b
        }
    };
}

tool_of!(add, f64, 1.0 + 2.0, "text");

fn main() {
    let _ = tools![add];
}
