//! The examples are the programs under `src/bin`; their Python side is under `python`. `README.md` lists them.
