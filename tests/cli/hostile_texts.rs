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
