//! The shipped digits network: agreement with its PyTorch original, rows that do not depend on
//! their batch or on threads, and the errors for bad weights and bad inputs.
//!
//! `fixtures/digits_reference.safetensors` is the original's output, from
//! `training/digits.py --out runtime/weights/digits.safetensors --reference FILE`.

use std::collections::HashMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use candle_core::{DType, Device, Tensor, safetensors};
use samp_runtime::models::digits::{CLASSES, DigitsNet, NO_CLASS, SHAPE};

type Outcome = Result<(), Box<dyn Error>>;

/// Names the file that this test binary, started again with other threads, writes its bits to.
const BITS_FILE: &str = "DIGITS_NET_BITS_FILE";

#[test]
fn agrees_with_the_pytorch_original() -> Outcome {
    let reference = safetensors::load(crate_file("tests/fixtures/digits_reference.safetensors"), &Device::Cpu)?;
    let times = reference["time"].to_vec1::<f64>()?;
    let classes = reference["class"].to_vec1::<i64>()?;
    let net = DigitsNet::shipped()?;
    for (case, (&time, &class)) in times.iter().zip(&classes).enumerate() {
        let velocity = net.forward(&reference["x"], time, &[u32::try_from(class)?])?;
        let expected = reference["velocity"].narrow(0, case, 1)?;
        let difference = largest(&(velocity - expected)?)?;
        // f32 sums of up to 1,152 products in another order, 17 convolutions deep, on values near 1.
        assert!(difference < 1e-4, "time {time}, class {class}: differs by {difference:e}");
    }
    Ok(())
}

#[test]
fn classes_change_the_result() -> Outcome {
    let net = DigitsNet::shipped()?;
    let x = pictures(1)?;
    let none = net.forward(&x, 0.7, &[NO_CLASS])?;
    for class in 0..CLASSES {
        let difference = largest(&(net.forward(&x, 0.7, &[class])? - &none)?)?;
        assert!(difference > 1e-2, "class {class} reads as no class");
    }
    Ok(())
}

#[test]
fn rows_do_not_depend_on_batch_or_threads() -> Outcome {
    let bits = bits_of_every_batching()?;
    if let Some(file) = std::env::var_os(BITS_FILE) {
        return Ok(std::fs::write(file, bits)?);
    }
    for threads in ["1", "2", "3", "8"] {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("digits-net-{threads}.bits"));
        let run = Command::new(std::env::current_exe()?)
            .args(["--exact", "rows_do_not_depend_on_batch_or_threads"])
            .env("RAYON_NUM_THREADS", threads)
            .env(BITS_FILE, &file)
            .output()?;
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stdout));
        assert!(std::fs::read(&file)? == bits, "{threads} threads change the result");
    }
    Ok(())
}

#[test]
fn accepts_strided_samples_and_empty_batches() -> Outcome {
    let net = DigitsNet::shipped()?;
    let x = pictures(2)?;
    let strided = x.t()?.contiguous()?.t()?;
    assert_eq!(bits(&net.forward(&strided, 0.5, &[1, 2])?)?, bits(&net.forward(&x, 0.5, &[1, 2])?)?);
    assert_eq!(net.forward(&x.narrow(0, 0, 0)?, 0.5, &[])?.dims(), [0, 1, 28, 28]);
    Ok(())
}

#[test]
fn can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<DigitsNet>();
}

#[test]
fn bad_inputs_are_named() -> Outcome {
    let net = DigitsNet::shipped()?;
    let x = pictures(2)?;
    let message = |x: &Tensor, time, classes: &[u32]| failure(net.forward(x, time, classes));
    let cases = [
        (message(&x.reshape((2, 784))?, 0.5, &[0, 0]), "[rows, 1, 28, 28], found [2, 784]"),
        (message(&x.to_dtype(DType::F64)?, 0.5, &[0, 0]), "takes f32 samples, found f64"),
        (message(&x, 1.5, &[0, 0]), "between 0 and 1, found 1.5"),
        (message(&x, f64::NAN, &[0, 0]), "between 0 and 1, found NaN"),
        (message(&x, 0.5, &[0]), "found 1 for 2 rows"),
        (message(&x, 0.5, &[0, 11]), "or 10 for none, found 11"),
    ];
    for (found, expected) in cases {
        assert!(found.contains(expected), "expected `{expected}` in `{found}`");
    }
    Ok(())
}

