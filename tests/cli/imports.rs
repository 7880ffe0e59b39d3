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
