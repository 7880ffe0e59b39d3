//! The command as its users run it: what it prints, where, and how it ends.
//!
//! Every call has a time limit, and no call may panic or report a bug of its own.

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

mod explaining {
    use super::*;

    #[test]
    fn a_code_has_its_page() {
        let desk = Desk::new();
        let page = desk.run(&["explain", "E0402"]).well().out;
        assert!(page.starts_with("# E0402: "), "{page}");
        assert_eq!(desk.run(&["explain", "e0402"]).well().out, page);
    }

    #[test]
    fn without_a_code_all_are_listed() {
        let all = Desk::new().run(&["explain"]).well().out;
        assert!(all.lines().count() > 40 && all.contains("W0107  binding never used"), "{all}");
    }

    #[test]
    fn an_unknown_code_is_wrong_usage() {
        let desk = Desk::new();
        desk.run(&["explain", "E0405x"]).fails(2, "there is no code `E0405x`; did you mean `E0405`?");
        desk.run(&["explain", "nonsense"]).fails(2, "`sampc explain` lists all codes");
    }

    #[test]
    fn unknown_commands_and_flags_are_wrong_usage() {
        let desk = Desk::new();
        desk.run(&["chekc"]).fails(2, "'check'");
        desk.run(&["check"]).fails(2, "required arguments");
        desk.run(&["run", "--stpes", "3"]).fails(2, "'--steps'");
        desk.run(&["run", "--steps", "many"]).fails(2, "invalid value 'many'");
        desk.run(&["run", "--device", "abacus"]).fails(2, "invalid value 'abacus'");
    }

    #[test]
    #[cfg(not(any(feature = "cuda", feature = "metal", feature = "wgpu")))]
    fn devices_of_other_builds_say_how_to_build_them() {
        let desk = Desk::new();
        for device in ["cuda", "metal", "wgpu"] {
            let help = format!("cargo install --path . --features {device}");
            desk.run(&["run", "--device", device]).fails(2, &help);
        }
    }
}

mod listing {
    use super::*;

    #[test]
    fn sorts_are_listed_in_three_forms() {
        let desk = Desk::new();
        let people = desk.run(&["list"]).well().out;
        for word in ["samplers", "schedules", "dpmpp_2m", "scaled_linear", "2211.01095"] {
            assert!(people.contains(word), "{word} is missing in\n{people}");
        }
        let short = desk.run(&["list", "samplers", "--format", "short"]).well().out;
        assert!(short.lines().all(|line| line.starts_with("sampler ")), "{short}");
        let rows: serde_json::Value =
            serde_json::from_str(&desk.run(&["list", "samplers", "--format", "json"]).well().out).expect("JSON");
        let rows = rows.as_array().expect("a list");
        assert_eq!(rows.len(), short.lines().count());
        let row = rows.iter().find(|row| row["name"] == "dpmpp_2m").expect("it is in the library");
        assert_eq!(row["facts"]["evals"]["per_step"], 1);
        assert_eq!(row["facts"]["order"]["formula"], 2);
        assert_eq!(row["paper"], "2211.01095");
    }

    #[test]
    fn an_unknown_sort_is_wrong_usage() {
        Desk::new().run(&["list", "solvers"]).fails(2, "`solvers` is no part of the library");
    }
}

mod checking {
    use super::*;

    const WRONG: &str = "fn half(z: real) -> real = z / two\n";

    #[test]
    fn a_clean_file_is_clean() {
        let desk = Desk::new();
        desk.write("mine.samp", EULER);
        let done = desk.run(&["check", "mine.samp"]);
        assert_eq!((done.code, &*done.out, &*done.err), (Some(0), "", "clean: 1 file\n"));
        let facts = desk.run(&["check", "-v", "mine.samp"]);
        assert!(facts.out.contains("sampler mine") && facts.out.contains("evals        1 a step"), "{}", facts.out);
    }

    #[test]
    fn an_empty_file_is_clean() {
        let desk = Desk::new();
        desk.write("empty.samp", "");
        assert_eq!(desk.run(&["check", "empty.samp"]).code, Some(0));
        assert_eq!(desk.run(&["check", "-"]).code, Some(0));
    }

    #[test]
    fn people_see_the_line_and_a_count() {
        let desk = Desk::new();
        desk.write("wrong.samp", WRONG);
        let done = desk.run(&["check", "wrong.samp"]).fails(1, "error[E0101]: nothing is called `two` here");
        assert!(
            done.err.contains("wrong.samp:1:32") && done.err.ends_with("1 error, 0 warnings in 1 file\n"),
            "{}",
            done.err
        );
    }

    #[test]
    fn programs_get_a_line_or_json_on_standard_output() {
        let desk = Desk::new();
        desk.write("wrong.samp", WRONG);
        let short = desk.run(&["check", "--format", "short", "wrong.samp"]);
        assert_eq!((short.code, &*short.err), (Some(1), ""));
        assert_eq!(short.out, "wrong.samp:1:32: error[E0101]: nothing is called `two` here\n");
        let json = desk.run(&["check", "--format", "json", "wrong.samp"]);
        assert_eq!((json.code, &*json.err), (Some(1), ""));
        let found: serde_json::Value = serde_json::from_str(&json.out).expect("JSON");
        let first = &found["diagnostics"][0];
        assert_eq!((&first["code"], &first["line"], &first["column"]), (&"E0101".into(), &1.into(), &32.into()));
        desk.write("mine.samp", EULER);
        let json = desk.run(&["check", "--format", "json", "mine.samp"]).well();
        let found: serde_json::Value = serde_json::from_str(&json.out).expect("JSON");
        assert_eq!(found["samplers"][0]["evals"]["per_step"], 1);
    }

    #[test]
    fn warnings_alone_are_findings() {
        let desk = Desk::new();
        desk.write("unused.samp", "fn one(z: real) -> real = 1\n");
        let done = desk.run(&["check", "unused.samp"]);
        assert!(done.code == Some(1) && done.err.starts_with("warning[W0107]"), "{}", done.describe());
        assert!(done.err.ends_with("0 errors, 1 warning in 1 file\n"), "{}", done.err);
    }

