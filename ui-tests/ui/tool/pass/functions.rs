use snakebridge::prelude::*;

#[derive(serde::Serialize)]
pub struct Report {
    valid: bool,
}

/// Checks a document.
#[tool(name = "check", description = "Checks.", timeout = "1m30s")]
pub async fn check_document(document: Value, strict: bool) -> Result<Report, std::fmt::Error> {
    if strict { Ok(Report { valid: document == Value::Nil }) } else { Err(std::fmt::Error) }
}

#[tool]
fn shout(text: String) -> String {
    text.to_uppercase()
}

#[tool]
fn quiet() {}

#[tool]
fn bytes(data: Bytes) -> Result<Bytes> {
    Ok(data)
}

fn main() {
    // A tool stays a function.
    assert_eq!(shout("a".to_owned()), "A");
    let check = snakebridge::tools::HostTool::descriptor(&check_document::Tool);
    assert_eq!((&*check.name, &*check.description), ("check", "Checks."));
    assert_eq!(check.timeout, Some(std::time::Duration::from_secs(90)));
    assert_eq!(
        format!("{:?}", tools![check_document, shout, self::quiet, crate::bytes,]),
        r#"["check", "shout", "quiet", "bytes"]"#
    );
    let _ = tools![];
}
