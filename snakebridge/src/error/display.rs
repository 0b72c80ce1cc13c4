//! Errors as text. What a worker, a tool or a caller had a part in cannot look like anything but a part of it: no text from
//! outside begins a line, so that it forges no record of a log, or moves a terminal's cursor.

#[cfg(feature = "host")]
use std::any::Any;
use std::fmt::{self, Write};

use super::{Error, ErrorKind};

/// As many characters of a name are shown: more than any name has that is one.
const NAME: usize = 128;

/// Of a text that should have been a name, and may be megabytes of anything, enough to recognise it by.
pub(crate) fn shown(name: &str) -> String {
    let cut = name.char_indices().nth(NAME).map(|(end, _)| end);
    let shown = &name[..cut.unwrap_or(name.len())];
    format!("{}{}", shown.escape_debug(), if cut.is_some() { "…" } else { "" })
}

/// What a panic said, as far as that is text.
#[cfg(feature = "host")]
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("(without a message)")
}

/// Escapes control characters, and indents all lines but the first.
struct Inset<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for Inset<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(place) = rest.find(is_escaped) {
            let (plain, odd) = rest.split_at(place);
            self.0.write_str(plain)?;
            let mut characters = odd.chars();
            match characters.next() {
                Some('\n') => self.0.write_str("\n    ")?,
                Some(character) => write!(self.0, "{}", character.escape_default())?,
                None => {}
            }
            rest = characters.as_str();
        }
        self.0.write_str(rest)
    }
}

/// Control characters but the tab, separators of lines and paragraphs, and marks that change the direction of writing.
pub(crate) fn is_escaped(character: char) -> bool {
    (character.is_control() && character != '\t')
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl Error {
    fn sentences(&self, f: &mut impl Write) -> fmt::Result {
        if let Some(tool) = self.tool() {
            write!(f, "tool `{}`: ", shown(tool))?;
        }
        write!(f, "{}", self.kind())?;
        // For failures before any call, and for a tool's own exception, it goes without saying.
        if self.tool().is_some() && !matches!(self.kind(), ErrorKind::Tool(_)) {
            write!(f, " (executed: {}", self.executed())?;
            if self.attempts() > 1 {
                write!(f, ", after {} attempts", self.attempts())?;
            }
            f.write_str(")")?;
        }
        Ok(())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sentences(&mut Inset(f))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `main` prints errors with Debug: give a reader sentences, then the traceback.
        let mut inset = Inset(f);
        self.sentences(&mut inset)?;
        if let Some(traceback) = self.exception().and_then(|exception| exception.traceback.as_deref()) {
            write!(inset, "\n{}", traceback.trim_end())?;
        }
        match self.learning_fault() {
            Some(fault) => write!(inset, "\nhint: {}", fault.hint()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Exception, Executed};
    use super::*;

    proptest! {
        #[test]
        fn whatever_the_text_is_what_is_shown_of_it_stays_in_its_place(text in "(?s).{0,40}", tool in "(?s).{0,200}") {
            let mut exception = Exception::new("E", text.clone());
            exception.traceback = Some(text);
            let error = Error::new(ErrorKind::Tool(Box::new(exception)), Executed::Yes).for_tool(&tool);
            for shown in [format!("{error}"), format!("{error:?}")] {
                let is_odd = |character: char| is_escaped(character) && character != '\n';
                prop_assert!(!shown.contains(is_odd), "{:?}", shown);
                prop_assert!(shown.split('\n').skip(1).all(|line| line.starts_with("    ")), "{:?}", shown);
            }
        }
    }

    #[test]
    fn no_text_from_outside_begins_a_line_or_holds_a_control_character() {
        let forged = "no\n2026-01-01 ERROR forged\r\n\x1b[2J\x1b]8;;http://evil\x07\0\u{85}\u{2028}x";
        let mut exception = Exception::new("ValueError", forged);
        exception.traceback = Some(format!("Traceback\n  File\n{forged}"));
        let error = Error::new(ErrorKind::Tool(Box::new(exception)), Executed::Yes).for_tool(forged);
        for text in [format!("{error}"), format!("{error:?}")] {
            let mut lines = text.lines();
            assert!(lines.next().unwrap().starts_with("tool `no\\n2026-01-01 ERROR forged\\r\\n\\u{1b}[2J"), "{text}");
            assert!(lines.all(|line| line.starts_with("    ")), "{text}");
            assert!(text.chars().all(|character| character == '\n' || !character.is_control()), "{text:?}");
            assert!(!text.contains('\u{2028}'), "{text:?}");
        }
    }

    #[test]
    fn a_name_of_any_length_is_shown_in_part() {
        assert_eq!(shown("add"), "add");
        assert_eq!(shown(&"é".repeat(10_000)), format!("{}…", "é".repeat(NAME)));
    }
}
