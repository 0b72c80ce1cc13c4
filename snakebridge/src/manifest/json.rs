//! Values as JSON that people read and commit.

use crate::value::Value;

/// The document, indented by two spaces, with a newline at its end.
pub(super) fn pretty(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value, 0);
    out.push('\n');
    out
}

fn write(out: &mut String, value: &Value, level: usize) {
    match value {
        Value::Float(value) if !value.is_finite() => out.push_str("null"),
        // What these look like is JSON already; a float keeps its point.
        Value::Nil | Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::BigInt(_) | Value::Float(_) => {
            out.push_str(&value.to_string());
        }
        Value::Complex(_) | Value::Timestamp(_) | Value::NdArray(_) | Value::Arrow(_) | Value::Opaque(_) => {
            write_text(out, &value.to_string());
        }
        Value::Str(text) => write_text(out, text),
        Value::Bytes(bytes) => {
            let numbers: Vec<Value> = bytes.iter().map(|byte| Value::Int((*byte).into())).collect();
            write(out, &Value::Array(numbers), level);
        }
        Value::Array(values) => {
            write_all(out, ['[', ']'], level, values, |out, value| write(out, value, level + 1));
        }
        Value::Map(entries) => write_all(out, ['{', '}'], level, entries, |out, (key, value)| {
            match key {
                Value::Str(key) => write_text(out, key),
                key => write_text(out, &key.to_string()),
            }
            out.push_str(": ");
            write(out, value, level + 1);
        }),
    }
}

fn write_all<T>(
    out: &mut String,
    [open, close]: [char; 2],
    level: usize,
    all: &[T],
    mut one: impl FnMut(&mut String, &T),
) {
    out.push(open);
    for (index, element) in all.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        new_line(out, level + 1);
        one(out, element);
    }
    if !all.is_empty() {
        new_line(out, level);
    }
    out.push(close);
}

fn new_line(out: &mut String, level: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", level));
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            control if control < ' ' => {
                let escaped = format!("\\u{:04x}", u32::from(control));
                out.push_str(&escaped);
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::manifest::Manifest;

    #[test]
    fn a_manifest_is_written_for_people() {
        let json = json!({
            "format": 1, "adapter": "tools:Tools", "name": "Tools", "version": null, "description": "",
            "tools": [{
                "name": "add", "description": "Adds \"two\" numbers.\n", "streaming": false, "idempotent": true,
                "timeout_ms": 250, "parameters": [], "returns": {"type": "float", "schema": {"type": "number"}},
                "tags": ["a"],
            }],
        });
        let manifest: Manifest = serde_json::from_value(json).unwrap();
        let expected = r#"{
  "format": 1,
  "adapter": "tools:Tools",
  "name": "Tools",
  "version": null,
  "description": "",
  "tools": [
    {
      "name": "add",
      "description": "Adds \"two\" numbers.\n",
      "streaming": false,
      "idempotent": true,
      "timeout_ms": 250,
      "parameters": [],
      "returns": {
        "type": "float",
        "schema": {
          "type": "number"
        }
      },
      "tags": [
        "a"
      ]
    }
  ]
}
"#;
        assert_eq!(manifest.to_json(), expected);
        assert_eq!(serde_json::from_str::<Manifest>(expected).unwrap(), manifest, "and it is read as what it was");
    }

    #[test]
    fn what_json_has_no_form_for_has_another() {
        let compact = |value: Value| pretty(&value).split_whitespace().collect::<String>();
        assert_eq!(compact(Bytes::from_static(&[1, 255]).into()), "[1,255]");
        assert_eq!(compact(Value::Array(vec![f64::NAN.into(), f64::INFINITY.into(), 2.0.into()])), "[null,null,2.0]");
        assert_eq!(compact(Value::Map(vec![(Value::Int(1), u64::MAX.into())])), r#"{"1":18446744073709551615}"#);
    }

    proptest! {
        #[test]
        fn every_text_is_read_back_as_it_was(text in any::<String>()) {
            let read: serde_json::Value = serde_json::from_str(&pretty(&text.as_str().into())).unwrap();
            prop_assert_eq!(read, serde_json::Value::String(text));
        }
    }
}
