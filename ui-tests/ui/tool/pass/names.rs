//! What may be called like a tool, and how a tool may be called.

use snakebridge::prelude::*;

mod shout {
    use snakebridge::prelude::*;

    #[tool]
    pub(crate) fn whisper(text: String) -> String {
        text.to_lowercase()
    }

    pub mod deep {
        use snakebridge::prelude::*;

        #[tool(name = "outer")]
        pub(in super::super) fn r#type(text: String) -> String {
            text
        }
    }
}

/// A module has its name, and hides it from `tools![..]` only.
#[tool]
fn shout(text: String) -> String {
    text.to_uppercase()
}

#[tool]
#[allow(non_snake_case)]
fn Loud(text: String) -> String {
    text + "!"
}

mod elsewhere {
    use snakebridge::prelude::*;

    pub(crate) use super::shout::whisper;

    pub(crate) fn tools() -> snakebridge::tools::Tools {
        tools![whisper, super::Loud]
    }
}

fn main() {
    use shout::deep::r#type as renamed;

    assert_eq!(shout("a".to_owned()), "A");
    assert_eq!(Loud(shout::whisper("A".to_owned())), "a!");
    let tools = tools![shout::deep::r#type, self::elsewhere::whisper, crate::Loud,];
    assert_eq!(format!("{tools:?}"), r#"["outer", "whisper", "Loud"]"#);
    assert_eq!(format!("{:?}", elsewhere::tools()), r#"["whisper", "Loud"]"#);
    assert_eq!(format!("{:?}", tools![renamed]), r#"["outer"]"#);
}
