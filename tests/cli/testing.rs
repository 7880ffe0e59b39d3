use super::*;

const TESTS: &str = "test \"two\" {\n    expect order(heun) == 2\n    expect 1 + 1 == 3\n}\ntest \"one\" {\n    expect evals(euler) == 1\n}\n";

#[test]
fn people_see_every_test_and_what_failed() {
    let desk = Desk::new();
    desk.write("mine.samp", TESTS);
    let done = desk.run(&["test", "mine.samp"]);
    assert_eq!((done.code, &*done.out), (Some(1), "mine.samp\n  failed two\n      ok one\n"), "{}", done.describe());
    assert!(done.err.contains("error[E0601]: expected 3, found 2") && done.err.contains("mine.samp:3:12"));
    assert!(done.err.ends_with("1 failed of 2 tests with 3 claims in 1 file\n"), "{}", done.err);
    desk.write("mine.samp", TESTS.replace("== 3", "== 2"));
    let done = desk.run(&["test", "."]);
    assert_eq!((done.code, &*done.err), (Some(0), "passed: 2 tests with 3 claims in 1 file\n"), "{}", done.describe());
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
