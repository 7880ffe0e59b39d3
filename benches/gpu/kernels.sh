#!/bin/bash
# Make a drop-in candle-kernels crate that needs no nvcc, no libcudart and no libstdc++:
# the 11 PTX modules are files, the quantised (MoE, MMVQ, MMQ) entry points panic.
# usage: kernels.sh CRATE_SRC OUT_CRATE            everything; needs nvcc on PATH
#        kernels.sh --ptx  CRATE_SRC PTX_DIR       only the PTX (what a machine with nvcc does)
#        kernels.sh --wrap CRATE_SRC PTX_DIR OUT_CRATE   only the crate, from ready PTX
#        kernels.sh --text CRATE_SRC OUT_CRATE     the crate with the name of each CUDA source in place of its PTX: for
#                                                  what only checks, and for the stand-in driver (`driver/code.cpp`)
set -euo pipefail
ARCH=${ARCH:-90a}; JOBS=${JOBS:-$(nproc)}
ptx() { # same flags as candle-kernels 0.11.1's build.rs through cudaforge 0.1.6
  mkdir -p "$2"
  (cd "$1/src" && ls *.cu | grep -v '^mmvq_gguf.cu$') | xargs -P "$JOBS" -I{} nvcc \
    -gencode=arch=compute_$ARCH,code=sm_$ARCH --ptx --default-stream per-thread \
    --expt-relaxed-constexpr -std=c++17 -O3 --output-directory "$2" "$1/src/{}"
}
wrap() {
  mkdir -p "$3/src" "$3/ptx"; cp "$2"/*.ptx "$3/ptx/"
  v=$(sed -n 's/^version = "\(.*\)"/\1/p' "$1/Cargo.toml" | head -1)
  printf '[package]\nname = "candle-kernels"\nversion = "%s"\nedition = "2021"\nlicense = "MIT OR Apache-2.0"\n[features]\ncutile = []\n' "$v" > "$3/Cargo.toml"
  python3 - "$1" "$3" <<'P'
import os, re, sys
src, out = sys.argv[1], sys.argv[2]
ptx = sorted(f[:-4] for f in os.listdir(out + "/ptx") if f.endswith(".ptx"))
lib = open(src + "/src/lib.rs").read()
mod = "mod ptx {\n" + "".join(f'    pub const {p.upper()}: &str = include_str!("../ptx/{p}.ptx");\n' for p in ptx) + "}"
lib, n = re.subn(r'mod ptx \{\s*include!\(.*?\);\s*\}', lambda _: mod, lib, flags=re.S)
assert n == 1
open(out + "/src/lib.rs", "w").write(lib)
ffi = open(src + "/src/ffi.rs").read()
ffi = re.sub(r'(?m)//.*$', '', ffi)
ffi, n = re.subn(r'pub fn (\w+)\((.*?)\)(\s*->\s*\w+)?\s*;',
    lambda m: f'pub unsafe extern "C" fn {m[1]}({m[2]}){m[3] or ""} {{ missing("{m[1]}") }}', ffi, flags=re.S)
ffi = re.sub(r'extern "C" \{(.*)\}\s*$', r'\1', ffi, count=1, flags=re.S)
ffi = "#![allow(unused_variables, non_snake_case, clippy::all)]\n" + ffi.replace("#[allow(dead_code)]\n", "", 1).replace("#[allow(improper_ctypes)]\n", "", 1)
ffi += '\nfn missing(name: &str) -> ! { panic!("candle-kernels: {name} (quantised CUDA kernels) is not in this build") }\n'
open(out + "/src/ffi.rs", "w").write(ffi)
print(f"{n} entry points that panic, {len(ptx)} PTX modules")
P
}
case $1 in
  --text) t=$(mktemp -d); (cd "$2/src" && ls *.cu | grep -v '^mmvq_gguf.cu$') | while read -r f; do
      printf '// stand-in driver: nvcc\n#include "%s/src/%s"\n// end\n' "$2" "$f" > "$t/${f%.cu}.ptx"; done
    wrap "$2" "$t" "$3"; rm -rf "$t";;
  --ptx) ptx "$2" "$3";;
  --wrap) wrap "$2" "$3" "$4";;
  *) t=$(mktemp -d); ptx "$1" "$t"; wrap "$1" "$t" "$2"; rm -rf "$t";;
esac
