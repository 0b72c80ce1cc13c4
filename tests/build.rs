//! Takes the tour out of README.md, so that the tests can run it as it stands there.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    println!("cargo::rerun-if-changed={}", readme.display());
    let text = fs::read_to_string(&readme).expect("README.md is there");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let write = |path: &str, code: &str| fs::write(out.join(path), code).expect("OUT_DIR can be written");
    fs::create_dir_all(out.join("python")).expect("OUT_DIR can be written");
    write("tour.rs", block(&text, "```rust"));
    write("python/text_tools.py", block(&text, "```python"));
}

/// What stands in the first block that begins with `fence`.
fn block<'a>(text: &'a str, fence: &str) -> &'a str {
    let begin = text.find(fence).unwrap_or_else(|| panic!("README.md has a block that begins with {fence}"));
    let code = text[begin..].split_once('\n').map_or("", |(_, code)| code);
    code.split("```").next().unwrap_or_default()
}
