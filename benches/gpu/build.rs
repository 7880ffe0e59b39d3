//! Tells the linker where the machine that runs the program may keep the CUDA libraries.

fn main() {
    println!("cargo:rerun-if-env-changed=CUDA_RUNPATH");
    if let Ok(folders) = std::env::var("CUDA_RUNPATH") {
        // DT_RUNPATH, which LD_LIBRARY_PATH goes before.
        println!("cargo:rustc-link-arg-bins=-Wl,--enable-new-dtags");
        for folder in folders.split(':') {
            println!("cargo:rustc-link-arg-bins=-Wl,-rpath,{folder}");
        }
    }
}
