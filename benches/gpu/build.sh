#!/usr/bin/env bash
# Builds `samp-gpu` with candle's CUDA backend on a machine without GPU, driver or CUDA toolkit, to be carried to one
# that has a GPU and needs neither Rust nor a network. README.md tells what it takes and what it measures.
#
#   build.sh          nvcc from PyPI compiles candle's kernels to PTX; cargo builds; the program is packed
#   build.sh check    checks and lints the feature `cuda` and its tests: no nvcc, no linking
#   build.sh driver   builds the stand-in driver and runs the tests of the feature `cuda` on it: no nvcc, no GPU
#   build.sh driver ARGUMENTS   runs `samp-gpu ARGUMENTS` on it
#   build.sh symbols  after that, real CUDA libraries from PyPI (550 MB): they have what is called, NVRTC compiles our kernels
#
# OUT=folder for everything made (target/gpu); PTX_DIR=ready PTX of candle's kernels, in place of nvcc.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
OUT=${OUT:-${CARGO_TARGET_DIR:-$root/target}/gpu}
mkdir -p "$OUT"
OUT=$(cd "$OUT" && pwd)

# The set of cuda-toolkit 13.0: driver 580 refuses the PTX of a later compiler.
V_NVCC=13.0.88 V_CRT=13.0.88 V_NVVM=13.0.88 V_CUDART=13.0.96 V_CCCL=13.0.85
V_NVRTC=13.0.88 V_CURAND=10.4.0.35 V_CUBLAS=13.1.0.3
# What cudaforge makes of CUDA_COMPUTE_CAP=90: PTX for 9.0 alone. ARCH=80 is for 8.0 and later.
export ARCH=${ARCH:-90a}
# Where the other machine may keep the libraries. It becomes DT_RUNPATH, so LD_LIBRARY_PATH goes first.
export CUDA_RUNPATH=${CUDA_RUNPATH-'$ORIGIN:/usr/local/cuda/lib64:/usr/local/nvidia/lib64:/usr/local/nvidia/lib'}

say() { printf '== %s (%ss)\n' "$*" "$SECONDS"; }

# The unpacked registry source of a crate.
crate() {
  (cd "$root" && cargo metadata -q --format-version 1 --filter-platform x86_64-unknown-linux-gnu --features samp-runtime/cuda) | python3 -c '
import json, os, sys
print(*[os.path.dirname(p["manifest_path"]) for p in json.load(sys.stdin)["packages"] if p["name"] == sys.argv[1]])' "$1"
}

# The workspace under another lock file: the replacement of candle-kernels must not show in the project's.
workspace() {
  ws=$OUT/workspace
  mkdir -p "$ws"
  for entry in "$root"/*/ "$root"/Cargo.toml; do
    case ${entry%/} in */target) ;; *) ln -sfn "${entry%/}" "$ws/$(basename "$entry")" ;; esac
  done
  cp "$root/Cargo.lock" "$ws/Cargo.lock"
  cd "$ws"
  # No CUDA_HOME of the caller may leak in: cudarc searches it for libraries.
  unset CUDA_PATH CUDA_ROOT CUDA_TOOLKIT_ROOT_DIR CUDNN_LIB NVCC CUDA_COMPUTE_CAP
  export CUDA_HOME=$OUT/link CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$OUT/target} CUDARC_CUDA_VERSION=13000
}

toolkit() {
  [ -x "$OUT/cuda/bin/nvcc" ] && return
  rm -rf "$OUT/pip"
  python3 -m pip install -q --no-deps --no-compile --target "$OUT/pip" nvidia-cuda-nvcc==$V_NVCC \
    nvidia-cuda-crt==$V_CRT nvidia-nvvm==$V_NVVM nvidia-cuda-runtime==$V_CUDART nvidia-cuda-cccl==$V_CCCL
  rm -rf "$OUT/cuda"
  mv "$OUT/pip/nvidia/cu13" "$OUT/cuda"
  rm -rf "$OUT/pip"
  ln -sfn lib "$OUT/cuda/lib64" # the wheels have `lib`, nvcc's profile wants `lib64`
}

kernels() {
  [ -e "$OUT/candle-kernels/Cargo.toml" ] && return
  if [ -n "${PTX_DIR:-}" ]; then
    bash "$here/kernels.sh" --wrap "$(crate candle-kernels)" "$PTX_DIR" "$OUT/candle-kernels"
  else
    toolkit
    PATH=$OUT/cuda/bin:$PATH bash "$here/kernels.sh" "$(crate candle-kernels)" "$OUT/candle-kernels"
  fi
}

