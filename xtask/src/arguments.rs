//! The command line: what was asked, or what is wrong with it.

use std::path::PathBuf;

use crate::failure::{Failure, Result};
use crate::fuzz::{self, Plan};

/// Printed for `--help` and after every mistake.
pub(crate) const USAGE: &str = "\
usage: cargo xtask COMMAND

  demo [CSV]      run the demonstration, on Fisher's iris table or on a table of your own
  test [--full]   run every check; --full adds the slow ones (long proofs, further Python versions)
  lint            run only the checks that read the source (rustfmt, clippy, layering, ruff, mypy)
  bench NAME      run a benchmark: floor (serial latency beside a bare pipe between two processes),
                  large (small calls while 128 MiB travel on the same pipes), start (a hundred workers by themselves and
                  forked from a template), footprint (memory and import of a worker beside those of msgspec alone)
  fuzz [TARGET] [--seconds N] [--minimise]
                  look for inputs that break the wire: frame_decoder, value_decode, handshake, peer, or all of them,
                  60 seconds each; --minimise then makes the committed corpus anew (needs a nightly compiler)
  chaos [--mutants] [--seed N] [--minutes N] [--workers N] [--rate CALLS] [--faults N]
                  make calls and kill, stop and confuse workers meanwhile, and check that every promise holds; a minute,
                  8 workers, 500 calls and 2 faults a second; --mutants makes one short run without and one with each of
                  twelve bugs that are seeded on purpose, and fails unless each of them is found
  setup           make `.venv` and build the Python extension into it (implied by the others)
  help            print this
";

/// A benchmark that `bench` knows.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) struct Benchmark {
    /// Its name, which is also the name of its program in `benches`.
    pub(crate) name: &'static str,
}

const BENCHMARKS: &[Benchmark] = &[
    Benchmark { name: "floor" },
    Benchmark { name: "large" },
    Benchmark { name: "start" },
    Benchmark { name: "footprint" },
];

const COMMANDS: &[&str] = &["demo", "test", "lint", "bench", "fuzz", "chaos", "setup", "help"];

const CHAOS_OPTIONS: &[&str] = &["--seed", "--minutes", "--workers", "--rate", "--faults"];

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Demo {
        csv: Option<PathBuf>,
    },
    Test {
        full: bool,
    },
    Lint,
    Bench(Benchmark),
    Fuzz(Plan),
    /// With the options of the program that carries it out.
    Chaos(Vec<String>),
    Setup,
    Help,
}

/// Reads the arguments after `cargo xtask`.
pub(crate) fn parse(arguments: &[String]) -> Result<Request> {
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        return Ok(Request::Help);
    }
    let Some((command, rest)) = arguments.split_first() else {
        return Err(mistake("a command is missing", None));
    };
    match command.as_str() {
        "demo" => {
            let mut words = Words::of(command, rest, &[])?;
            let csv = words.take().map(PathBuf::from);
            words.end()?;
            Ok(Request::Demo { csv })
        }
        "test" => {
            let words = Words::of(command, rest, &["--full"])?;
            let full = words.has("--full");
            words.end()?;
            Ok(Request::Test { full })
        }
        "lint" => Words::of(command, rest, &[])?.end().map(|()| Request::Lint),
        "bench" => {
            let mut words = Words::of(command, rest, &[])?;
            let name = words.take().ok_or_else(|| mistake("`bench` needs the name of a benchmark", None))?;
            words.end()?;
            benchmark(name).map(Request::Bench)
        }
        "fuzz" => fuzz_plan(command, rest).map(Request::Fuzz),
        "chaos" => chaos_options(rest).map(Request::Chaos),
        "setup" => Words::of(command, rest, &[])?.end().map(|()| Request::Setup),
        "help" => Ok(Request::Help),
        unknown => Err(mistake(&format!("unknown command `{unknown}`"), nearest(unknown, COMMANDS))),
    }
}