    #[test]
    fn standard_input_is_a_file() {
        let desk = Desk::new();
        let done = desk.run_with_input(&["check", "--format", "short", "-"], WRONG.as_bytes());
        assert_eq!((done.code, &*done.out), (Some(1), "-:1:32: error[E0101]: nothing is called `two` here\n"));
        assert_eq!(desk.run_with_input(&["check", "-"], EULER.as_bytes()).code, Some(0));
    }

    #[test]
    fn folders_are_walked() {
        let desk = Desk::new();
        desk.write("all/mine.samp", EULER);
        desk.write("all/deep/wrong.samp", WRONG);
        desk.write("all/notes.txt", "no sampler");
        let done = desk.run(&["check", "all"]).fails(1, "nothing is called `two` here");
        assert!(done.err.contains("in 2 files"), "{}", done.err);
        desk.write("none/notes.txt", "no sampler");
        desk.run(&["check", "none"]).fails(2, "there are no `.samp` files in `none`");
    }

    #[test]
    fn files_that_cannot_be_read_are_reported_with_the_others() {
        let desk = Desk::new();
        desk.run(&["check", "nowhere.samp"])
            .fails(1, "error[E0001]: cannot read `nowhere.samp`: there is no such file");
        desk.write("latin.samp", b"// caf\xe9\n");
        desk.run(&["check", "latin.samp"])
            .fails(1, "error[E0001]: cannot read `latin.samp`: it is not UTF-8 from byte 6 on");
        desk.run_with_input(&["check", "-"], b"\xff").fails(1, "it is not UTF-8 from byte 0 on");
        desk.write("wrong.samp", WRONG);
        let both = desk.run(&["check", "--format", "short", "nowhere.samp", "wrong.samp"]);
        assert_eq!((both.code, both.out.lines().count()), (Some(1), 2), "{}", both.out);
    }

    #[test]
    fn the_standard_library_is_clean() {
        let desk = Desk::new();
        let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/samples");
        let done = desk.run(&["check", samples]);
        assert!(done.code == Some(0) && done.err.starts_with("clean: "), "{}", done.describe());
    }
}

mod testing {
    use super::*;

    const TESTS: &str = "test \"two\" {\n    expect order(heun) == 2\n    expect 1 + 1 == 3\n}\ntest \"one\" {\n    expect evals(euler) == 1\n}\n";

    #[test]
    fn people_see_every_test_and_what_failed() {
        let desk = Desk::new();
        desk.write("mine.samp", TESTS);
        let done = desk.run(&["test", "mine.samp"]);
        assert_eq!(
            (done.code, &*done.out),
            (Some(1), "mine.samp\n  failed two\n      ok one\n"),
            "{}",
            done.describe()
        );
        assert!(done.err.contains("error[E0601]: expected 3, found 2") && done.err.contains("mine.samp:3:12"));
        assert!(done.err.ends_with("1 failed of 2 tests with 3 claims in 1 file\n"), "{}", done.err);
        desk.write("mine.samp", TESTS.replace("== 3", "== 2"));
        let done = desk.run(&["test", "."]);
        assert_eq!(
            (done.code, &*done.err),
            (Some(0), "passed: 2 tests with 3 claims in 1 file\n"),
            "{}",
            done.describe()
        );
    }

    #[test]
    fn programs_get_a_line_or_json() {
        let desk = Desk::new();
        desk.write("mine.samp", TESTS);
        let short = desk.run(&["test", "--format", "short", "mine.samp"]);
        assert_eq!((short.code, &*short.out), (Some(1), "mine.samp:3:12: error[E0601]: expected 3, found 2\n"));
        let json = desk.run(&["test", "--format", "json", "mine.samp"]);
        let found: serde_json::Value = serde_json::from_str(&json.out).expect("JSON");
        assert_eq!(
            (json.code, &found["tests"][0]["passed"], &found["tests"][1]["passed"]),
            (Some(1), &false.into(), &true.into())
        );
        assert_eq!(found["tests"][0]["diagnostics"][0]["line"], 3);
    }

    #[test]
    fn what_is_wrong_is_not_measured() {
        let desk = Desk::new();
        desk.write("mine.samp", "test \"none\" { expect order(nothing) == 1 }\n");
        desk.run(&["test", "mine.samp"]).fails(1, "there is no sampler called `nothing`");
        desk.run(&["test", "absent.samp"]).fails(1, "there is no such file");
        desk.write("mine.samp", "");
        let done = desk.run(&["test", "mine.samp"]);
        assert_eq!((done.code, &*done.err), (Some(0), "there are no tests\n"));
    }

    #[test]
    fn the_standard_library_passes() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/samples");
        let done = Desk::new().run(&["test", folder]);
        assert!(done.code == Some(0) && done.err.starts_with("passed:"), "{}", done.describe());
    }
}

mod hostile_texts {
    use super::*;

    #[test]
    fn a_text_of_ten_megabytes_is_refused() {
        let desk = Desk::new();
        let text = "[".repeat(10_000_000);
        desk.write("big.samp", &text);
        desk.run(&["check", "big.samp"]).fails(1, "it has 10000000 bytes, more than the 1048576");
        desk.run_with_input(&["check", "-"], text.as_bytes()).fails(1, "it has more than 1048576 bytes");
        desk.run(&["emit", "big.samp", "--stage", "ast"]).fails(1, "it has 10000000 bytes");
        desk.run(&["run", "--sampler", "big.samp"]).fails(1, "it has 10000000 bytes");
    }

    #[test]
    fn deep_nesting_is_refused() {
        let desk = Desk::new();
        let n = 10_000;
        let texts = [
            format!("const a = {}1{}\n", "(".repeat(n), ")".repeat(n)),
            format!("const a = {}1{}\n", "[".repeat(500_000), "]".repeat(500_000)),
            format!("const a = {}1\n", "-".repeat(n)),
            format!("const a = {}1\n", "1 + ".repeat(n)),
            format!("fn f(b: bool) -> bool = {}b\n", "not ".repeat(n)),
            format!("fn f(b: bool) -> real = {}{{ 2 }}\n", "if b { 1 } else ".repeat(n)),
            format!("fn f(b: bool) -> real {{\n{}{}}}\n", "if b {\n".repeat(n), "}\n".repeat(n)),
        ];
        for text in texts {
            desk.write("deep.samp", &text);
            desk.run(&["check", "deep.samp"]).fails(1, "error[E0003]");
        }
        let expression = format!("{}euler{}", "(".repeat(n), ")".repeat(n));
        desk.run(&["run", "--sampler", &expression]).fails(1, "error[E0003]");
    }

