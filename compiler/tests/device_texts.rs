//! The texts of the library's kernels for devices: the same in every build, and under our own names.

#![cfg(feature = "wgpu")]
#![expect(clippy::unwrap_used, reason = "tests fail by panic")]

use std::collections::BTreeMap;
use std::fmt::Write;

use samp_compiler::backend::cube::layout::{Extent, Layout, Room, Storage, StoreLayout, Width};
use samp_compiler::backend::cube::{CubeKernel, of_plan};
use samp_compiler::compile::{Request, compile};
use samp_compiler::hir::Slot;
use samp_compiler::ir::kernel_text::parse_kernel;
use samp_compiler::library::std_planned_samplers;
use samp_compiler::machine::RunConfig;

const EXTENT: Extent = Extent { samples: 1, elements: 4 * 64 * 64, room: Room::Aligned };

fn kernels(sampler: &str, network: Storage) -> Vec<CubeKernel> {
    let slots = [
        (Slot::Schedule, "scaled_linear"),
        (Slot::Grid, "karras"),
        (Slot::Model, "eps"),
        (Slot::Sampler, sampler),
        (Slot::Steps, "4"),
        (Slot::Guidance, "cfg(scale = 3)"),
    ];
    let slots = slots.iter().map(|(slot, value)| (*slot, (*value).to_owned())).collect();
    let loader = |_: &str| Err("there is no file".to_owned());
    let compiled = compile(&Request { pipeline: None, slots, sets: Vec::new() }, &loader);
    let compiled = compiled.unwrap_or_else(|failure| panic!("{sampler}: {failure}"));
    let plan = compiled.plan(&RunConfig::default()).unwrap_or_else(|failure| panic!("{sampler}: {failure}")).plan;
    of_plan(&plan, network, EXTENT).unwrap()
}

/// An Euler step in each width: the whole text, to be read.
#[test]
fn texts_to_read() {
    let kernel = parse_kernel(
        "kernel readable (loads 2, scalars 2, noises 0) {
  v0 = load 0
  v1 = scalar 0
  v2 = mul v1 v0
  v3 = scalar 1
  v4 = load 1
  v5 = fma v3 v4 v2
  store 0 v5
  store 1 v5
}",
    )
    .unwrap();
    let mut layout = Layout::uniform(&kernel, Storage::F32);
    layout.stores[0] = StoreLayout::InPlace(0);
    let wide = CubeKernel::new(&kernel, layout.clone().fitted(EXTENT)).unwrap();
    insta::assert_snapshot!("readable_f32_cuda", wide.cuda().unwrap().source);
    insta::assert_snapshot!("readable_f32_wgsl", wide.wgsl().unwrap());
    // MSL's parameters come in an order of the moment.
    assert!(wide.msl().unwrap().contains(&format!("void {}(", wide.name())));
    layout.loads[1] = Storage::F16;
    layout.stores[1] = StoreLayout::Own(Storage::Bf16);
    let mixed = CubeKernel::new(&kernel, layout.clone().fitted(EXTENT)).unwrap();
    assert_eq!(mixed.layout().width, Width::Eight);
    insta::assert_snapshot!("readable_mixed_cuda", mixed.cuda().unwrap().source);
    let single = CubeKernel::new(&kernel, layout.fitted(Extent { elements: 7, ..EXTENT })).unwrap();
    assert_eq!(single.layout().width, Width::One);
    insta::assert_snapshot!("readable_single_cuda", single.cuda().unwrap().source);
}

/// A kernel that reads a cell and reduces, and what finishes its reductions.
#[test]
fn reductions_to_read() {
    let kernel = parse_kernel(
        "kernel measuring (loads 1, scalars 0, noises 0, cells 1) {
  v0 = load 0
  v1 = cell 0
  v2 = sub v0 v1
  v3 = mul v2 v2
  reduce 0 mean v3
  reduce 1 max v2
  reduce 2 quantile 0.5 v2
}",
    )
    .unwrap();
    let kernel = CubeKernel::new(&kernel, Layout::uniform(&kernel, Storage::F32).fitted(EXTENT)).unwrap();
    let finish = kernel.finish().unwrap();
    insta::assert_snapshot!("measuring_cuda", kernel.cuda().unwrap().source);
    insta::assert_snapshot!("measuring_finish_cuda", finish.cuda().unwrap().source);
    insta::assert_snapshot!("measuring_finish_wgsl", finish.wgsl().unwrap());
    for _ in 0..8 {
        assert_eq!(kernel.cuda(), kernel.cuda(), "the same whenever it is made");
        assert_eq!(finish.cuda(), finish.cuda(), "the same whenever it is made");
        assert_eq!(finish.wgsl(), finish.wgsl(), "the same whenever it is made");
    }
    // Sums and keys of 256 threads; counts, keys twice, and what was found.
    assert_eq!(kernel.cuda().unwrap().shared_bytes, 2 * 1024);
    assert!(finish.cuda().unwrap().shared_bytes >= 3 * 1024);
    // Valid, and a module of SPIR-V.
    for words in [kernel.spirv().unwrap(), finish.spirv().unwrap()] {
        assert_eq!(words[0], 0x0723_0203);
    }
    assert!(finish.msl().unwrap().contains(&format!("void {}(", finish.name())));
}

/// Names and digests of the texts of a few samplers: what changes one of them shows here.
#[test]
fn texts_of_samplers() {
    let mut rows = BTreeMap::new();
    for sampler in ["ancestral", "dpmpp_2m", "dpmpp_2m_sde", "euler", "heun"] {
        for network in Storage::ALL {
            for kernel in kernels(sampler, network) {
                let (cuda, wgsl) = (kernel.cuda().unwrap().source, kernel.wgsl().unwrap());
                let row = format!("cuda {:016x} wgsl {:016x}", digest(&cuda), digest(&wgsl));
                rows.insert(kernel.name().to_owned(), row);
            }
        }
    }
    let mut table = String::new();
    for (name, row) in &rows {
        writeln!(table, "{name} {row}").unwrap();
    }
    insta::assert_snapshot!("samplers", table);
}

/// Under its own name, and the same whenever it is made: a name is a key of caches.
#[test]
fn names_and_texts_of_the_library_are_one_to_one() {
    let mut known = BTreeMap::new();
    for sampler in std_planned_samplers() {
        for network in Storage::ALL {
            for kernel in kernels(sampler, network) {
                let (cuda, wgsl) = (kernel.cuda().unwrap().source, kernel.wgsl().unwrap());
                assert!(cuda.contains(&format!(" {}(", kernel.name())), "{cuda}");
                assert!(wgsl.contains(&format!("fn {}(", kernel.name())), "{wgsl}");
                let texts = (cuda, wgsl);
                let before = known.insert(kernel.name().to_owned(), texts.clone());
                assert!(before.is_none_or(|before| before == texts), "{} has two texts", kernel.name());
            }
        }
    }
}

/// Noise, polynomials and 16-bit numbers need no header.
#[test]
fn cuda_texts_include_nothing() {
    for network in Storage::ALL {
        for kernel in kernels("dpmpp_2m_sde", network) {
            assert!(!kernel.cuda().unwrap().source.contains("#include"));
        }
    }
}

/// FNV-1a.
fn digest(text: &str) -> u64 {
    let mix = |digest: u64, byte: u8| (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, mix)
}
