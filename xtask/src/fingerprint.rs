//! A hash over the content of files: what was built is fresh exactly when its fingerprint is the same.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};

/// Names and contents of files and folders, gathered into one hash.
#[derive(Debug, Default)]
pub(crate) struct Fingerprint {
    hasher: DefaultHasher,
}

impl Fingerprint {
    /// Adds any value, such as an environment variable.
    pub(crate) fn value(&mut self, value: impl Hash) -> &mut Self {
        value.hash(&mut self.hasher);
        self
    }

    /// Adds a file, or every file below a folder. What does not exist counts as such, and so changes the
    /// hash when it appears.
    pub(crate) fn path(&mut self, path: &Path) -> Result<&mut Self> {
        for file in files_below(path)? {
            let content = fs::read(&file).map_err(|error| unreadable(&file, &error))?;
            (file, content).hash(&mut self.hasher);
        }
        Ok(self)
    }

    /// The hash, as text for a stamp file.
    pub(crate) fn finish(&self) -> String {
        format!("{:016x}", self.hasher.finish())
    }
}

/// The file itself, or all files below the folder, in a stable order; nothing when there is no such path.
pub(crate) fn files_below(path: &Path) -> Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut found = Vec::new();
    if path.is_dir() {
        for entry in fs::read_dir(path).map_err(|error| unreadable(path, &error))? {
            let entry = entry.map_err(|error| unreadable(path, &error))?;
            found.extend(files_below(&entry.path())?);
        }
        found.sort();
    }
    Ok(found)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("`{}` cannot be read: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(path: &Path) -> String {
        Fingerprint::default().path(path).unwrap().finish()
    }

    #[test]
    fn it_changes_with_content_and_with_names_and_with_nothing_else() {
        let folder = std::env::temp_dir().join(format!("snakebridge-fingerprint-{}", std::process::id()));
        fs::create_dir_all(folder.join("inner")).unwrap();
        fs::write(folder.join("inner/one"), "1").unwrap();
        let first = fingerprint(&folder);
        fs::write(folder.join("inner/one"), "1").unwrap();
        assert_eq!(fingerprint(&folder), first, "rewritten with the same content");
        fs::write(folder.join("inner/one"), "2").unwrap();
        assert_ne!(fingerprint(&folder), first, "other content");
        fs::remove_file(folder.join("inner/one")).unwrap();
        fs::write(folder.join("inner/two"), "1").unwrap();
        assert_ne!(fingerprint(&folder), first, "another name");
        fs::remove_dir_all(&folder).unwrap();
    }
}