    #[test]
    fn long_chains_of_items_are_followed() {
        let desk = Desk::new();
        let mut text: String = (0..5_000).map(|k| format!("const a{k} = a{} + 1\n", k + 1)).collect();
        text += "const a5000 = 1\n";
        desk.write("chain.samp", &text);
        assert_eq!(desk.run(&["check", "chain.samp"]).code, Some(0));
    }

    #[test]
    fn many_mistakes_are_found_soon() {
        let desk = Desk::new();
        let text: String = (0..5_000).map(|k| format!("const c{k} = u{k}\n")).collect();
        desk.write("many.samp", &text);
        let found = desk.run(&["check", "--format", "short", "many.samp"]);
        assert_eq!((found.code, found.out.lines().count()), (Some(1), 5_000));
    }

    #[test]
    fn work_without_end_is_given_up() {
        let desk = Desk::new();
        desk.write("slow.samp", "grid slow = [level(rho = 1 + sum(j for j in 0..1000000000000)), clean]\n");
        desk.run(&["check", "slow.samp"]).fails(1, "error[E0509]");
        desk.run(&["trace", "--grid", "slow.samp"]).fails(1, "error[E0509]");
        desk.run(&["trace", "--steps", "100001"]).fails(1, "between 1 and 100000 steps, found 100001");
    }
}

mod imports {
    use super::*;

    #[test]
    fn a_file_that_imports_itself() {
        let desk = Desk::new();
        desk.write("mine.samp", format!("use \"mine.samp\".{{mine}}\n\n{EULER}"));
        desk.run(&["check", "mine.samp"]).fails(1, "error[E0104]: this file imports itself");
    }

    #[test]
    fn two_files_that_import_each_other() {
        let desk = Desk::new();
        desk.write("a.samp", format!("use \"b.samp\".{{two}}\n\n{EULER}\ngrid three = two(n) + [clean]\n"));
        desk.write("b.samp", "use \"a.samp\".{mine}\n\ngrid two = [noisiest, level(rho = 1)]\n");
        for files in [&["check", "a.samp"][..], &["check", "b.samp"], &["check", "a.samp", "b.samp"], &["check", "."]] {
            assert_eq!(desk.run(files).code, Some(0), "{files:?}");
        }
    }

    #[test]
    fn two_files_whose_items_need_each_other() {
        let desk = Desk::new();
        desk.write("a.samp", "use \"b.samp\".{two}\n\nconst one = two - 1\n");
        desk.write("b.samp", "use \"a.samp\".{one}\n\nconst two = one + 1\n");
        desk.run(&["check", "a.samp"]).fails(1, "error[E0106]: this leads back to where it is used");
    }

    #[test]
    fn a_mistake_is_reported_once_whoever_imports_it() {
        let desk = Desk::new();
        desk.write("a.samp", "use \"c.samp\".{half}\n\nfn fourth(z: real) -> real = half(half(z))\n");
        desk.write("b.samp", "use \"c.samp\".{half}\n\nfn eighth(z: real) -> real = half(z) / 4\n");
        desk.write("c.samp", "fn half(z: real) -> real = z / two\n");
        desk.run(&["check", "a.samp", "b.samp", "c.samp"]).fails(1, "nothing is called `two` here");
    }
}

mod emitting {
    use super::*;

    #[test]
    fn every_stage_is_shown() {
        let desk = Desk::new();
        desk.write("mine.samp", EULER);
        let stages = [
            ("ast", "sampler mine"),
            ("hir", "sampler mine"),
            ("program", "sampler mine"),
            ("plan", "step"),
            ("kernel", "kernel"),
            ("clif", "function"),
        ];
        for (stage, says) in stages {
            let text = desk.run(&["emit", "mine.samp", "--stage", stage]).well().out;
            assert!(text.contains(says), "{stage}:\n{text}");
            assert_eq!(
                text,
                desk.run(&["emit", "mine.samp", "--stage", stage]).well().out,
                "{stage} is always the same"
            );
            for name in ["dpmpp_2m", "digits", "edm"] {
                assert!(!desk.run(&["emit", name, "--stage", stage]).well().out.is_empty(), "{stage} of {name}");
            }
        }
    }

    #[cfg(feature = "wgpu")]
    #[test]
    fn every_device_s_text_is_shown() {
        let desk = Desk::new();
        for (stage, says) in [("cuda", "extern \"C\" __global__"), ("msl", "[[kernel]]"), ("wgsl", "@compute")] {
            for network in ["f32", "f16", "bf16"] {
                let args = ["emit", "dpmpp_2m_sde", "--stage", stage, "--network", network];
                let text = desk.run(&args).well().out;
                assert!(text.contains(says) && text.contains("samp_step_"), "{stage}:\n{text}");
                // cubecl gives MSL's parameters in an order of the moment.
                assert!(stage == "msl" || text == desk.run(&args).well().out, "{stage} is always the same");
            }
        }
        // What finishes the reductions is shown behind the kernels that reduce; SPIR-V by its bytes.
        let measuring = ["emit", "euler", "--guidance", "dynamic_threshold", "--stage"];
        for (stage, says) in [("cuda", "samp_finish_quantile_"), ("spirv", "\n03022307")] {
            let text = desk.run(&[&measuring[..], &[stage]].concat()).well().out;
            assert!(text.contains(says) && text.contains("// samp_finish_quantile_"), "{stage}:\n{text}");
        }
    }

