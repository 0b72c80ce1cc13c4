//! Where things are in the checkout.

use std::path::PathBuf;

use crate::failure::{Failure, Result};

/// The root of the checkout and the folder that cargo builds into.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The folder of the root `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// `target`, or what `CARGO_TARGET_DIR` names.
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// Finds the checkout that this program was built from.
    pub(crate) fn find() -> Result<Self> {
        // cargo sets the variable when it runs us; the path baked in at build time serves a binary that is run by hand.
        let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = PathBuf::from(&package)
            .parent()
            .ok_or_else(|| Failure::new(format!("the package folder `{}` has no parent", package.display())))?
            .to_path_buf();
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => std::path::absolute(&folder).map_err(|error| {
                Failure::new(format!("`CARGO_TARGET_DIR` is `{}`, which is no usable path: {error}", folder.display()))
            })?,
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }
}
