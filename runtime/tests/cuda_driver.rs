//! What the CUDA device asks of its driver, and what it makes of a driver that refuses: on the stand-in driver of
//! `benches/gpu/driver`, which counts, refuses where it is told to, and looks at every access. A real one does not.

#![cfg(feature = "cuda")]
#![expect(clippy::unwrap_used, reason = "tests fail by panic")]

mod common;
#[path = "common/driver.rs"]
mod driver;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use candle_core::cuda_backend::cudarc::driver::{LaunchConfig, PushKernelArg};
use candle_core::{DType, Device, Tensor};
use common::{numbers, pipeline};
use samp_compiler::ir::plan::PlanOp;
use samp_runtime::device::cuda::compile_for;
use samp_runtime::{Call, Compiled, Error, RunOptions, Start, Stored};

const WAITS: &[&str] =
    &["cuStreamSynchronize", "cuCtxSynchronize", "cuEventSynchronize", "cuMemFree_v2", "cuMemAlloc_v2"];
const HOST_COPIES: &[&str] = &["cuMemcpyDtoH_v2", "cuMemcpyDtoHAsync_v2", "cuMemcpyHtoD_v2", "cuMemcpyHtoDAsync_v2"];
const DEVICE_COPIES: &[&str] = &["cuMemcpyDtoD_v2", "cuMemcpyDtoDAsync_v2", "cuMemsetD8Async"];

static CUDA: LazyLock<Device> = LazyLock::new(|| Device::new_cuda(0).expect("the stand-in driver"));

/// Whether the driver is the stand-in; what is here would harm a real device, or needs what none tells.
fn stands_in() -> bool {
    LazyLock::force(&CUDA);
    driver::stands_in()
}

/// A run around a network that costs nothing and uses no kernel of candle's; nothing is asked after `start`.
fn start<'p>(
    compiled: &'p Compiled,
    shape: (usize, usize),
) -> Result<samp_runtime::Run<'p, impl FnMut(&Tensor, &Call) -> candle_core::Result<Tensor> + use<'p>>, Error> {
    let dtype = if compiled.network_dtype() == Stored::Bf16 { DType::BF16 } else { DType::F32 };
    let answers = [1, 2].map(|branches| {
        let values: Vec<f32> = (0..branches * shape.0 * shape.1).map(|i| (i as f32 * 0.3).sin()).collect();
        let values = Tensor::from_vec(values, (branches * shape.0, shape.1), &Device::Cpu)?;
        values.to_dtype(dtype)?.to_device(&CUDA)
    });
    let answers = answers.into_iter().collect::<candle_core::Result<Vec<_>>>()?;
    let x = Start::noise(&Device::Cpu, shape, 3)?.first(10.0)?.to_device(&CUDA)?;
    compiled.start(
        Start::sample(x, 3),
        move |_: &Tensor, call: &Call| Ok(answers[call.branches().len() - 1].clone()),
        RunOptions::default(),
    )
}

/// How often the driver is asked for launches, waits, copies and memory in `run`.
fn asked(run: impl FnOnce()) -> [u64; 5] {
    let count = || [&["cuLaunchKernel"], WAITS, HOST_COPIES, DEVICE_COPIES, &["cuMemAllocAsync"]].map(driver::calls);
    let before = count();
    run();
    let after = count();
    std::array::from_fn(|k| after[k] - before[k])
}

/// One launch for each call of the model and one more, and a second, small one where numbers are reduced; nothing is
/// waited for or copied to or from the host. What comes out is a copy.
#[test]
fn twenty_steps_are_launches_alone() {
    if !stands_in() {
        return;
    }
    for (sampler, guidance) in [
        ("euler", "plain"),
        ("heun", "plain"),
        ("dpmpp_2m", "plain"),
        ("dpmpp_2m", "cfg(scale = 3)"),
        ("dpmpp_2m_sde", "cfg(scale = 3)"),
        ("dpmpp_2m", "cfg_rescale"),
        ("dpmpp_2m", "dynamic_threshold"),
    ] {
        for (stored, elements) in [(Stored::F32, 1 << 10), (Stored::Bf16, 1 << 10), (Stored::F32, 1001)] {
            let compiled = pipeline(sampler, guidance).steps(20).network_dtype(stored).compile().unwrap();
            start(&compiled, (2, elements)).unwrap().finish().unwrap();
            let run = start(&compiled, (2, elements)).unwrap();
            let [launches, waits, host_copies, device_copies, allocations] = asked(|| drop(run.finish().unwrap()));
            let reducing =
                compiled.plan().ops.iter().filter(|op| matches!(op, PlanOp::Launch(op) if !op.reduces.is_empty()));
            let reducing = reducing.count() as u64;
            let what = format!("{sampler}, {guidance}, {stored}, {elements}");
            assert_eq!(launches, compiled.cost().launches as u64 + reducing, "{what}");
            assert_eq!((waits, host_copies, device_copies), (0, 0, 1), "{what}");
            // Partial results, elements for quantiles, cells.
            assert!(
                allocations > reducing && allocations <= 1 + 3 * reducing || reducing == 0 && allocations == 1,
                "{what}"
            );
        }
    }
}

