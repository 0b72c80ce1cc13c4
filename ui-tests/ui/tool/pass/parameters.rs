use snakebridge::prelude::*;

use std::collections::HashMap;

const LIMIT: u8 = 3;

/// Repeats.
///
/// In more than one paragraph.
#[tool]
#[allow(clippy::too_many_arguments)]
fn repeat(
    /// The text,
    /// over and over.
    text: String,
    #[py(default = 2)] times: u8,
    #[py(default = LIMIT + 1)] limit: u8,
    #[py(default = -1)] from: i64,
    #[py(default = 0.5)] pause: f32,
    #[py(default = "-")] between: String,
    #[py(default = false)] loud: bool,
    #[py(default)] names: Vec<String>,
    #[py(default = HashMap::<String, u8>::new(), name = "counts")] counted: HashMap<String, u8>,
    voice: Option<String>,
    #[py(default = Some(1))] speed: Option<u8>,
    r#type: (u8, [f64; 2]),
) -> String {
    let _ = (limit, from, pause, between, loud, names, counted, voice, speed, r#type);
    text.repeat(times.into())
}

fn main() {
    let descriptor = snakebridge::tools::HostTool::descriptor(&repeat::Tool);
    assert_eq!(descriptor.description, "Repeats.\n\nIn more than one paragraph.");
    let shown: Vec<_> = descriptor
        .parameters
        .iter()
        .map(|parameter| (&*parameter.name, &*parameter.type_name, parameter.required, parameter.default.clone()))
        .collect();
    assert_eq!(
        shown,
        [
            ("text", "String", true, None),
            ("times", "u8", false, Some(Value::from(2))),
            ("limit", "u8", false, None),
            ("from", "i64", false, Some(Value::from(-1))),
            ("pause", "f32", false, Some(Value::from(0.5))),
            ("between", "String", false, Some(Value::from("-"))),
            ("loud", "bool", false, Some(Value::from(false))),
            ("names", "Vec<String>", false, None),
            ("counts", "HashMap<String, u8>", false, None),
            ("voice", "Option<String>", false, Some(Value::Nil)),
            ("speed", "Option<u8>", false, None),
            ("type", "(u8, [f64; 2])", true, None),
        ]
    );
    assert_eq!(descriptor.parameters[0].description, "The text,\nover and over.");
}
