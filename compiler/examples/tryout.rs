use samp_compiler::compile::*;
use samp_compiler::hir::Coordinate;
use samp_compiler::hir::Slot;
use samp_compiler::machine::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let req = Request {
        pipeline: None,
        slots: vec![
            (Slot::Schedule, a[2].clone()),
            (Slot::Grid, a[3].clone()),
            (Slot::Model, a[4].clone()),
            (Slot::Sampler, a[1].clone()),
            (Slot::Steps, a[5].clone()),
        ],
        sets: vec![],
    };
    let t = std::time::Instant::now();
    let loader = |p: &str| std::fs::read_to_string(p).map_err(|e| e.to_string());
    match compile(&req, &loader) {
        Err(f) => print!("{}", samp_lang::diag::render::human(&f.diagnostics, &f.sources, false)),
        Ok(c) => {
            let t1 = t.elapsed();
            print!("{}", samp_lang::diag::render::human(&c.warnings, &c.sources, false));
            match c.plan(&RunConfig::default()) {
                Err(f) => print!("{}", samp_lang::diag::render::human(&f.diagnostics, &f.sources, false)),
                Ok(p) => {
                    let t2 = t.elapsed();
                    println!(
                        "{:?} {:?} {:?} slots {} kernels {}",
                        t1,
                        t2,
                        p.plan.cost,
                        p.plan.n_slots,
                        p.plan.kernels.len()
                    );
                    if a.len() > 6 {
                        for k in p.plan.kernels.values() {
                            println!("{k}");
                        }
                        for o in &p.plan.ops {
                            println!("{o:?}");
                        }
                    }
                }
            }
        }
    }
    let _ = Coordinate::Rho;
}