# Libraries to link with, which open the real ones when they are first called.
stubs() {
  [ -e "$OUT/link/lib64/stubs/libcuda.a" ] || python3 "$here/stand_ins.py" "$(crate cudarc)" "$OUT/link/lib64/stubs"
}

build() {
  kernels
  stubs
  workspace
  cargo build --release -p samp-gpu --features counted \
    --config "patch.crates-io.candle-kernels.path='$OUT/candle-kernels'"
  say "built"
  pack=$OUT/pack
  rm -rf "$pack"
  mkdir -p "$pack"
  cp "$CARGO_TARGET_DIR/release/samp-gpu" "$here/torch_step.py" "$here/run.sh" "$pack/"
  strip "$pack/samp-gpu"
  xz -T0 -6 -kf "$pack/samp-gpu"
  mv "$pack/samp-gpu" "$OUT/samp-gpu"
  ls -l "$pack"
  n=$(cat "$pack"/* | wc -c)
  [ "$n" -lt $((60 << 20)) ] || { echo "over 60 MiB"; exit 1; }
  say "the pack alone, here: no CUDA library, so status 1 and candle's message; all parts on the CPU"
  cd "$pack"
  rc=0
  "$OUT/samp-gpu" cuda --out "$OUT/tried" || rc=$?
  [ $rc = 1 ]
  "$OUT/samp-gpu" cpu --quick --out "$OUT/tried"
}

# Candle's kernels as text, which is all that a check needs and what the stand-in driver compiles.
texts() {
  [ -e "$OUT/text-kernels/Cargo.toml" ] || bash "$here/kernels.sh" --text "$(crate candle-kernels)" "$OUT/text-kernels"
}

check() {
  texts
  mkdir -p "$OUT/link/lib64/stubs"
  workspace
  cargo clippy --release --all-targets -p samp-runtime -p samp-gpu -p sampc \
    --features samp-runtime/cuda,samp-gpu/cuda,sampc/cuda \
    --config "patch.crates-io.candle-kernels.path='$OUT/text-kernels'" -- -D warnings
}

driver() {
  texts
  stubs
  bash "$here/driver/build.sh" "$OUT/driver"
  # What g++ makes of kernels is kept for later runs; what our own code keeps is not.
  code=$OUT/driver/code
  mkdir -p "$code"
  find "$code" -mtime +7 -delete
  kept=$(mktemp -d)
  trap 'rm -rf "$kept"' EXIT
  export LD_LIBRARY_PATH=$OUT/driver SAMP_DRIVER_CACHE=$code SAMP_CACHE=$kept
  workspace
  patch=patch.crates-io.candle-kernels.path="'$OUT/text-kernels'"
  if [ $# -gt 0 ]; then
    cargo run --release -p samp-gpu --features counted --config "$patch" -- "$@"
  else
    cargo test --release -p samp-runtime --features cuda --test cuda --test cuda_driver --config "$patch"
  fi
}

symbols() {
  libraries=$OUT/real/nvidia/cu13/lib
  [ -e "$libraries/libcublas.so.13" ] || python3 -m pip install -q --no-deps --no-compile --target "$OUT/real" \
    nvidia-cuda-nvrtc==$V_NVRTC nvidia-curand==$V_CURAND nvidia-cublas==$V_CUBLAS nvidia-cuda-runtime==$V_CUDART
  # cudarc's declarations are of all versions: what it calls must be in this one.
  calls=$(nm -u "${CARGO_TARGET_DIR:-$OUT/target}"/release/deps/libcudarc-*.rlib 2>/dev/null | awk '{print $2}' | sort -u)
  for lib in cublas cublasLt curand nvrtc; do
    names=$(nm "$OUT/link/lib64/stubs/lib$lib.a" | awk '$2 == "T" {print $3}' | grep "^$lib" | sort -u)
    there=$(nm -D --defined-only "$libraries/lib$lib".so.1? | awk '{print $3}' | sed 's/@.*//' | sort -u)
    called=$(comm -12 <(echo "$names") <(echo "$calls"))
    lacking=$(comm -23 <(echo "$called") <(echo "$there"))
    echo "$lib: $(echo "$called" | grep -c .) functions are called; not in the library: ${lacking:-none}"
    [ -z "$lacking" ]
  done
  LD_LIBRARY_PATH=$libraries "$OUT/samp-gpu" nvrtc
}

case ${1:-build} in
  build) build ;;
  check) check ;;
  driver) shift; driver "$@" ;;
  symbols) symbols ;;
  *) sed -n '2,14p' "$0"; exit 2 ;;
esac
say "done"
