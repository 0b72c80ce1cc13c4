//! The code blocks of the documents: README's first two are the two commands, and all Python runs as it stands. (The Rust of
//! README is run with its Python by the end-to-end tests; that of the other documents is compiled with the crate's own.)

use std::fs;
use std::path::Path;

use crate::failure::{Failure, Result};
use crate::setup::Environment;
use crate::workspace::Workspace;

/// What a reader finds first.
const COMMANDS: [&str; 2] = ["cargo xtask demo", "cargo xtask test"];

/// The documents with Python in them.
const WITH_PYTHON: [&str; 11] = [
    "README.md",
    "snakebridge-py/README.md",
    "docs/batching.md",
    "docs/concurrency.md",
    "docs/host-tools.md",
    "docs/objects.md",
    "docs/sessions.md",
    "docs/types.md",
    "docs/adapters.md",
    "docs/migrating-from-snakepit.md",
    "docs/testing.md",
];

/// A fenced block of a Markdown text.
#[derive(Debug, PartialEq, Eq)]
struct Block<'a> {
    language: &'a str,
    line: usize,
    code: String,
}

/// Fails unless the first two blocks are the two commands and nothing else.
pub(crate) fn check_commands(root: &Path) -> Result<()> {
    let text = read(root, "README.md")?;
    let blocks = blocks(&text);
    for (index, command) in COMMANDS.iter().enumerate() {
        let found = blocks.get(index).map(|block| block.code.trim_end());
        if found != Some(command) {
            let found = found.unwrap_or("nothing");
            return Err(Failure::new(format!("README's code block {} is `{found}`, not `{command}`", index + 1)));
        }
    }
    println!("README begins with `{}` and `{}`", COMMANDS[0], COMMANDS[1]);
    Ok(())
}

/// Runs every Python block in a process of its own.
pub(crate) fn run_python(workspace: &Workspace, environment: &Environment) -> Result<()> {
    for document in WITH_PYTHON {
        let text = read(&workspace.root, document)?;
        let folder = workspace.target.join("documents").join(document);
        fs::create_dir_all(&folder).map_err(|error| Failure::new(format!("`{}`: {error}", folder.display())))?;
        for block in blocks(&text).iter().filter(|block| block.language == "python") {
            let file = folder.join(format!("line_{}.py", block.line));
            fs::write(&file, &block.code).map_err(|error| Failure::new(format!("`{}`: {error}", file.display())))?;
            environment.program(workspace, "python", "").arguments(&["-W", "error"]).argument(&file).run()?;
        }
    }
    Ok(())
}

fn read(root: &Path, document: &str) -> Result<String> {
    let path = root.join(document);
    fs::read_to_string(&path).map_err(|error| Failure::new(format!("`{}` cannot be read: {error}", path.display())))
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut found = Vec::new();
    let mut open: Option<Block<'_>> = None;
    for (index, line) in text.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), &mut open) {
            (Some(language), None) => {
                open = Some(Block { language: language.trim(), line: index + 1, code: String::new() });
            }
            (Some(_), Some(_)) => found.extend(open.take()),
            (None, Some(block)) => {
                block.code.push_str(line);
                block.code.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_carry_their_language_and_code() {
        let text = "# Title\n```sh\ncargo xtask demo\n```\ntext\n```python\na = 1\n\nb = 2\n```\n";
        let found = blocks(text);
        assert_eq!(found[0], Block { language: "sh", line: 2, code: "cargo xtask demo\n".into() });
        assert_eq!(found[1], Block { language: "python", line: 6, code: "a = 1\n\nb = 2\n".into() });
    }
}