/// Every launch and every allocation of a run may be refused, whichever it is.
#[test]
fn refused_launches_and_memory_are_errors() {
    if !stands_in() {
        return;
    }
    for guidance in ["cfg(scale = 3)", "cfg_rescale"] {
        let compiled = pipeline("dpmpp_2m_sde", guidance).compile().unwrap();
        let outcome = || {
            start(&compiled, (2, 65)).and_then(|run| run.finish()).map(|x| numbers(&x.to_device(&Device::Cpu).unwrap()))
        };
        let expected = outcome().unwrap();
        for (name, error, text) in
            [("cuLaunchKernel", 719, "CUDA_ERROR_LAUNCH_FAILED"), ("cuMemAllocAsync", 2, "CUDA_ERROR_OUT_OF_MEMORY")]
        {
            let before = driver::calls(&[name]);
            outcome().unwrap();
            let n = driver::calls(&[name]) - before;
            assert!(n > 5, "{name}");
            for k in 1..=n {
                driver::fail(name, k, error);
                let refused = outcome().unwrap_err().to_string();
                assert!(refused.contains(text), "{name} {k}: {refused}");
            }
            assert_eq!(outcome().unwrap(), expected, "a run after refused ones");
        }
    }
}

#[test]
fn a_device_that_is_not_there_is_an_error() {
    if !stands_in() {
        return;
    }
    driver::fail("cuInit", 1, 101);
    let refused = Device::new_cuda(0).unwrap_err().to_string();
    assert!(refused.contains("CUDA_ERROR_INVALID_DEVICE"), "{refused}");
}

