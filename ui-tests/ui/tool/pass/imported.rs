use snakebridge::prelude::*;

mod text {
    pub mod loud {
        use snakebridge::prelude::*;

        #[tool]
        pub fn shout(text: String) -> String {
            text.to_uppercase()
        }

        #[tool]
        pub(in crate::text) fn whisper(text: String) -> String {
            text.to_lowercase()
        }
    }

    pub fn inner() -> snakebridge::tools::Tools {
        snakebridge::tools![loud::whisper, super::text::loud::shout]
    }
}

use text::loud::{self, shout};

fn main() {
    let _ = (tools![shout, loud::shout, text::loud::shout], text::inner(), shout("a".to_owned()));
}
