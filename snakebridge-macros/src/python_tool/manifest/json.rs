//! A reader of JSON.
//!
//! Everybody who uses the macros compiles this crate first, and waits for it. `serde_json` would add seconds to that for
//! what are a hundred lines here.

/// A JSON value. The entries of an object keep their order; of equal keys the last counts.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    /// As it was written: what matters is mostly whether it is an integer.
    Number(String),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// The entry of an object.
    pub(super) fn get(&self, key: &str) -> Option<&Json> {
        match self {
            Self::Object(entries) => entries.iter().rfind(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text under `key`.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The array under `key`.
    pub(super) fn array(&self, key: &str) -> Option<&[Json]> {
        match self.get(key)? {
            Self::Array(values) => Some(values),
            _ => None,
        }
    }

    /// Whether `true` stands under `key`.
    pub(super) fn is(&self, key: &str) -> bool {
        self.get(key) == Some(&Self::Bool(true))
    }
}

/// Deeper than this no schema is, and the reader recurses.
const DEPTH: usize = 128;

/// Reads a document. `Err` says what is wrong, and where.
pub(super) fn parse(text: &str) -> Result<Json, String> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(DEPTH).and_then(|value| match reader.peek() {
        None => Ok(value),
        Some(_) => Err("expected the end of the document"),
    });
    value.map_err(|why| {
        let before = &text[..reader.at];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|character| *character != '\n').count() + 1;
        format!("{why} at line {line}, column {column}")
    })
}

struct Reader<'a> {
    text: &'a str,
    /// Always the beginning of a character.
    at: usize,
}

type Parsed<T> = Result<T, &'static str>;

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    /// The next character that is no space, which is not taken.
    fn peek(&mut self) -> Option<char> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
        self.rest().chars().next()
    }

    /// Takes `expected`, if it comes next.
    fn take(&mut self, expected: &str) -> bool {
        let comes = self.peek().is_some() && self.rest().starts_with(expected);
        if comes {
            self.at += expected.len();
        }
        comes
    }

    fn value(&mut self, depth: usize) -> Parsed<Json> {
        let inner = depth.checked_sub(1).ok_or("nested too deeply")?;
        match self.peek() {
            Some('{') => self.object(inner),
            Some('[') => self.array(inner),
            Some('"') => self.string().map(Json::Text),
            Some('-' | '0'..='9') => Ok(self.number()),
            _ if self.take("null") => Ok(Json::Null),
            _ if self.take("true") => Ok(Json::Bool(true)),
            _ if self.take("false") => Ok(Json::Bool(false)),
            _ => Err("expected a value"),
        }
    }

    fn object(&mut self, depth: usize) -> Parsed<Json> {
        self.take("{");
        let mut entries = Vec::new();
        while !self.take("}") {
            if !entries.is_empty() && !self.take(",") {
                return Err("expected `,` or `}`");
            }
            if self.peek() != Some('"') {
                return Err("expected a key in quotes");
            }
            let key = self.string()?;
            if !self.take(":") {
                return Err("expected `:`");
            }
            entries.push((key, self.value(depth)?));
        }
        Ok(Json::Object(entries))
    }

    fn array(&mut self, depth: usize) -> Parsed<Json> {
        self.take("[");
        let mut values = Vec::new();
        while !self.take("]") {
            if !values.is_empty() && !self.take(",") {
                return Err("expected `,` or `]`");
            }
            values.push(self.value(depth)?);
        }
        Ok(Json::Array(values))
    }

    /// A number is taken as far as its characters go: nobody computes with it here.
    fn number(&mut self) -> Json {
        let rest = self.rest();
        let end = rest.find(|c: char| !matches!(c, '-' | '+' | '.' | 'e' | 'E' | '0'..='9')).unwrap_or(rest.len());
        let number = rest[..end].to_owned();
        self.at += end;
        Json::Number(number)
    }

    fn string(&mut self) -> Parsed<String> {
        self.take("\"");
        let mut text = String::new();
        loop {
            let next = self.rest().chars().next().ok_or("a text without its end")?;
            self.at += next.len_utf8();
            match next {
                '"' => return Ok(text),
                '\\' => text.push(self.escape()?),
                '\0'..='\x1f' => return Err("a control character in a text"),
                next => text.push(next),
            }
        }
    }

    fn escape(&mut self) -> Parsed<char> {
        let escaped = self.rest().chars().next().ok_or("a text without its end")?;
        self.at += escaped.len_utf8();
        Ok(match escaped {
            '"' | '\\' | '/' => escaped,
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let unit = self.unit()?;
                let code = match unit {
                    0xd800..=0xdbff if self.rest().starts_with("\\u") => {
                        self.at += 2;
                        let low = self.unit()?;
                        0x1_0000 + ((unit - 0xd800) << 10) + (low.wrapping_sub(0xdc00) & 0x3ff)
                    }
                    unit => unit,
                };
                // Half of a pair is no character.
                char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => return Err("an unknown escape in a text"),
        })
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Parsed<u32> {
        let digits = self.rest().get(..4).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let unit = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).ok_or("expected four digits")?;
        self.at += 4;
        Ok(unit)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_kind_of_value_is_read() {
        let read =
            parse(r#" {"a": [null, true, false, -1.5e3, 12], "b": "x\n\u00e9\ud83d\ude00\"/é", "a": {}} "#).unwrap();
        let Json::Object(entries) = &read else { panic!("{read:?}") };
        let number = |text: &str| Json::Number(text.to_owned());
        let array = vec![Json::Null, Json::Bool(true), Json::Bool(false), number("-1.5e3"), number("12")];
        assert_eq!(entries[0], ("a".to_owned(), Json::Array(array)));
        assert_eq!(read.text("b"), Some("x\né😀\"/é"));
        assert_eq!(read.get("a"), Some(&Json::Object(vec![])));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (text, message) in [
            ("", "expected a value at line 1, column 1"),
            ("{\n  \"a\": 1\n  \"b\": 2}", "expected `,` or `}` at line 3, column 3"),
            ("[1, ", "expected a value at line 1, column 5"),
            ("[1] 2", "expected the end of the document at line 1, column 5"),
            ("{a: 1}", "expected a key in quotes at line 1, column 2"),
            ("\"é", "a text without its end at line 1, column 3"),
            (r#""\x""#, "an unknown escape in a text at line 1, column 4"),
        ] {
            assert_eq!(parse(text), Err(message.to_owned()), "{text}");
        }
        assert!(parse(&"[".repeat(100_000)).unwrap_err().starts_with("nested too deeply"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in r#"[\[\]{}":,\\u0-9a-f truefalsnul\né-]{0,40}"#) {
            let _ = parse(&text);
        }
    }
}