    #[test]
    fn a_network_of_another_dtype_is_fed_by_the_kernel() {
        let desk = Desk::new();
        let plan = |args: &[&str]| {
            desk.run(&[&["emit", "euler", "--stage", "plan", "--steps", "3"], args].concat()).well().out
        };
        let fed = |text: &str| text.lines().filter(|line| line.contains("input feed")).count();
        let written = |text: &str| {
            text.lines()
                .filter(|line| line.trim_start().starts_with("launch"))
                .filter(|line| line.contains(" f0"))
                .count()
        };
        let plain = plan(&[]);
        assert_eq!((fed(&plain), written(&plain)), (0, 0), "the sample itself");
        let narrow = plan(&["--network", "bf16"]);
        assert_eq!((fed(&narrow), written(&narrow)), (3, 3));
        let guided = plan(&["--guidance", "cfg(scale = 3)"]);
        assert_eq!((fed(&guided), written(&guided)), (3, 3));
        assert_eq!(guided.matches(" f0 f1 ").count(), 3, "{guided}");
    }

    #[cfg(not(feature = "cube"))]
    #[test]
    fn a_build_without_devices_names_the_feature() {
        let desk = Desk::new();
        for (stage, feature) in [("cuda", "cube"), ("msl", "cube"), ("wgsl", "wgpu"), ("spirv", "wgpu")] {
            desk.run(&["emit", "euler", "--stage", stage]).fails(1, &format!("build it with `--features {feature}`"));
        }
    }

    #[test]
    fn what_is_wrong_has_no_stage() {
        let desk = Desk::new();
        desk.run(&["emit", "nowhere.samp", "--stage", "ast"])
            .fails(1, "cannot read `nowhere.samp`: there is no such file");
        desk.run(&["emit", "bogacki", "--stage", "hir"]).fails(1, "there is no file and no item called `bogacki`");
        desk.run(&["emit", "bogacki", "--stage", "plan"]).fails(1, "there is no sampler called `bogacki`");
        desk.run(&["emit", "euler", "--stage", "llvm"]).fails(2, "invalid value 'llvm'");
        desk.run(&["emit", "ddim", "--stage", "plan", "--set", "sampler.eta=2"])
            .fails(1, "`eta` is 2, which lies outside [0, 1]");
        desk.run(&["emit", "ddim", "--stage", "plan", "--set", "sampler.eta"])
            .fails(2, "`--set sampler.eta` sets nothing");
        desk.write("learned.json", "[0.4, 0.5, 0.6]\n");
        let args = ["emit", "amed", "--stage", "plan", "--steps", "3", "--set", "sampler.r=@learned.json"];
        assert_eq!(
            desk.run(&args).well().out,
            desk.run(&[&args[..7], &["sampler.r=[0.4, 0.5, 0.6]"]].concat()).well().out
        );
        desk.run(&["emit", "ddim", "--stage", "plan", "--set", "sampler.eta=@nothing"]).fails(1, "nothing: ");
        desk.write("broken.samp", "sampler broken {\n");
        for stage in ["ast", "hir", "program", "plan"] {
            desk.run(&["emit", "broken.samp", "--stage", stage]).fails(1, "error[E0002]");
        }
    }
}

mod learning {
    use super::*;

    const SMALL: [&str; 8] = ["learn", "grid", "digits", "--fine", "4", "--count", "1", "--steps"];

    #[test]
    fn a_grid_that_was_found_is_a_grid() {
        let desk = Desk::new();
        let printed = desk.run(&[&SMALL[..], &["2", "--to", "3", "--against", "karras"]].concat()).well().out;
        assert!(printed.starts_with("//! Levels for the pipeline `digits`, found by"), "{printed}");
        desk.run(&[&SMALL[..], &["2", "--to", "3", "--against", "karras", "-o", "found.samp"]].concat()).well();
        assert_eq!(String::from_utf8(desk.bytes("found.samp")).expect("a text"), printed, "the same each time");
        assert_eq!(desk.run(&["check", "found.samp"]).code, Some(0));
        let args = ["run", "--grid", "found.samp", "--steps", "3", "--count", "1", "-q"];
        desk.run(&args).well();
        let levels = ["emit", "digits", "--grid", "found.samp", "--steps", "2", "--stage", "plan"];
        desk.run(&levels).well();
    }

    #[test]
    fn what_cannot_be_learned_is_refused() {
        let desk = Desk::new();
        desk.run(&SMALL[..7]).fails(2, "`--steps` says how many steps the grid is to have");
        desk.run(&[&SMALL[..], &["0"]].concat()).fails(2, "at least 1");
        desk.run(&[&SMALL[..], &["5"]].concat()).fails(2, "at most `--fine`, 4");
        desk.run(&[&SMALL[..], &["2", "--sampler", "ancestral"]].concat()).fails(1, "the student draws noise");
        desk.run(&[&SMALL[..], &["2", "--teacher", "ddpm"]].concat()).fails(1, "the teacher draws noise");
        desk.run(&[&SMALL[..], &["2", "--growth", "0"]].concat()).fails(2, "a number from 0.1 to 10");
        let student = ["learn", "grid", "digits_img2img", "--steps", "2"];
        desk.run(&student).fails(1, "asks for tensors");
    }
}

mod tracing {
    use std::collections::HashMap;

    use super::*;

    fn tensors(desk: &Desk, name: &str) -> HashMap<String, Tensor> {
        candle_core::safetensors::load_buffer(&desk.bytes(name), &Device::Cpu).expect("a safetensors file")
    }

    fn store(desk: &Desk, file: &str, name: &str, shape: &[usize]) {
        let tensor = Tensor::zeros(shape, DType::F64, &Device::Cpu).expect("a tensor");
        let tensors = HashMap::from([(name.to_owned(), tensor)]);
        candle_core::safetensors::save(&tensors, desk.path().join(file)).expect("a file");
    }

