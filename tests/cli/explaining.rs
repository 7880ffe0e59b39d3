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
