//! The command as its users run it: what it prints, where, and how it ends.
//!
//! Every call has a time limit, and no call may panic or report a bug of its own.

mod checking;
mod emitting;
mod explaining;
mod hostile_texts;
mod imports;
mod learning;
mod listing;
mod running;
mod testing;
mod tracing;

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use candle_core::{DType, Device, Tensor};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(30);

/// A finished call.
struct Done {
    args: String,
    code: Option<i32>,
    out: String,
    err: String,
}

/// A folder of its own, in which the command is run.
struct Desk {
    folder: TempDir,
    env: Vec<(&'static str, &'static str)>,
}

impl Desk {
    fn new() -> Self {
        Desk { folder: TempDir::new().expect("a folder for the test"), env: Vec::new() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).expect("a folder in the test's folder");
        }
        std::fs::write(path, content).expect("a file in the test's folder");
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path().join(name)).unwrap_or_else(|error| panic!("{name} is written: {error}"))
    }

    /// The names of all files, in order.
    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).expect("the test's folder");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn run(&self, args: &[&str]) -> Done {
        self.run_with_input(args, b"")
    }

    fn run_with_input(&self, args: &[&str], input: &[u8]) -> Done {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sampc"));
        command.args(args).current_dir(self.path()).env_remove("RUST_BACKTRACE").env("NO_COLOR", "1");
        command.envs(self.env.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the command starts");
        let mut stdin = child.stdin.take().expect("it is piped");
        let mut stdout = child.stdout.take().expect("it is piped");
        let mut stderr = child.stderr.take().expect("it is piped");
        let input = input.to_vec();
        // A command that does not read its input closes it; that is no failure.
        let feed = thread::spawn(move || stdin.write_all(&input).ok());
        let out = thread::spawn(move || text_of(&mut stdout));
        let err = thread::spawn(move || text_of(&mut stderr));
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().expect("the command is waited for") {
                break status;
            }
            if begun.elapsed() > LIMIT {
                child.kill().expect("the command is stopped");
                panic!("`sampc {}` does not end", args.join(" "));
            }
            thread::sleep(Duration::from_millis(1));
        };
        feed.join().expect("input is fed");
        let (out, err) = (out.join().expect("output is read"), err.join().expect("errors are read"));
        let done = Done { args: args.join(" "), code: status.code(), out, err };
        assert!(!done.err.contains("panicked") && !done.err.contains("internal error"), "{}", done.describe());
        done
    }
}

fn text_of(from: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).expect("a pipe is read");
    String::from_utf8(bytes).expect("the command writes UTF-8")
}

impl Done {
    fn describe(&self) -> String {
        format!("sampc {}\ncode {:?}\n{}\n{}", self.args, self.code, self.out, self.err)
    }

    /// It did what it was asked for, without a word of warning.
    fn well(self) -> Done {
        assert!(self.code == Some(0) && self.err.is_empty(), "{}", self.describe());
        self
    }

    /// It ended with one error that says this, and printed nothing else.
    fn fails(self, code: i32, says: &str) -> Done {
        let heads = self.err.lines().filter(|line| line.starts_with("error")).count();
        let right = self.code == Some(code) && heads == 1 && self.out.is_empty() && flat(&self.err).contains(says);
        assert!(right, "expected code {code} and `{says}`\n{}", self.describe());
        self
    }
}

/// The text on one line; long messages are wrapped with a bar at the left.
fn flat(text: &str) -> String {
    text.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
}

const EULER: &str = "\
sampler mine(share: real in [0, 1] = 1) {
    step x: sample@s -> sample@t {
        return transfer(x, (share + (1 - share)) * x0(x), t)
    }
}
";
