//! Names on the Python side: adapters, tools, arguments.

/// The longest tool name that the wire carries.
pub(crate) const TOOL_NAME_LIMIT: usize = 128;

/// Whether `text` names an adapter: `module:Class` or `module`, dots between packages. It is never a path.
pub(crate) fn is_adapter(text: &str) -> bool {
    match text.split_once(':') {
        Some((module, class)) => is_module(module) && is_identifier(class),
        None => is_module(text),
    }
}

/// Whether `text` names a module: identifiers with dots between them. `tools.py` is meant as a file, and is none.
pub(crate) fn is_module(text: &str) -> bool {
    let is_file = text.rsplit_once('.').is_some_and(|(_, last)| last == "py");
    text.split('.').all(is_identifier) && !is_file
}

/// Whether `text` is an identifier of Python.
pub(crate) fn is_identifier(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(|first| first == '_' || first.is_alphabetic())
        && characters.all(|character| character == '_' || character.is_alphanumeric())
}

/// Whether `text` may be a tool's name, by the rule of the wire.
pub(crate) fn is_tool_name(text: &str) -> bool {
    text.len() <= TOOL_NAME_LIMIT && has_form_of_tool_name(text)
}

/// Whether `text` may be a tool's name but for its length.
pub(crate) fn has_form_of_tool_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(|first| first.is_ascii_alphabetic() || *first == b'_')
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

/// What a tool's name of at most `limit` characters has to be, for messages.
pub(crate) fn tool_name_rule(limit: usize) -> String {
    format!("a letter or `_` comes first, then letters, digits, `_`, `.` and `-`, at most {limit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adapter_is_a_module_and_perhaps_a_class() {
        for adapter in ["text_tools:TextAdapter", "text_tools", "pkg.text.tools:Text", "_a:_B", "größe:Maß"] {
            assert!(is_adapter(adapter), "{adapter}");
        }
        for text in [
            "", ":", "a:", ":A", "a.:A", ".a:A", "a..b:A", "a:A.B", "a:A:B", "a/b.py:A", "1a:A", "a b", "a-b", "a.py:A",
        ] {
            assert!(!is_adapter(text), "{text}");
        }
    }

    #[test]
    fn identifiers_keep_their_case_and_start_with_no_digit() {
        assert!(is_identifier("scaleArray") && is_identifier("SCALE_2"));
        assert!(!is_identifier("2scale") && !is_identifier("") && !is_identifier("scale-array"));
    }

    #[test]
    fn tool_names_follow_the_rule_of_the_wire() {
        for name in ["add", "_add", "text.shout", "a-1", &"a".repeat(128)] {
            assert!(is_tool_name(name), "{name}");
        }
        for name in ["", "1a", ".a", "-a", "$a", "a b", "größe", &"a".repeat(129)] {
            assert!(!is_tool_name(name), "{name}");
        }
    }
}