fn benchmark(name: &str) -> Result<Benchmark> {
    let names: Vec<&str> = BENCHMARKS.iter().map(|benchmark| benchmark.name).collect();
    BENCHMARKS
        .iter()
        .copied()
        .find(|benchmark| benchmark.name == name)
        .ok_or_else(|| mistake(&format!("unknown benchmark `{name}`"), nearest(name, &names)))
}

fn fuzz_plan(command: &str, rest: &[String]) -> Result<Plan> {
    let mut rest = rest.to_vec();
    // The one option that is followed by a value, which would be taken for an operand.
    let seconds = match rest.iter().position(|argument| argument == "--seconds") {
        None => fuzz::SECONDS,
        Some(place) => {
            let given = rest.drain(place..rest.len().min(place + 2)).nth(1).unwrap_or_default();
            let seconds = given.parse().ok().filter(|&seconds| seconds > 0);
            // Zero means for ever to the fuzzer.
            seconds.ok_or_else(|| mistake(&format!("`--seconds` needs a number from 1 on, not `{given}`"), None))?
        }
    };
    let mut words = Words::of(command, &rest, &["--seconds", "--minimise"])?;
    let minimise = words.has("--minimise");
    let target = words.take().map(|name| {
        let known = fuzz::TARGETS.iter().copied().find(|target| *target == name);
        known.ok_or_else(|| mistake(&format!("unknown target `{name}`"), nearest(name, fuzz::TARGETS)))
    });
    let target = target.transpose()?;
    words.end()?;
    Ok(Plan { target, seconds, minimise })
}

/// `--mutants`, if it comes first, and options and numbers in turn, handed on as they are.
fn chaos_options(rest: &[String]) -> Result<Vec<String>> {
    let numbers = rest.strip_prefix(&["--mutants".to_owned()]).unwrap_or(rest);
    for pair in numbers.chunks(2) {
        let name = pair[0].as_str();
        if !CHAOS_OPTIONS.contains(&name) {
            return Err(mistake(&format!("`chaos` has no option `{name}`"), nearest(name, CHAOS_OPTIONS)));
        }
        let number = pair.get(1).map_or("", String::as_str);
        if !number.parse().is_ok_and(|number: f64| number > 0.0 && number.is_finite()) {
            return Err(mistake(&format!("`{name}` needs a number above zero, not `{number}`"), None));
        }
    }
    Ok(rest.to_vec())
}

/// What follows a command: options that it knows, and operands that it takes one by one.
struct Words<'a> {
    command: &'a str,
    options: Vec<&'a str>,
    operands: std::vec::IntoIter<&'a str>,
}

impl<'a> Words<'a> {
    fn of(command: &'a str, rest: &'a [String], known: &[&str]) -> Result<Self> {
        let (options, operands): (Vec<&str>, Vec<&str>) =
            rest.iter().map(String::as_str).partition(|argument| argument.starts_with('-') && argument.len() > 1);
        if let Some(unknown) = options.iter().find(|option| !known.contains(option)) {
            return Err(mistake(&format!("`{command}` has no option `{unknown}`"), nearest(unknown, known)));
        }
        Ok(Self { command, options, operands: operands.into_iter() })
    }

    fn has(&self, option: &str) -> bool {
        self.options.contains(&option)
    }

    fn take(&mut self) -> Option<&'a str> {
        self.operands.next()
    }

    fn end(mut self) -> Result<()> {
        match self.operands.next() {
            Some(extra) => Err(mistake(&format!("`{}` does not take `{extra}`", self.command), None)),
            None => Ok(()),
        }
    }
}

fn mistake(message: &str, near: Option<&str>) -> Failure {
    let proposal = near.map(|name| format!(", did you mean `{name}`?")).unwrap_or_default();
    Failure::new(format!("{message}{proposal}\n\n{}", USAGE.trim_end()))
}

