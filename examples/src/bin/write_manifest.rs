//! Writes what an adapter offers as JSON, for `#[python_tool(manifest = "..")]`:
//!
//! ```sh
//! cargo run -p snakebridge-examples --bin write_manifest -- table_tools:TableAdapter examples/python > tools.json
//! ```

use snakebridge::prelude::*;

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let adapter = arguments.next().ok_or("usage: write_manifest MODULE:CLASS [FOLDER..]")?;
    let mut builder = Bridge::builder().adapter(adapter).workers(1);
    for folder in arguments {
        builder = builder.python_path(folder);
    }
    let bridge = builder.start().await?;
    let manifest = bridge.manifest().ok_or("the workers have no manifest")?;
    print!("{}", manifest.to_json());
    bridge.shutdown().await?;
    Ok(())
}