#[test]
fn more_memory_than_there_is_is_an_error() {
    if !stands_in() {
        return;
    }
    let refused = Tensor::zeros((64, 1 << 30), DType::F32, &CUDA).unwrap_err().to_string();
    assert!(refused.contains("CUDA_ERROR_OUT_OF_MEMORY"), "{refused}");
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("samp-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        Folder(folder)
    }

    fn files(&self) -> Vec<PathBuf> {
        std::fs::read_dir(&self.0).unwrap().map(|file| file.unwrap().path()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A run in a process of its own, with this cache, in which the driver refuses a call: `name n error`.
fn elsewhere(cache: &Path, refuse: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "a_run_elsewhere", "--ignored", "--nocapture"]);
    command.env("SAMP_CACHE", cache).env("SAMP_TEST_REFUSE", refuse);
    command
}

/// How often it asked NVRTC, and its sample or error.
fn told(output: &Output) -> (u64, String) {
    let text = String::from_utf8_lossy(&output.stdout);
    let line = |start: &str| text.lines().find_map(|line| line.split_once(start)).map(|(_, rest)| rest.to_owned());
    let compiled = line("compiled: ").unwrap_or_else(|| panic!("{text}\n{}", String::from_utf8_lossy(&output.stderr)));
    (compiled.parse().unwrap(), line("outcome: ").unwrap())
}

#[test]
#[ignore = "other tests run it"]
fn a_run_elsewhere() {
    LazyLock::force(&CUDA);
    let refuse = std::env::var("SAMP_TEST_REFUSE").unwrap();
    if let [name, n, error] = refuse.split(' ').collect::<Vec<_>>()[..] {
        driver::fail(name, n.parse().unwrap(), error.parse().unwrap());
    }
    let compiled = pipeline("dpmpp_2m_sde", "cfg_rescale").compile().unwrap();
    let outcome = start(&compiled, (2, 64)).and_then(|run| run.finish());
    println!("compiled: {}", driver::calls(&["nvrtcCompileProgram"]));
    match outcome {
        Ok(x) => println!("outcome: {:?}", numbers(&x.to_device(&Device::Cpu).unwrap())),
        Err(error) => println!("outcome: error: {}", error.to_string().replace('\n', " | ")),
    }
}

#[test]
fn code_is_kept_from_run_to_run() {
    if !stands_in() {
        return;
    }
    let folder = Folder::new("kept");
    let run = |refuse: &str| told(&elsewhere(&folder.0, refuse).output().unwrap());
    let (compiled, sample) = run("");
    assert!(compiled > 3 && sample.starts_with('['), "{compiled}: {sample}");
    let files = folder.files();
    assert_eq!(files.len() as u64, compiled);
    assert_eq!(run(""), (0, sample.clone()), "all of it is kept");

    // What is cut short or changed is made again, and nothing else is.
    let whole = std::fs::read(&files[0]).unwrap();
    std::fs::write(&files[0], &whole[..whole.len() / 2]).unwrap();
    assert_eq!(run(""), (1, sample.clone()));
    assert_eq!(std::fs::read(&files[0]).unwrap(), whole);
    std::fs::write(&files[1], "something else").unwrap();
    std::fs::remove_file(&files[2]).unwrap();
    assert_eq!(run(""), (2, sample.clone()));
    // So is what the driver refuses.
    assert_eq!(run("cuModuleLoadData 1 218"), (1, sample.clone()));
    assert_eq!(run(""), (0, sample.clone()));

    // Without a place to keep it, all is compiled, and what two kernels share is compiled for each.
    let (unkept, again) = told(&elsewhere(Path::new(""), "").output().unwrap());
    assert!(unkept >= compiled && again == sample, "{unkept}: {again}");
}

#[test]
fn writers_at_once_leave_whole_files() {
    if !stands_in() {
        return;
    }
    let folder = Folder::new("writers");
    let runs: Vec<_> = (0..4)
        .map(|_| {
            elsewhere(&folder.0, "")
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let samples: Vec<String> = runs.into_iter().map(|run| told(&run.wait_with_output().unwrap()).1).collect();
    assert!(samples[0].starts_with('[') && samples.iter().all(|sample| *sample == samples[0]), "{samples:?}");
    assert!(folder.files().iter().all(|file| file.extension().is_some_and(|end| end == "ptx")), "{:?}", folder.files());
    assert_eq!(told(&elsewhere(&folder.0, "").output().unwrap()), (0, samples[0].clone()));
}

/// Whatever fails while code is made is told by its name.
#[test]
fn code_that_is_refused_is_an_error() {
    if !stands_in() {
        return;
    }
    let folder = Folder::new("refused");
    for (refuse, text) in [
        ("nvrtcCreateProgram 1 1", "NVRTC_ERROR_OUT_OF_MEMORY"),
        ("nvrtcCompileProgram 1 6", "NVRTC refuses a kernel (NvrtcError(NVRTC_ERROR_COMPILATION))"),
        ("nvrtcCompileProgram 2 5", "NVRTC_ERROR_INVALID_OPTION"),
        ("nvrtcGetPTXSize 1 4", "NVRTC_ERROR_INVALID_PROGRAM"),
        ("nvrtcGetPTX 1 4", "NVRTC_ERROR_INVALID_PROGRAM"),
        ("cuModuleLoadData 1 218", "CUDA_ERROR_INVALID_PTX"),
        ("cuModuleGetFunction 1 500", "CUDA_ERROR_NOT_FOUND"),
        ("cuDeviceGetAttribute 1 101", "CUDA_ERROR_INVALID_DEVICE"),
    ] {
        let _ = std::fs::remove_dir_all(&folder.0);
        let (_, outcome) = told(&elsewhere(&folder.0, refuse).output().unwrap());
        assert!(outcome.starts_with("error: ") && outcome.contains(text), "{refuse}: {outcome}");
    }
    let refused = compile_for("extern \"C\" __global__ void broken(float *x) { x[0] = y; }", (9, 0)).unwrap_err();
    assert!(refused.to_string().contains("NVRTC refuses a kernel") && refused.to_string().contains("‘y’"), "{refused}");
}

/// The stand-in itself: kernels with a mistake each, and what it says of them. A block of 8 threads works on 8 numbers in
/// and 8 out, with 8 numbers of shared memory.
#[test]
fn the_driver_sees_mistakes() {
    if !stands_in() {
        return;
    }
    let run = |name: &str, body: &str| {
        let text = format!(
            "struct alignas(16) float_4 {{ float i_0; float i_1; float i_2; float i_3; }};
             extern \"C\" __global__ void {name}(float const* in, float* out) {{
             extern __shared__ __align__(4) char bytes[];
             float* shared = reinterpret_cast<float*>(bytes); int i = threadIdx.x; {body} }}"
        );
        let device = CUDA.as_cuda_device().unwrap();
        let function = device.get_or_load_custom_func(name, name, &compile_for(&text, (9, 0)).unwrap()).unwrap();
        let input = device.clone_htod(&[1f32, 2., 3., 4., 5., 6., 7., 8.]).unwrap();
        let output = device.clone_htod(&[0f32; 8]).unwrap();
        let config = LaunchConfig { grid_dim: (1, 1, 1), block_dim: (8, 1, 1), shared_mem_bytes: 32 };
        let mut builder = function.builder();
        builder.arg(&input).arg(&output);
        // SAFETY: the driver looks at every access.
        let launched = unsafe { builder.launch(config) }.map(drop).map_err(|error| error.to_string());
        (launched, driver::fault(), device.clone_dtoh(&output).unwrap())
    };
    let turned = [8f32, 7., 6., 5., 4., 3., 2., 1.];
    let (launched, fault, numbers) = run("right", "shared[i] = in[i]; __syncthreads(); out[i] = shared[7 - i];");
    assert_eq!((launched, fault.as_str(), &numbers[..]), (Ok(()), "", &turned[..]));
    let (launched, _, numbers) = run("unsynchronised", "shared[i] = in[i]; out[i] = shared[7 - i];");
    assert!(launched.is_ok() && numbers != turned, "a barrier that is missed shows");
    let (launched, _, numbers) = run("uninitialised", "out[i] = shared[i];");
    assert!(launched.is_ok() && numbers.iter().all(|x| x.is_nan()));
    for (name, body, error, text) in [
        ("past_the_end", "out[i] = in[i + 1];", "ILLEGAL_ADDRESS", "reads 4 bytes at byte 32 of"),
        ("before_the_start", "out[i - 1] = in[i];", "ILLEGAL_ADDRESS", "writes 4 bytes"),
        ("far_away", "out[i] = in[i + (1 << 20)];", "ILLEGAL_ADDRESS", "reads 4 bytes"),
        ("half_inside", "out[i] = reinterpret_cast<float_4 const*>(in)[i].i_3;", "ILLEGAL_ADDRESS", "at byte 44"),
        ("askew", "*reinterpret_cast<float_4*>(out + 1) = {1, 2, 3, 4};", "MISALIGNED_ADDRESS", "vector"),
        ("too_little_shared", "shared[i + 1] = 0;", "ILLEGAL_ADDRESS", "shared memory of 32 bytes"),
        ("nowhere", "*reinterpret_cast<float*>(i) = 0;", "ILLEGAL_ADDRESS", "writes 4 bytes"),
        ("alone", "if (i > 2) __syncthreads(); out[i] = in[i];", "LAUNCH_FAILED", "5 threads of block 0 wait for 3"),
    ] {
        let (launched, fault, _) = run(name, body);
        let launched = launched.expect_err(name);
        assert!(launched.contains(error) && fault.contains(text), "{name}: {launched}, {fault}");
    }
    let (launched, fault, _) = run("right", "");
    assert_eq!((launched, fault.as_str()), (Ok(()), ""), "a launch after those");
}

/// Parameters that no kernel may have, before it runs.
#[test]
fn the_driver_sees_addresses_of_what_is_gone() {
    if !stands_in() {
        return;
    }
    let text = "extern \"C\" __global__ void fill(float* out) { out[threadIdx.x] = 1; }";
    let device = CUDA.as_cuda_device().unwrap();
    let function = device.get_or_load_custom_func("fill", "fill", &compile_for(text, (9, 0)).unwrap()).unwrap();
    let launch = |address: u64, threads: u32, shared_mem_bytes: u32| {
        let config = LaunchConfig { grid_dim: (1, 1, 1), block_dim: (threads, 1, 1), shared_mem_bytes };
        let mut builder = function.builder();
        builder.arg(&address);
        // SAFETY: the driver looks at every access.
        unsafe { builder.launch(config) }.map(drop).map_err(|error| error.to_string())
    };
    let tensor = Tensor::zeros(8, DType::F32, &CUDA).unwrap();
    let address = {
        let (storage, _) = tensor.storage_and_layout();
        let candle_core::Storage::Cuda(storage) = &*storage else { panic!("a storage on the device") };
        let stream = device.cuda_stream();
        candle_core::cuda_backend::cudarc::driver::DevicePtr::device_ptr(
            storage.as_cuda_slice::<f32>().unwrap(),
            &stream,
        )
        .0
    };
    assert_eq!(launch(address, 8, 0), Ok(()));
    assert!(launch(address, 8, 1 << 20).unwrap_err().contains("INVALID_VALUE"));
    assert!(launch(address, 2048, 0).unwrap_err().contains("INVALID_VALUE"));
    drop(tensor);
    assert!(launch(address, 8, 0).unwrap_err().contains("ILLEGAL_ADDRESS"));
    assert!(driver::fault().contains("parameter 0"));
}
