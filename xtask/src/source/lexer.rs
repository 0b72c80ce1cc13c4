//! Splits a source text into words and marks; comments and literals are left out.

use std::iter::Peekable;
use std::str::Chars;

use super::{Token, begins_word};

/// Splits a source text.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut lexer = Lexer { rest: text.chars().peekable(), line: 1 };
    let mut found = Vec::new();
    while let Some(token) = lexer.token() {
        found.push(token);
    }
    found
}

struct Lexer<'a> {
    rest: Peekable<Chars<'a>>,
    line: usize,
}

impl Lexer<'_> {
    fn token(&mut self) -> Option<Token> {
        loop {
            let line = self.line;
            let first = self.next()?;
            match first {
                '/' if self.rest.peek() == Some(&'/') => {
                    self.skip_while(|character| character != '\n');
                }
                '/' if self.rest.peek() == Some(&'*') => self.skip_block_comment(),
                '"' => self.skip_string(),
                '\'' => self.skip_character_or_lifetime(),
                _ if begins_word(first) => {
                    if let Some(text) = self.word(first) {
                        return Some(Token { text, line });
                    }
                }
                _ if first.is_whitespace() => {}
                _ => {
                    return Some(Token { text: first.to_string(), line });
                }
            }
        }
    }

    fn next(&mut self) -> Option<char> {
        let next = self.rest.next();
        self.line += usize::from(next == Some('\n'));
        next
    }

    fn skip_while(&mut self, belongs: impl Fn(char) -> bool) {
        while self.rest.peek().is_some_and(|character| belongs(*character)) {
            self.next();
        }
    }

    /// A word, or nothing when it was the prefix of a literal (`r#"…"#`, `b"…"`), which is skipped.
    fn word(&mut self, first: char) -> Option<String> {
        let mut word = first.to_string();
        while let Some(character) = self.rest.next_if(|character| begins_word(*character)) {
            word.push(character);
        }
        let raw = matches!(word.as_str(), "r" | "br" | "cr");
        let prefix = raw || matches!(word.as_str(), "b" | "c");
        match self.rest.peek() {
            Some('"') if raw => self.skip_raw_string(),
            Some('"') if prefix => {
                self.next();
                self.skip_string();
            }
            Some('#') if raw => {
                let mut ahead = self.rest.clone();
                if ahead.find(|character| *character != '#') != Some('"') {
                    // A raw identifier, `r#type`.
                    self.next();
                    let first = self.next()?;
                    return self.word(first);
                }
                self.skip_raw_string();
            }
            _ => return Some(word),
        }
        None
    }

    fn skip_string(&mut self) {
        while let Some(character) = self.next() {
            match character {
                '\\' => drop(self.next()),
                '"' => return,
                _ => {}
            }
        }
    }

    fn skip_raw_string(&mut self) {
        let mut hashes = 0;
        while self.rest.next_if_eq(&'#').is_some() {
            hashes += 1;
        }
        self.next();
        while let Some(character) = self.next() {
            let mut closing = 0;
            while character == '"' && closing < hashes && self.rest.next_if_eq(&'#').is_some() {
                closing += 1;
            }
            if character == '"' && closing == hashes {
                return;
            }
        }
    }

    fn skip_block_comment(&mut self) {
        let mut depth = 0;
        let mut before = '/';
        while let Some(character) = self.next() {
            match (before, character) {
                ('/', '*') => depth += 1,
                ('*', '/') => depth -= 1,
                _ => {
                    before = character;
                    continue;
                }
            }
            if depth == 0 {
                return;
            }
            // The two characters are used up: `/*/` opens and does not close.
            before = ' ';
        }
    }

    fn skip_character_or_lifetime(&mut self) {
        let mut ahead = self.rest.clone();
        match (ahead.next(), ahead.next()) {
            (Some('\\'), _) => {
                self.next();
                self.next();
                self.skip_while(|character| character != '\'');
                self.next();
            }
            (Some(_), Some('\'')) => {
                self.next();
                self.next();
            }
            // A lifetime: its name follows as a word.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_no_source() {
        let text = concat!(
            "// crate::a::b\n/* crate::a /* nested */ crate::b */ /*/ crate::a */\n",
            r##"let s = "crate::c \" crate::d"; let r = r#"crate::e " crate::f"#; let b = b"crate::g";"##,
            "let c = '\"'; let d = '\\''; fn f<'a>(x: &'a str) { crate::yes::it() }"
        );
        let words: Vec<String> =
            tokens(text).into_iter().map(|token| token.text).filter(|text| text.len() > 1).collect();
        assert_eq!(words, ["let", "let", "let", "let", "let", "fn", "str", "crate", "yes", "it"]);
    }
}