    #[test]
    fn the_output_holds_every_step() {
        let desk = Desk::new();
        desk.run(&["trace", "--sampler", "heun", "--steps", "3", "--shape", "2,3", "-o", "t.safetensors"]).well();
        let all = tensors(&desk, "t.safetensors");
        let mut shapes: Vec<(&str, &[usize])> = all.iter().map(|(name, tensor)| (&**name, tensor.dims())).collect();
        shapes.sort();
        assert_eq!(shapes, [("draws", &[3][..]), ("evals", &[3]), ("levels", &[4, 4]), ("x", &[4, 2, 3])]);
        let counts = |name: &str| all[name].to_vec1::<u32>().expect("whole numbers");
        assert_eq!((counts("evals"), counts("draws")), (vec![2, 2, 1], vec![0, 0, 0]));
        assert_eq!((all["x"].dtype(), all["levels"].dtype()), (DType::F64, DType::F64));
        let levels = all["levels"].to_vec2::<f64>().expect("numbers");
        assert_eq!(levels[3], [0.0, 1.0, 0.0, f64::INFINITY], "the last level is clean");
        assert!(levels.windows(2).all(|pair| pair[0][3] < pair[1][3]), "half log-SNR rises: {levels:?}");
        assert_eq!(desk.files(), ["t.safetensors"]);
    }

    #[test]
    fn draws_are_counted_and_the_seed_decides_them() {
        let desk = Desk::new();
        let run = |seed: &str, file: &str| {
            let args = [
                "trace",
                "--sampler",
                "ddpm",
                "--steps",
                "3",
                "--shape",
                "2,3",
                "--dtype",
                "f32",
                "--seed",
                seed,
                "-o",
                file,
            ];
            desk.run(&args).well();
            desk.bytes(file)
        };
        let (first, again, other) = (run("7", "a"), run("7", "b"), run("8", "c"));
        assert!(first == again && first != other);
        let all = tensors(&desk, "a");
        assert_eq!(all["draws"].to_vec1::<u32>().expect("whole numbers"), [1, 1, 0], "the last draw has the factor 0");
        assert_eq!(all["x"].dtype(), DType::F32);
    }

    #[test]
    fn a_draw_that_is_made_again_counts_once() {
        let desk = Desk::new();
        let restarted = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/restart_with_var.samp");
        desk.run(&["trace", "--sampler", restarted, "--steps", "3", "--shape", "1,2", "-o", "t"]).well();
        let all = tensors(&desk, "t");
        assert_eq!(all["draws"].to_vec1::<u32>().expect("whole numbers"), [1, 1, 0]);
    }

    #[test]
    fn summaries_have_three_forms() {
        let desk = Desk::new();
        let human = desk.run(&["trace", "--steps", "2"]).well().out;
        assert!(
            human.starts_with("euler on scaled_linear, 2 steps: 2 evaluations") && human.lines().count() == 5,
            "{human}"
        );
        assert_eq!(desk.run(&["trace", "--steps", "2", "--format", "short"]).well().out.lines().count(), 1);
        let json = desk.run(&["trace", "--sampler", "lms", "--steps", "2", "--format", "json"]).well().out;
        let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(
            (&json["sampler"], &json["evals"], &json["levels"][2]["sigma"]),
            (&"lms".into(), &2.into(), &0.0.into())
        );
    }

    #[test]
    fn levels_are_given_in_any_coordinate() {
        let desk = Desk::new();
        for levels in [
            "rho:14.6,3,0",
            "time:999,500.5,clean",
            "lambda:-2,0,3",
            "sigma:0.9,0.5",
            "alpha:0.1,0.5,1",
            "rho:pure,1,clean",
        ] {
            desk.run(&["trace", "--levels", levels]).well();
        }
        desk.run(&["trace", "--levels", "lambda:-2,0,3", "--sampler", "dpmpp_2m"]).well();
    }

    #[test]
    fn levels_that_are_none_are_refused() {
        let desk = Desk::new();
        desk.run(&["trace", "--levels", "14,1,0"]).fails(2, "no coordinate is named; write `rho:14.61,9.2,0`");
        desk.run(&["trace", "--levels", "snr:14,1,0"]).fails(2, "`snr` is no coordinate");
        desk.run(&["trace", "--levels", "rho:14,x,0"]).fails(2, "`x` is no number");
        desk.run(&["trace", "--levels", "rho:14,nan,0"]).fails(2, "`nan` is no number");
        desk.run(&["trace", "--levels", "rho:14,,0"]).fails(2, "`` is no number");
        desk.run(&["trace", "--levels", "rho:14"]).fails(1, "a grid needs at least two levels, found 1");
        desk.run(&["trace", "--levels", "rho:14,1,1"]).fails(1, "levels 1 and 2 of the grid are the same");
        desk.run(&["trace", "--levels", "rho:-1,0"]).fails(1, "no level of `vp` has rho = -1");
        desk.run(&["trace", "--schedule", "edm", "--levels", "rho:pure,1"]).fails(1, "error[E0508]");
    }

    #[test]
    fn laws_that_are_none_are_refused() {
        let desk = Desk::new();
        for (law, says) in [
            ("gauss", "`gauss` is no denoiser"),
            ("laplace:0,1", "`laplace` is no denoiser"),
            ("gauss:0", "`gauss` takes two numbers"),
            ("gauss:0,-1", "a standard deviation is 0 or more"),
            ("gauss:0,wide", "`wide` is no number"),
            ("constant:inf", "`inf` is no number"),
            ("gmm:1,0,1;0,1,1", "a component of `gmm` is a positive weight"),
        ] {
            desk.run(&["trace", "--denoiser", law]).fails(2, says);
        }
        desk.run(&["trace", "--denoiser", "gmm:1,-1,0.1;2,1,0.2"]).well();
    }

    #[test]
    fn tensors_of_the_caller_must_fit() {
        let desk = Desk::new();
        store(&desk, "x.safetensors", "x", &[2, 3]);
        store(&desk, "y.safetensors", "y", &[2, 3]);
        store(&desk, "noise.safetensors", "noise", &[2, 2, 3]);
        store(&desk, "rows.safetensors", "noise", &[2, 7]);
        desk.write("no.safetensors", "not a tensor");
        let trace = |args: &[&str]| desk.run(&[&["trace", "--sampler", "ddpm", "--steps", "4"][..], args].concat());
        desk.run(&["trace", "--steps", "2", "--init", "x.safetensors"]).well();
        trace(&["--init", "y.safetensors"]).fails(1, "`y.safetensors` should hold a tensor `x`, it holds `y`");
        trace(&["--init", "nowhere"]).fails(1, "cannot read `nowhere`");
        trace(&["--init", "no.safetensors"]).fails(1, "`no.safetensors` is no safetensors file");
        trace(&["--shape", "2,3", "--noise", "x.safetensors"]).fails(1, "should hold a tensor `noise`, it holds `x`");
        trace(&["--shape", "2,3", "--noise", "noise.safetensors"])
            .fails(1, "the run makes draw 2, and 2 rows of noise are given");
        trace(&["--shape", "2,3", "--noise", "rows.safetensors"])
            .fails(1, "a row of the noise is 7, expected 6 elements");
        trace(&["--shape", "2,3", "--steps", "3", "--noise", "noise.safetensors"])
            .fails(2, "'--steps <N>' cannot be used multiple times");
        desk.run(&["trace", "--sampler", "ddpm", "--steps", "3", "--shape", "2,3", "--noise", "noise.safetensors"])
            .well();
    }

