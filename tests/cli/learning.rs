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
