use snakebridge::prelude::*;

#[tool]
fn first(context: &ToolContext, text: String) -> bool {
    context.is_cancelled() && text.is_empty()
}

#[tool]
async fn last(text: String, _: &snakebridge::tools::ToolContext) -> usize {
    text.len()
}

#[tool]
async fn only(context: &ToolContext) {
    context.cancelled().await;
}

fn main() {
    use snakebridge::tools::HostTool;
    let names =
        |tool: &dyn HostTool| tool.descriptor().parameters.iter().map(|parameter| parameter.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&first::Tool), ["text"]);
    assert_eq!(names(&last::Tool), ["text"]);
    assert!(names(&only::Tool).is_empty());
}