    #[test]
    fn shapes_that_are_none_are_refused() {
        let desk = Desk::new();
        for shape in ["0", "2,0", "1000000,1000000", "4294967296,4294967296,4294967296"] {
            desk.run(&["trace", "--shape", shape]).fails(2, "`--shape` is a list of sizes");
        }
        desk.run(&["trace", "--shape", "2,x"]).fails(2, "invalid value 'x'");
        desk.run(&["trace", "--shape", "1", "--steps", "2"]).well();
    }

    #[test]
    fn outputs_that_cannot_be_written_are_refused() {
        let desk = Desk::new();
        desk.write("folder/inside", "");
        desk.run(&["trace", "-o", "folder"]).fails(1, "cannot write `folder`: it is a folder");
        desk.run(&["trace", "-o", "none/t"]).fails(1, "cannot write `none/t`: there is no folder `none`");
    }
}

mod running {
    use super::*;

    const SMALL: [&str; 6] = ["run", "--count", "1", "--steps", "1", "-q"];

    fn small(desk: &Desk, args: &[&str]) -> Done {
        desk.run(&[&SMALL[..], args].concat())
    }

    #[test]
    fn one_step_draws_a_picture() {
        let desk = Desk::new();
        let done = small(&desk, &["--class", "3", "-o", "three.png"]).well();
        assert!(
            done.out.starts_with("1 picture in ") && done.out.contains("dpmpp_2m on flow, 1 steps"),
            "{}",
            done.out
        );
        assert!(desk.bytes("three.png").starts_with(b"\x89PNG"));
        assert_eq!(desk.files(), ["three.png"]);
        small(&desk, &[]).well();
        assert_eq!(desk.files(), ["out.png", "three.png"]);
    }

    /// The device code on any adapter draws the processor's picture, give or take a grey; also with guidance that measures.
    #[cfg(feature = "wgpu")]
    #[test]
    fn an_adapter_draws_the_same_picture() {
        let desk = Desk::new();
        for guidance in ["cfg(scale = 2)", "dynamic_threshold"] {
            let pixels = |device: &str| {
                let name = format!("{device}.png");
                let args =
                    ["run", "digits", "--count", "4", "--steps", "8", "--seed", "5", "--guidance", guidance, "-q"];
                desk.run(&[&args[..], &["--device", device, "-o", &name]].concat()).well();
                image::open(desk.path().join(name)).expect("a picture").into_luma8().into_raw()
            };
            let (found, expected) = (pixels("wgpu"), pixels("cpu"));
            assert_eq!(found.len(), expected.len());
            let far = found.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(far <= Some(1), "{guidance}: pixels differ by {far:?}");
            assert!(expected.iter().any(|grey| *grey > 200), "there is something to see");
        }
    }

    #[test]
    fn options_that_are_wrong_are_shown_where_they_are_written() {
        let desk = Desk::new();
        for (set, says) in [
            ("sampler.form=huen", "error[E0305]: expected `midpoint` or `heun`, found `huen`"),
            ("sampler.eta=1", "error[E0303]: the sampler `dpmpp_2m` has no option `eta`"),
            ("grid.high=3", "error[E0301]: expected a level, found a whole number"),
            ("model.time_scale=true", "error[E0301]: expected a number, found a condition"),
            ("scal=3", "error[E0303]: the pipeline `digits` has no option `scal`"),
            ("scale=-1", "error[E0304]: `scale` is -1, which lies outside [0, inf)"),
            ("scale=inf", "error[E0304]: `scale` is inf, which lies outside [0, inf)"),
            ("scale=", "error[E0002]"),
            ("scale=1 2", "error[E0002]"),
            ("scale=unknown", "error[E0101]: nothing is called `unknown` here"),
            ("solver.eta=1", "error[E0303]: `solver` is no slot of a pipeline"),
            ("a.b.c=1", "error[E0303]: `a.b.c` names no option"),
            ("start.x=1", "error[E0303]: the pipeline `digits` has no `start` to set options of"),
            ("steps.x=1", "error[E0303]: `steps` holds no item with options"),
        ] {
            small(&desk, &["--set", set]).fails(1, says);
        }
        small(&desk, &["--set", "scale"]).fails(2, "`--set scale` sets nothing");
        assert!(desk.files().is_empty(), "a run that fails writes nothing: {:?}", desk.files());
    }

    #[test]
    fn options_are_set() {
        let desk = Desk::new();
        small(&desk, &["--set", "scale=1", "--set", "sampler.form=heun", "--set", "digits.scale=3"]).well();
        small(&desk, &["--sampler", "ddim(eta = 0.5)", "--set", "sampler.eta=1"]).well();
        // No word of `scale`, which only the guidance of the pipeline has read.
        small(&desk, &["--guidance", "plain"]).well();
    }

