//! `cargo xtask fuzz`: looks for inputs that break a promise of the wire, for a given time.
//!
//! The targets are in `fuzz`, a workspace of its own that needs a nightly compiler. New inputs that reach new code gather in
//! `target/fuzz/found`; `--minimise` folds them into the committed corpus. What fails is kept in `fuzz/regressions`, which
//! the gate replays with the usual compiler and without any of this.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};
use crate::program::Program;
use crate::setup::cargo;
use crate::workspace::Workspace;

/// The programs in `fuzz/fuzz_targets`.
pub(crate) const TARGETS: &[&str] = &["frame_decoder", "value_decode", "handshake", "peer"];

/// How long each target runs when nothing is said.
pub(crate) const SECONDS: u32 = 60;

/// The version that is installed when there is none: another may take other arguments.
const CARGO_FUZZ: &str = "0.13.2";

/// What a target may take for one input. None needs a tenth of it, so that reaching one of them is a finding: an
/// allocation that is sized by a claim on the wire, memory that is kept, a loop that is counted by a claim.
const BOUNDS: [&str; 4] = ["-rss_limit_mb=512", "-malloc_limit_mb=64", "-timeout=2", MAX_LENGTH];

/// The longest input in bytes. What is large is made up from small numbers in the input, so that the corpus stays small;
/// the few vectors that are longer are cut here, and whole in the replaying test.
const MAX_LENGTH: &str = "-max_len=2048";

/// What to fuzz, and for how long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// One of [`TARGETS`], or all of them.
    pub(crate) target: Option<&'static str>,
    /// How long each runs.
    pub(crate) seconds: u32,
    /// Whether the committed corpus is then replaced by the smallest inputs that reach as much.
    pub(crate) minimise: bool,
}

/// Runs the targets one after another, to the end, and fails when one of them found something.
pub(crate) fn run(workspace: &Workspace, plan: &Plan) -> Result<()> {
    let fuzzer = Fuzzer::prepare(workspace)?;
    let chosen: Vec<&str> = TARGETS.iter().copied().filter(|name| plan.target.is_none_or(|one| one == *name)).collect();
    let failed: Vec<String> = chosen
        .iter()
        .filter_map(|name| {
            println!("\n=== {name}, {} seconds", plan.seconds);
            let failure = fuzzer.run(name, plan.seconds).err()?;
            println!("FAILED: {failure}");
            Some((*name).to_owned())
        })
        .collect();
    if !failed.is_empty() {
        let kept = failed.iter().map(|name| format!("`fuzz/regressions/{name}`")).collect::<Vec<_>>().join(", ");
        return Err(Failure::new(format!("the fuzzer stopped in {}", failed.join(", "))).hint(format!(
            "the input is kept in {kept}: give it a name that says what it shows, and replay it with `cargo test \
             --manifest-path fuzz/Cargo.toml --no-default-features --target-dir target/fuzz`"
        )));
    }
    if plan.minimise {
        for name in chosen {
            fuzzer.minimise(name)?;
        }
    }
    Ok(())
}

/// Everything that fuzzing needs, found or installed.
struct Fuzzer<'a> {
    workspace: &'a Workspace,
    /// Where it builds, and keeps what is not committed.
    target: PathBuf,
    /// PATH, with the folder in front that cargo-fuzz is installed in.
    path: OsString,
}

impl<'a> Fuzzer<'a> {
    fn prepare(workspace: &'a Workspace) -> Result<Self> {
        let nightly = ["run", "nightly", "rustc", "--version"];
        Program::new("rustup", &workspace.root).arguments(&nightly).output().map_err(|failure| {
            Failure::new(format!("the fuzzer needs a nightly compiler: {failure}"))
                .hint("`rustup toolchain install nightly --profile minimal`, and a C++ compiler")
        })?;
        let tools = workspace.target.join("tools");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(tools.join("bin")).chain(std::env::split_paths(&path)).collect::<Vec<_>>();
        if !folders.iter().any(|folder| folder.join("cargo-fuzz").is_file()) {
            let install = ["install", "cargo-fuzz", "--version", CARGO_FUZZ, "--locked", "--root"];
            cargo(workspace, &install).argument(&tools).run()?;
        }
        let path = std::env::join_paths(folders)
            .map_err(|error| Failure::new(format!("`{}` cannot stand in PATH: {error}", tools.display())))?;
        let fuzzer = Self { workspace, target: workspace.target.join("fuzz"), path };
        fuzzer.write_seeds()?;
        Ok(fuzzer)
    }

