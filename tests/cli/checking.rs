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
    desk.run(&["check", "nowhere.samp"]).fails(1, "error[E0001]: cannot read `nowhere.samp`: there is no such file");
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
