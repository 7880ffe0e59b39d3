#!/usr/bin/env python3
"""Compiles the CUDA text of the library's kernels with NVRTC, with neither a GPU nor a toolkit.

    cargo run --release -p samp-compiler --features cube --example cuda_texts -- FOLDER
    python3 benches/gpu/nvrtc.py FOLDER [--libnvrtc PATH]

Every kernel of every sampler, around networks in f32, f16 and bf16, and what finishes reductions, for compute
capabilities 8.0 and 9.0. Fails if a text does not compile, if a kernel spills or uses local memory, or if one of
FOLDER/wide reads or writes a buffer in less than 16 bytes at a time, apart from as many numbers per sample or block as
the text's first line says. Without --libnvrtc, NVRTC 13.0 is installed from its wheel into a folder of the system's
temporary one: later versions write PTX that a driver for CUDA 13.0 refuses.
"""

import argparse
import ctypes
import glob
import os
import re
import subprocess
import sys
import tempfile
import time

WHEEL = "nvidia-cuda-nvrtc==13.0.88"
ARCHITECTURES = ["80", "90"]
# That of `backend::cube::CUDA_OPTIONS`.
OPTIONS = ["--fmad=false"]


def installed():
    """The path of NVRTC, installed if need be."""
    folder = os.path.join(tempfile.gettempdir(), "sampc-nvrtc-13.0.88")
    pattern = os.path.join(folder, "nvidia", "cu13", "lib", "libnvrtc.so.*[0-9]")
    if not glob.glob(pattern):
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", folder, WHEEL], check=True)
    return glob.glob(pattern)[0]


class Nvrtc:
    """The few functions of NVRTC that are needed."""

    def __init__(self, path):
        # NVRTC opens its builtins by plain name.
        for builtins in glob.glob(os.path.join(os.path.dirname(path), "libnvrtc-builtins.so.*[0-9]")):
            ctypes.CDLL(builtins, mode=ctypes.RTLD_GLOBAL)
        self.lib = ctypes.CDLL(path)

    def compile(self, source, arch, *wanted):
        """The log and the wanted outputs ("PTX", "CUBIN") of a text; exits if it does not compile."""
        program = ctypes.c_void_p()
        check(self.lib.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernel.cu", 0, None, None))
        options = [option.encode() for option in [f"--gpu-architecture={arch}", "--ptxas-options=-v", *OPTIONS]]
        code = self.lib.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
        log = self.get(program, "ProgramLog").decode(errors="replace").strip("\0\n")
        if code != 0:
            sys.exit(f"{arch}: {log}\n{source}")
        outputs = [self.get(program, name) for name in wanted]
        self.lib.nvrtcDestroyProgram(ctypes.byref(program))
        return [log, *outputs]

    def get(self, program, name):
        size = ctypes.c_size_t()
        check(getattr(self.lib, f"nvrtcGet{name}Size")(program, ctypes.byref(size)))
        buffer = ctypes.create_string_buffer(size.value)
        check(getattr(self.lib, f"nvrtcGet{name}")(program, buffer))
        return buffer.raw


def check(code):
    if code != 0:
        sys.exit(f"NVRTC answers {code}")


def texts(folder):
    """Every text by its path."""
    return {path: open(path).read() for path in sorted(glob.glob(os.path.join(folder, "*", "*.cu")))}


def narrow_accesses(ptx):
    """Reads and writes of buffers that move less than 16 bytes."""
    accesses = re.findall(r"\b(?:ld|st)\.global(?:\.nc)?\S*", ptx)
    wide = re.compile(r"\.v4\.[bfus]32$|\.v2\.[bfus]64$")
    return len(accesses), [access for access in accesses if not wide.search(access)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--libnvrtc")
    args = parser.parse_args()
    kernels = texts(args.folder)
    if not kernels:
        sys.exit(f"no text in {args.folder}")
    nvrtc = Nvrtc(args.libnvrtc or installed())
    failed = []
    for arch in ARCHITECTURES:
        registers, accesses, start = 0, 0, time.time()
        for name, text in kernels.items():
            _, ptx = nvrtc.compile(text, f"compute_{arch}", "PTX")
            log, _ = nvrtc.compile(text, f"sm_{arch}", "CUBIN")
            used = [int(number) for number in re.findall(r"Used (\d+) registers", log)]
            lost = [int(number) for number in re.findall(r"(\d+) bytes (?:stack frame|spill stores|spill loads)", log)]
            n_accesses, narrow = narrow_accesses(ptx.decode(errors="replace"))
            n_single = int(re.match(r"// single: (\d+)", text)[1])
            n_accesses, narrow = n_accesses - n_single, narrow[n_single:]
            if f"{os.sep}wide{os.sep}" not in name:
                n_accesses, narrow = 1, []
            else:
                accesses += n_accesses
            if not used or any(lost) or narrow or n_accesses == 0:
                failed.append(f"{name} sm_{arch}: {narrow or log}")
            registers = max([registers, *used])
        seconds = time.time() - start
        print(f"sm_{arch}: {len(kernels)} kernels, {accesses} accesses of 16 bytes, "
              f"at most {registers} registers, {seconds / len(kernels) / 2 * 1000:.0f} ms a compilation")
    if failed:
        sys.exit("\n".join(failed))
    print("no narrow access, no spill, no local memory")


if __name__ == "__main__":
    main()