    /// What the golden vectors say, as inputs.
    fn write_seeds(&self) -> Result<()> {
        let seeds =
            ["run", "--quiet", "--manifest-path", "fuzz/Cargo.toml", "--no-default-features", "--example", "seeds"];
        let mut program = cargo(self.workspace, &seeds);
        program.argument("--target-dir").argument(&self.target).argument("--").argument(self.target.join("seeds")).run()
    }

    fn run(&self, name: &str, seconds: u32) -> Result<()> {
        let [corpus, regressions] =
            ["corpus", "regressions"].map(|kind| self.workspace.root.join("fuzz").join(kind).join(name));
        let [found, seeds] = ["found", "seeds"].map(|kind| self.target.join(kind).join(name));
        for folder in [&corpus, &regressions, &found] {
            create(folder)?;
        }
        let mut program = self.cargo_fuzz(name);
        // The first folder is the one that new inputs go to.
        for folder in [&found, &corpus, &seeds, &regressions] {
            program.argument(folder);
        }
        program.argument("--").arguments(&BOUNDS).argument(format!("-max_total_time={seconds}"));
        // The slash at the end makes it a folder.
        program.argument(format!("-artifact_prefix={}/", regressions.display())).argument("-print_final_stats=1").run()
    }

    /// Replaces the committed corpus by the smallest inputs that reach what all known ones reach.
    fn minimise(&self, name: &str) -> Result<()> {
        let corpus = self.workspace.root.join("fuzz/corpus").join(name);
        let [minimal, found, seeds] = ["minimal", "found", "seeds"].map(|kind| self.target.join(kind).join(name));
        remove(&minimal)?;
        create(&minimal)?;
        let mut program = self.cargo_fuzz(name);
        for folder in [&minimal, &corpus, &found, &seeds] {
            program.argument(folder);
        }
        // A set cover is half as large as what the plain merge keeps.
        program.argument("--").arguments(&BOUNDS).argument("-set_cover_merge=1").run()?;
        remove(&corpus)?;
        create(&corpus)?;
        for input in crate::fingerprint::files_below(&minimal)? {
            let kept = corpus.join(input.file_name().unwrap_or_default());
            fs::copy(&input, &kept).map_err(|error| failure(&kept, &error))?;
        }
        // What it held is in the corpus now, or reached nothing that a smaller input does not.
        remove(&found)
    }

    /// `cargo fuzz run`, built as cargo-fuzz does by itself: optimised, with debug assertions and overflow checks, under
    /// the address sanitizer.
    fn cargo_fuzz(&self, name: &str) -> Program {
        let mut program = Program::new("rustup", &self.workspace.root);
        program.arguments(&["run", "nightly", "cargo", "fuzz", "run", "--fuzz-dir", "fuzz", "--target-dir"]);
        program.argument(&self.target).argument(name).silent_variable("PATH", &self.path);
        program
    }
}

fn create(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| failure(folder, &error))
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() { fs::remove_dir_all(folder).map_err(|error| failure(folder, &error)) } else { Ok(()) }
}

fn failure(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("`{}`: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_known() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/fuzz_targets");
        let files = crate::fingerprint::files_below(&folder).unwrap();
        let mut names: Vec<_> = files.iter().map(|file| file.file_stem().unwrap().to_str().unwrap()).collect();
        let mut known = TARGETS.to_vec();
        names.sort_unstable();
        known.sort_unstable();
        assert_eq!(names, known);
    }
}