    #[test]
    fn slots_that_are_wrong_are_shown_where_they_are_written() {
        let desk = Desk::new();
        for (flag, value, says) in [
            ("--sampler", "eulr", "error[E0101]: there is no sampler called `eulr`"),
            ("--sampler", "ddim(eta = 2)", "error[E0304]: `eta` is 2, which lies outside [0, 1]"),
            ("--sampler", "ddim(", "error[E0002]"),
            ("--sampler", "", "error[E0002]"),
            ("--sampler", "3", "error[E0301]: expected a sampler, found a whole number"),
            ("--sampler", "karras", "error[E0101]: there is no sampler called `karras`"),
            ("--sampler", "nowhere.samp", "error[E0001]: cannot read `nowhere.samp`: there is no such file"),
            ("--schedule", "flwo", "did you mean `flow`?"),
            ("--grid", "given(sigmas = [1, 1])", "error[E0506]: levels 0 and 1 of the grid are the same"),
            ("--grid", "given(sigmas = [])", "error[E0510]: a grid needs at least two levels, found 0"),
            ("--grid", "given", "error[E0302]: the grid `given` needs its option `sigmas`"),
        ] {
            desk.run(&["run", "-q", "--steps", "2", flag, value]).fails(1, says);
        }
        desk.run(&["run", "--steps", "-3"]).fails(1, "between 1 and 100000 steps, found -3");
        desk.run(&["run", "--steps", "0"]).fails(1, "error[E0510]: a run takes between 1 and 100000 steps, found 0");
        desk.run(&["run", "digit"]).fails(1, "help: did you mean `digits`?");
        desk.run(&["run", "flowers"]).fails(1, "pipelines are `digits`, `digits_img2img`,");
        desk.run(&["run", "nowhere.samp"]).fails(1, "cannot read `nowhere.samp`: there is no such file");
        assert!(desk.files().is_empty(), "a run that fails writes nothing: {:?}", desk.files());
    }

    #[test]
    fn samplers_come_from_files() {
        let desk = Desk::new();
        desk.write("mine.samp", EULER);
        assert!(small(&desk, &["--sampler", "mine.samp"]).well().out.contains("mine on flow"));
        small(&desk, &["--sampler", "mine.samp:mine(share = 0.5)"]).well();
        small(&desk, &["--sampler", "mine.samp", "--set", "sampler.share=0.5"]).well();
        small(&desk, &["--sampler", "mine.samp", "--set", "sampler.share=2"])
            .fails(1, "`share` is 2, which lies outside [0, 1]");
        small(&desk, &["--sampler", "mine.samp:yours"]).fails(1, "error[E0101]: `mine.samp` declares 1 sampler");
        small(&desk, &["--grid", "mine.samp"]).fails(1, "error[E0101]: `mine.samp` declares no grid");
        desk.write("two.samp", format!("{EULER}\n{}", EULER.replace("mine", "other")));
        small(&desk, &["--sampler", "two.samp"]).fails(1, "name one: `two.samp:mine`, `two.samp:other`");
        small(&desk, &["--sampler", "two.samp:other"]).well();
        desk.write("wrong.samp", EULER.replace("x0(x)", "x0(y)"));
        small(&desk, &["--sampler", "wrong.samp"]).fails(1, "nothing is called `y` here");
    }

    #[test]
    fn pipelines_come_from_files() {
        let desk = Desk::new();
        let text = "pipeline one {\n    network  digits\n    schedule flow\n    grid     uniform_open\n    \
                    model    flow(time_scale = 1)\n    sampler  euler\n    steps    2\n}\n";
        desk.write("mine.samp", text);
        assert!(desk.run(&["run", "mine.samp", "--count", "1", "-q"]).well().out.contains("euler on flow, 2 steps"));
        desk.run(&["run", "mine.samp:one", "--count", "1", "-q", "--guidance", "cfg(scale = 2)"]).well();
        desk.run(&["run", "mine.samp:two"]).fails(1, "`mine.samp` declares 1 pipeline");
        desk.write("none.samp", "");
        desk.run(&["run", "none.samp"]).fails(1, "`none.samp` declares no pipeline");
        desk.write("bare.samp", text.replace("    network  digits\n", ""));
        desk.run(&["run", "bare.samp"])
            .fails(2, "the pipeline `bare.samp` names no network; name one: `--network digits`");
        desk.run(&["run", "bare.samp", "--network", "digits", "--count", "1", "-q"]).well();
    }

    #[test]
    fn what_cannot_be_drawn_is_refused() {
        let desk = Desk::new();
        small(&desk, &["--class", "11"]).fails(2, "`--class 11` is none of 0 to 9");
        small(&desk, &["--class", "1,x"]).fails(2, "invalid value 'x'");
        small(&desk, &["--batch", "0"]).fails(2, "`--batch` is at least 1");
        desk.run(&["run", "--count", "0"]).fails(2, "`--count` is at least 1");
        small(&desk, &["--network", "faces"]).fails(2, "there is no network called `faces`; there are `digits`");
        small(&desk, &["--input", "mask"]).fails(2, "`--input mask` names no file");
        small(&desk, &["--input", "mask=nowhere"])
            .fails(2, "there is no input called `mask`; the pipeline asks for none");
        small(&desk, &["--sampler", "inpaint", "--input", "mask=nowhere"]).fails(1, "cannot read `nowhere`");
        desk.run(&["run", "--schedule", "edm", "--steps", "2", "-q"]).fails(1, "the denoiser failed at step 1 of 2");
        assert!(desk.files().is_empty(), "a run that fails writes nothing: {:?}", desk.files());
    }

    /// A picture of one grey.
    fn picture(desk: &Desk, name: &str, size: (u32, u32), grey: u8) {
        let pixels = image::GrayImage::from_pixel(size.0, size.1, image::Luma([grey]));
        pixels.save(desk.path().join(name)).expect("a picture");
    }

