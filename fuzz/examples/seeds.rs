//! `seeds FOLDER` writes the inputs that the golden vectors make into a folder for each target below `FOLDER`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use snakebridge_fuzz::TARGETS;
use snakebridge_fuzz::seeds::Vectors;

fn main() -> io::Result<()> {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        return Err(io::Error::other("usage: seeds FOLDER"));
    };
    let vectors = Vectors::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors"));
    for target in TARGETS {
        let folder = folder.join(target.name);
        fs::create_dir_all(&folder)?;
        for (number, seed) in vectors.seeds(target.name).iter().enumerate() {
            fs::write(folder.join(format!("vector-{number}")), seed)?;
        }
    }
    Ok(())
}
