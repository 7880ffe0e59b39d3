//! Programs: the standard library lowered, verified, printed and read back; and texts and programs that are damaged.

#![expect(clippy::unwrap_used, reason = "tests fail by panic")]

use proptest::prelude::*;
use samp_compiler::check::Checker;
use samp_compiler::hir_text::{print_hir, print_item};
use samp_compiler::ir::program::{Block, Func, Program};
use samp_compiler::ir::program_text::{parse, print};
use samp_compiler::ir::program_verify::verify;
use samp_compiler::library::Library;
use samp_compiler::lower::lower;

/// What a file of the standard library means: its tree, everything its tree leads to, its program.
struct Meaning {
    tree: String,
    all: String,
    program: Program,
}

fn meaning(path: &str) -> Meaning {
    let loader = |path: &str| Err(format!("there is no {path}"));
    let mut lib = Library::new(&loader);
    let unit = lib.std(path).unwrap();
    let mut checker = Checker::new(lib);
    let items = checker.unit(unit);
    assert!(!checker.has_errors(), "{path}: {:?}", checker.all_diagnostics());
    let tree = items.iter().map(|item| print_item(&checker.hir, *item)).collect();
    Meaning { tree, all: print_hir(&checker.hir), program: lower(&checker.hir, &items).program }
}

#[test]
fn the_standard_library_is_verified_and_reads_back() {
    for (path, _) in samp_std::FILES {
        let Meaning { tree, all, program } = meaning(path);
        assert_eq!(verify(&program).map_err(|error| error.to_string()), Ok(()), "{path}:\n{}", print(&program));
        assert_eq!(parse(&print(&program)).as_ref(), Ok(&program), "{path}");
        assert!(all.contains(&tree), "{path}");
    }
}

#[test]
fn ddim() {
    let Meaning { tree, program, .. } = meaning("samplers/ddim.samp");
    insta::assert_snapshot!("ddim_tree", tree);
    insta::assert_snapshot!("ddim_program", print(&program));
}

#[test]
fn dpmpp_2m() {
    insta::assert_snapshot!("dpmpp_2m_program", print(&meaning("samplers/dpmpp_2m.samp").program));
}

/// Every operation and every member of items, as printed.
const ALL: &str = include_str!("programs/all.txt");

#[test]
fn the_text_is_the_program() {
    assert_eq!(print(&parse(ALL).unwrap()), ALL);
    assert_eq!(verify(&parse(ALL).unwrap()).map_err(|error| error.to_string()), Ok(()));
}

#[test]
fn blank_lines_and_comments_are_skipped() {
    let text = ALL.replace("  result", "\n  // what is left\n  result");
    assert_eq!(parse(&text), parse(ALL));
}

proptest! {
    #[test]
    fn any_text_is_an_answer(text in "\\PC*") {
        let _ = parse(&text);
    }

    #[test]
    fn damaged_texts_are_an_answer(
        at in 0..ALL.len(),
        cut in 0usize..12,
        insert in "[ 0-9vf={}()\\[\\]\":,a-z_\\-\n.\\\\]{0,8}",
    ) {
        let (kept, rest) = ALL.split_at(ALL.floor_char_boundary(at));
        let text = format!("{kept}{insert}{}", rest.chars().skip(cut).collect::<String>());
        if let Ok(program) = parse(&text) {
            let _ = verify(&program);
            let printed = print(&program);
            prop_assert_eq!(print(&parse(&printed).unwrap()), printed);
        }
    }

    #[test]
    fn lines_in_another_order_are_an_answer(from in 0..ALL.lines().count(), to in 0..ALL.lines().count()) {
        let mut lines: Vec<&str> = ALL.lines().collect();
        lines.swap(from, to);
        if let Ok(program) = parse(&lines.join("\n")) {
            let _ = verify(&program);
            prop_assert_eq!(parse(&print(&program)).unwrap(), program);
        }
    }
}

#[test]
fn deep_texts_are_an_answer() {
    let text = format!("fn f0 deep() {{\n{}", "if v0 {\n".repeat(100_000));
    assert_eq!(parse(&text).unwrap_err().to_string(), "line 257: expected at most 256 blocks in each other");
}

#[test]
fn errors_name_the_line() {
    let cases = [
        ("f0", "line 1: expected an id like `item0`, found `f0`"),
        ("fn f1 a() {}", "line 1: expected `f0`, found `f1`"),
        ("fn f0 a() {", "line 1: expected the end of the text"),
        ("fn f0 a() {\n}\nfn f1 b() {\n  v0: real const = real x\n}", "line 4: expected a number, found `x`"),
        ("fn f0 a() {\n  v0: number const = int 1\n}", "line 2: expected a shape, found `number`"),
        ("fn f0 a() {\n  v0: int const = mix 1\n}", "line 2: expected an operation, found `mix`"),
        ("fn f0 a(v0: int const, v0: int const) {}", "line 1: expected another value, found `v0` a second time"),
        ("fn f0 a(v1: int const) {}", "line 1: expected a function that defines `v0`, found `v1` next"),
        ("fn f0 a() {\n  emit \"a\n}", "line 2: expected a closing quote, found the end of the line"),
        ("fn f0 a() {\n  emit a%b\n}", "line 2: expected a word, found `%`"),
        ("item0 grid a() {\n  levels f0\n}", "line 2: expected `bind`, found `levels`"),
        ("item0 grid a() {\n  bind v0\n}", "line 2: expected an id like `f0`, found `v0`"),
    ];
    for (text, message) in cases {
        let found = parse(text).unwrap_err().to_string();
        assert!(found.starts_with(message.trim_end_matches("the end of the text")), "{message}\n{found}");
    }
}