/// The known name that is at most two slips away, or that the given one is the beginning of.
fn nearest<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    let close = known.iter().copied().map(|name| (distance(given, name), name)).filter(|(slips, name)| {
        // Two slips turn any word of three letters into most others.
        *slips <= 2 && *slips < name.len().saturating_sub(1)
    });
    close
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, name)| name)
        .or_else(|| known.iter().copied().find(|name| given.len() > 1 && name.starts_with(given)))
}

/// Levenshtein's distance: inserted, deleted and replaced characters.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, left) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, right) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(left != *right);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Request> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    fn message(line: &str) -> String {
        parsed(line).unwrap_err().to_string()
    }

    #[test]
    fn every_command_is_understood() {
        assert_eq!(parsed("demo").unwrap(), Request::Demo { csv: None });
        assert_eq!(parsed("demo my.csv").unwrap(), Request::Demo { csv: Some("my.csv".into()) });
        assert_eq!(parsed("test").unwrap(), Request::Test { full: false });
        assert_eq!(parsed("test --full").unwrap(), Request::Test { full: true });
        assert_eq!(parsed("lint").unwrap(), Request::Lint);
        assert_eq!(parsed("bench floor").unwrap(), Request::Bench(Benchmark { name: "floor" }));
        let plan = |target, seconds, minimise| Request::Fuzz(Plan { target, seconds, minimise });
        assert_eq!(parsed("fuzz").unwrap(), plan(None, 60, false));
        assert_eq!(parsed("fuzz --minimise peer --seconds 5").unwrap(), plan(Some("peer"), 5, true));
        let options = ["--seed", "7", "--minutes", "0.5"].map(str::to_owned).to_vec();
        assert_eq!(parsed("chaos --seed 7 --minutes 0.5").unwrap(), Request::Chaos(options));
        let mutants = ["--mutants", "--seed", "7"].map(str::to_owned).to_vec();
        assert_eq!(parsed("chaos --mutants --seed 7").unwrap(), Request::Chaos(mutants));
        assert_eq!(parsed("setup").unwrap(), Request::Setup);
        assert_eq!(parsed("test --help").unwrap(), Request::Help);
    }

    #[test]
    fn a_slip_gets_the_nearest_name_and_the_usage() {
        assert!(message("dmeo").starts_with("unknown command `dmeo`, did you mean `demo`?"));
        assert!(message("tests").contains("did you mean `test`?"));
        assert!(message("test --ful").contains("`test` has no option `--ful`, did you mean `--full`?"));
        assert!(message("bench flor").contains("unknown benchmark `flor`, did you mean `floor`?"));
        assert!(message("fuzz pear").contains("unknown target `pear`, did you mean `peer`?"));
        assert!(message("dmeo").contains("usage: cargo xtask COMMAND"));
    }

    #[test]
    fn a_name_that_resembles_nothing_gets_no_guess() {
        assert!(!message("frobnicate").contains("did you mean"));
    }

    #[test]
    fn missing_and_superfluous_words_are_named() {
        assert!(message("").starts_with("a command is missing"));
        assert!(message("bench").starts_with("`bench` needs the name of a benchmark"));
        assert!(message("demo one.csv two.csv").starts_with("`demo` does not take `two.csv`"));
        assert!(message("fuzz --seconds").starts_with("`--seconds` needs a number from 1 on, not ``"));
        assert!(message("fuzz --seconds peer").starts_with("`--seconds` needs a number from 1 on, not `peer`"));
        assert!(message("fuzz --seconds 0").starts_with("`--seconds` needs a number from 1 on, not `0`"));
        assert!(message("chaos --seed").starts_with("`--seed` needs a number above zero, not ``"));
        assert!(message("chaos --sede 1").starts_with("`chaos` has no option `--sede`, did you mean `--seed`?"));
        assert!(message("lint --full").starts_with("`lint` has no option `--full`"));
    }
}