#[test]
fn bad_weights_are_named() -> Outcome {
    let shipped = std::fs::read(crate_file("weights/digits.safetensors"))?;
    let tensors = safetensors::load_buffer(&shipped, &Device::Cpu)?;
    let name = "d0.c1.weight".to_owned();

    let mut missing = tensors.clone();
    missing.remove(&name);
    let mut misshapen = tensors.clone();
    misshapen.insert(name.clone(), Tensor::zeros((32, 16, 3, 3), DType::F16, &Device::Cpu)?);
    let mut whole_numbers = tensors.clone();
    whole_numbers.insert(name, Tensor::zeros((32, 32, 3, 3), DType::U32, &Device::Cpu)?);

    let cases = [
        (file_of(&missing)?, "digits weights: tensor `d0.c1.weight` is missing, expected one of shape [32, 32, 3, 3]"),
        (file_of(&misshapen)?, "tensor `d0.c1.weight` has shape [32, 16, 3, 3], expected [32, 32, 3, 3]"),
        (file_of(&whole_numbers)?, "tensor `d0.c1.weight` holds u32, expected f16 or f32"),
        (shipped[..shipped.len() / 2].to_vec(), "expected a complete safetensors file, found 798229 bytes"),
        (shipped[..100].to_vec(), "expected a complete safetensors file, found 100 bytes"),
        (Vec::new(), "expected a complete safetensors file, found 0 bytes"),
    ];
    for (bytes, expected) in cases {
        let found = failure(DigitsNet::from_bytes(&bytes));
        assert!(found.contains(expected), "expected `{expected}` in `{found}`");
    }
    Ok(())
}

#[test]
fn bad_files_are_named() -> Outcome {
    let absent = failure(DigitsNet::from_file(Path::new("no/such.safetensors")));
    assert!(absent.starts_with("no/such.safetensors: cannot read the weights: "), "{absent}");

    let text = crate_file("Cargo.toml");
    let found = failure(DigitsNet::from_file(&text));
    assert!(found.starts_with(&format!("{}: expected a complete safetensors", text.display())), "{found}");

    DigitsNet::from_file(&crate_file("weights/digits.safetensors"))?;
    Ok(())
}

/// The bits of 20 rows, after checking that batches of 1, 5 and 20 rows agree on them, in any order.
fn bits_of_every_batching() -> Result<Vec<u8>, Box<dyn Error>> {
    const N_ROWS: usize = 20;
    let net = DigitsNet::shipped()?;
    let x = pictures(N_ROWS)?;
    let classes: Vec<u32> = (0..N_ROWS as u32).map(|row| row % (CLASSES + 1)).collect();
    let whole = bits(&net.forward(&x, 0.6, &classes)?)?;
    for size in [1, 5] {
        let parts = (0..N_ROWS)
            .step_by(size)
            .map(|first| {
                let part = net.forward(&x.narrow(0, first, size)?, 0.6, &classes[first..first + size])?;
                bits(&part)
            })
            .collect::<Result<Vec<_>, _>>()?;
        assert!(parts.concat() == whole, "batches of {size} change the result");
    }
    let backwards: Vec<u32> = (0..N_ROWS as u32).rev().collect();
    let backwards = Tensor::new(backwards, &Device::Cpu)?;
    let turned_classes: Vec<u32> = classes.iter().rev().copied().collect();
    let turned = net.forward(&x.index_select(&backwards, 0)?, 0.6, &turned_classes)?;
    assert!(bits(&turned.index_select(&backwards, 0)?)? == whole, "a row's place changes its result");
    Ok(whole)
}

/// `n_rows` different pictures without a generator: sines of growing pitch, within [-2, 2].
fn pictures(n_rows: usize) -> candle_core::Result<Tensor> {
    let n_pixels = n_rows * SHAPE.iter().product::<usize>();
    let pixel = Tensor::arange(0f32, n_pixels as f32, &Device::Cpu)?;
    let x = ((&pixel * 0.37)?.sin()? + (pixel.sqr()? * 0.0011)?.sin()?)?;
    x.reshape((n_rows, SHAPE[0], SHAPE[1], SHAPE[2]))
}

fn bits(x: &Tensor) -> candle_core::Result<Vec<u8>> {
    Ok(x.flatten_all()?.to_vec1::<f32>()?.into_iter().flat_map(f32::to_le_bytes).collect())
}

fn largest(x: &Tensor) -> candle_core::Result<f32> {
    x.abs()?.max_all()?.to_scalar()
}

fn failure<T>(result: candle_core::Result<T>) -> String {
    result.err().map_or("no error".to_owned(), |error| error.to_string())
}

fn file_of(tensors: &HashMap<String, Tensor>) -> Result<Vec<u8>, Box<dyn Error>> {
    Ok(::safetensors::serialize(tensors, None)?)
}

fn crate_file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