/// One change of a program, and the invariant that it breaks.
const BROKEN: &[(u32, &str, &str)] = &[
    (1, "call f2 v9 v0", "call f99 v9 v0"),
    (1, "item item1 [given _]", "item item9 [given _]"),
    (1, "sub v9 v10", "sub v9 v999"),
    (1, "bind f0", "bind f99"),
    (2, "options(v0: real plan, v1: choice plan) {", "options(v0: real plan) (v1: choice plan) {"),
    (3, "sub v9 v10", "sub v9 v12"),
    (3, "sub v9 v10", "sub v9 v33"),
    (3, "    result v33", "    result v30"),
    (4, "sub v9 v10", "sub v9"),
    (4, "sub v9 v10", "sub v9 v10 v10"),
    (4, "require v14", "require v14 {}"),
    (4, "emit \"x y\" v5", "emit \"x y\""),
    (4, "v22: int step = var v7", "v22: int step = set v7 v7"),
    (4, "each v7 (v8: level plan) {", "each v7 (v8: level plan) {} {"),
    (5, "coordinate lambda v3", "coordinate lambda v0"),
    (5, "index v6 v7", "index v7 v6"),
    (5, "v11: real step = sub", "v11: level step = sub"),
    (5, "require v14", "require v9"),
    (5, "eq v27 v7", "eq v27 v3"),
    (5, "    result v2\n", "    result v1\n"),
    (6, "v11: real step = sub", "v11: real plan = sub"),
    (6, "v11: real step = sub", "v11: real elem = sub"),
    (6, "v5: x0 elem = predict", "v5: x0 step = predict"),
    (6, "v31: real step = collect", "v31: real plan = collect"),
    (6, "(v32: real step)", "(v32: real plan)"),
    (7, "set v22 v17", "set v17 v22"),
    (7, "get v22", "neg v22"),
    (8, "v40: bool const = bool true", "v40: bool const = bool false"),
    (8, "    result v33\n", ""),
    (9, "        yield v30\n      } {}\n    }\n  }", "      } {}\n    }\n  }\n  yield v25"),
    (9, "    v33: real step = builtin exp v32", "    v33: real step = builtin exp v32\n    return v2"),
    (10, "history 0\n", "history 7\n"),
    (10, "set_state 0", "set_state 7"),
    (11, "call f2 v9 v0", "call f2 v9"),
    (11, "closure f2 v16", "closure f2 v3"),
    (11, "item item1 [given _]", "item item1 [given]"),
    (12, "run f1\n", "run f2\n"),
    (12, "history d x0 f4", "history d x0 f5"),
    (12, "slot steps", "slot start"),
];

#[test]
fn the_verifier_sees_each_broken_invariant() {
    for (invariant, from, to) in BROKEN {
        assert!(ALL.contains(from), "{from}");
        let program = parse(&ALL.replacen(from, to, 1)).unwrap();
        let error = verify(&program).unwrap_err();
        assert_eq!(error.invariant, *invariant, "`{from}` as `{to}`: {error}");
    }
}

#[test]
fn errors_name_the_function_and_the_value() {
    let error = verify(&parse(&ALL.replace("sub v9 v10", "sub v9 v12")).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "invariant 3, in `f1` at `v11`: `v12` is used where it is not defined");
}

/// Every block of a function, outermost first, as the places of its instructions.
fn definitions(block: &Block, at: &mut Vec<Vec<(usize, usize)>>, path: &[(usize, usize)]) {
    for (index, inst) in block.insts.iter().enumerate() {
        if inst.out.is_some() {
            at.push([path, &[(index, 0)]].concat());
        }
        for (nested, block) in inst.blocks.iter().enumerate() {
            definitions(block, at, &[path, &[(index, nested)]].concat());
        }
    }
}

/// The block that the last step of a path stands in.
fn block_at<'b>(block: &'b mut Block, path: &[(usize, usize)]) -> &'b mut Block {
    path[..path.len() - 1].iter().fold(block, |block, (index, nested)| &mut block.insts[*index].blocks[*nested])
}

/// Damages every definition of a program in turn; the verifier must see it each time.
fn damage_each(program: &Program, damage: impl Fn(&mut Block, usize)) {
    let funcs: Vec<Func> = program.funcs.keys().collect();
    for func in funcs {
        let mut paths = Vec::new();
        definitions(&program.funcs[func].body, &mut paths, &[]);
        for path in paths {
            let mut broken = program.clone();
            let block = block_at(&mut broken.funcs[func].body, &path);
            damage(block, path[path.len() - 1].0);
            assert!(verify(&broken).is_err(), "{func} {path:?}:\n{}", print(&broken));
        }
    }
}

#[test]
fn a_definition_that_is_missing_is_seen() {
    for path in ["samplers/unipc.samp", "schedules/cosine_table.samp", "guidance/cfg.samp"] {
        damage_each(&meaning(path).program, |block, index| drop(block.insts.remove(index)));
    }
}

#[test]
fn a_definition_that_comes_twice_is_seen() {
    let program = meaning("samplers/unipc.samp").program;
    damage_each(&program, |block, index| block.insts.push(block.insts[index].clone()));
}
