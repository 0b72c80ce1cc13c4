//! Just enough of Rust's grammar to list the paths that a file names: `lexer` splits it into words and marks, without
//! comments and literals, and `paths` finds the paths among them.

mod lexer;
mod paths;

pub(crate) use lexer::tokens;
pub(crate) use paths::paths;

/// A word (identifier, keyword, number) or a single mark, and the line that it is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

impl Token {
    fn is_word(&self) -> bool {
        self.text.starts_with(begins_word)
    }
}

fn begins_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}