    #[test]
    fn a_run_keeps_what_the_mask_keeps() {
        let desk = Desk::new();
        picture(&desk, "known.png", (28, 28), 255);
        picture(&desk, "mask.png", (56, 56), 0);
        let painted = ["run", "digits_inpaint", "--input", "known=known.png", "--input", "mask=mask.png", "-q"];
        let few = ["--count", "3", "--batch", "2", "--steps", "2", "-o", "out.safetensors"];
        desk.run(&[&painted[..], &few[..]].concat()).well();
        let bytes = desk.bytes("out.safetensors");
        let samples = &candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).expect("tensors")["samples"];
        assert_eq!(samples.dims(), [3, 1, 28, 28]);
        let values = samples.flatten_all().and_then(|flat| flat.to_vec1::<f32>()).expect("numbers");
        assert!(values.iter().all(|value| *value == 1.0), "nothing of the picture is made anew");
        // The samples of a run are an input of another, one for each.
        let again = ["run", "digits_img2img", "--input", "image=out.safetensors", "-q", "--set", "strength=0.1"];
        desk.run(&[&again[..], &["--count", "3", "--batch", "2", "--steps", "1"]].concat()).well();
        desk.run(&[&again[..], &["--count", "2", "--steps", "1"]].concat())
            .fails(1, "the input `image` is [3, 1, 28, 28], expected [1 or 2, 1, 28, 28]");
    }

    #[test]
    fn inputs_that_do_not_fit_are_refused() {
        let desk = Desk::new();
        let paint = |inputs: &[&str]| desk.run(&[&["run", "digits_inpaint", "-q"], inputs].concat());
        paint(&[]).fails(2, "the input `known` is not given");
        picture(&desk, "odd.png", (28, 30), 0);
        paint(&["--input", "known=odd.png"]).fails(1, "`odd.png` is 28 x 30 pixels, expected 28 x 28 or a multiple");
        desk.write("none.png", b"\x89PNG\r\n\x1a\nno picture");
        paint(&["--input", "known=none.png"]).fails(1, "`none.png` is no picture");
        let much = Tensor::full(2f32, (28, 28), &Device::Cpu).expect("a tensor");
        much.save_safetensors("mask", desk.path().join("mask")).expect("a file");
        paint(&["--input", "mask=mask"]).fails(1, "the input `mask` is a weight and holds 2, expected 0 to 1");
        assert_eq!(desk.files(), ["mask", "none.png", "odd.png"]);
    }

    #[test]
    fn what_a_sampler_tells_is_written() {
        let desk = Desk::new();
        let told = ["--sampler", "record(at = [0, 1])", "--emit", "told.safetensors", "--count", "3", "--batch", "2"];
        desk.run(&[&["run", "--steps", "2", "-q"], &told[..]].concat()).well();
        let bytes = desk.bytes("told.safetensors");
        let told = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).expect("tensors");
        let shapes = ["start", "end", "knot"].map(|name| told[name].dims().to_vec());
        assert_eq!(shapes, [vec![3, 1, 28, 28], vec![3, 1, 28, 28], vec![2, 3, 1, 28, 28]]);
        assert_eq!(told.len(), 3);
    }

    #[test]
    fn weights_that_do_not_fit_are_refused() {
        let desk = Desk::new();
        small(&desk, &["--weights", "nowhere"]).fails(1, "nowhere: cannot read the weights");
        let shipped = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/runtime/weights/digits.safetensors"));
        let shipped = shipped.expect("the weights ship with the runtime");
        desk.write("short", &shipped[..shipped.len() / 2]);
        small(&desk, &["--weights", "short"]).fails(1, "expected a complete safetensors file");
        desk.write("text", "no weights");
        small(&desk, &["--weights", "text"]).fails(1, "expected a complete safetensors file");
        let mut tensors = candle_core::safetensors::load_buffer(&shipped, &Device::Cpu).expect("the weights are whole");
        let wrong = Tensor::zeros((2, 3), DType::F32, &Device::Cpu).expect("a tensor");
        tensors.insert("l1.weight".to_owned(), wrong);
        candle_core::safetensors::save(&tensors, desk.path().join("wrong")).expect("a file");
        small(&desk, &["--weights", "wrong"]).fails(1, "`l1.weight`");
        tensors.remove("l1.weight");
        candle_core::safetensors::save(&tensors, desk.path().join("missing")).expect("a file");
        small(&desk, &["--weights", "missing"])
            .fails(1, "tensor `l1.weight` is missing, expected one of shape [128, 32]");
        assert_eq!(desk.files(), ["missing", "short", "text", "wrong"]);
        desk.write("own", &shipped);
        small(&desk, &["--weights", "own"]).well();
    }

    #[test]
    fn outputs_that_cannot_be_written_are_refused() {
        let desk = Desk::new();
        desk.write("folder/inside", "");
        small(&desk, &["-o", "folder"]).fails(1, "cannot write `folder`: it is a folder");
        small(&desk, &["-o", "none/p.png"]).fails(1, "cannot write `none/p.png`: there is no folder `none`");
        small(&desk, &["-o", "folder/inside/p.png"]).fails(1, "cannot write `folder/inside/p.png`");
        if cfg!(target_os = "linux") {
            small(&desk, &["-o", "/proc/p.png"]).fails(1, "cannot write `/proc/p.png`");
        }
        assert_eq!(desk.files(), ["folder"]);
    }

    #[test]
    fn an_old_picture_survives_a_run_that_fails() {
        let desk = Desk::new();
        desk.write("p.png", "old");
        desk.run(&["run", "--schedule", "edm", "--steps", "2", "-q", "-o", "p.png"]).fails(1, "the denoiser failed");
        assert_eq!((desk.bytes("p.png"), desk.files()), (b"old".to_vec(), vec!["p.png".to_owned()]));
    }

    #[test]
    fn pictures_do_not_depend_on_batch_and_threads() {
        let mut desk = Desk::new();
        let mut draw = |args: &[&str], rayon: Option<&'static str>| {
            desk.env = rayon.map(|threads| ("RAYON_NUM_THREADS", threads)).into_iter().collect();
            let base = ["run", "--count", "5", "--steps", "3", "--sampler", "ddim(eta = 1)", "-q", "-o", "p.png"];
            desk.run(&[&base[..], args].concat()).well();
            desk.bytes("p.png")
        };
        let first = draw(&["--batch", "1"], None);
        for args in [
            &["--batch", "3"][..],
            &["--batch", "20"],
            &["--threads", "1"],
            &["--threads", "2"],
            &["--threads", "1000", "--batch", "2"],
        ] {
            assert!(draw(args, None) == first, "{args:?} draws other pictures");
        }
        for threads in ["1", "2"] {
            assert!(draw(&[], Some(threads)) == first, "RAYON_NUM_THREADS={threads} draws other pictures");
        }
        assert!(draw(&["--seed", "4"], None) != first, "another seed draws other pictures");
    }
}
