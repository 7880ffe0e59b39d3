#!/usr/bin/env python3
"""Compiles the CUDA text of the library's kernels with NVRTC, with neither a GPU nor a toolkit.

    cargo run --release -p samp-compiler --features cube --example cuda_texts -- FOLDER
    python3 benches/gpu/nvrtc.py FOLDER [--libnvrtc PATH]

Every kernel of every sampler, around networks in f32, f16 and bf16, and what finishes reductions, for compute
capabilities 8.0 and 9.0. Fails if a text does not compile, if a kernel spills or uses local memory, or if one of
FOLDER/wide reads or writes a buffer in less than 16 bytes at a time, apart from as many numbers per sample or block as
the text's first line says. Without --libnvrtc, NVRTC 13.0 is installed from its wheel into a folder of the system's
temporary one: later versions write PTX that a driver for CUDA 13.0 refuses. There, too, is kept what was found of a
text, so that it is compiled once.
"""

import argparse
import ctypes
import glob
import hashlib
import json
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time

VERSION = "13.0.88"
KEPT = os.path.join(tempfile.gettempdir(), f"sampc-nvrtc-{VERSION}")
ARCHITECTURES = ["80", "90"]
# That of `backend::cube::CUDA_OPTIONS`.
OPTIONS = ["--fmad=false"]


def installed():
    """The path of NVRTC, installed if need be."""
    pattern = os.path.join(KEPT, "nvidia", "cu13", "lib", "libnvrtc.so.*[0-9]")
    if not glob.glob(pattern):
        wheel = f"nvidia-cuda-nvrtc=={VERSION}"
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", KEPT, wheel], check=True)
    return glob.glob(pattern)[0]


class Nvrtc:
    """The few functions of NVRTC that are needed."""

    def __init__(self, path):
        # NVRTC opens its builtins by plain name.
        for builtins in glob.glob(os.path.join(os.path.dirname(path), "libnvrtc-builtins.so.*[0-9]")):
            ctypes.CDLL(builtins, mode=ctypes.RTLD_GLOBAL)
        self.lib = ctypes.CDLL(path)

    def compile(self, source, arch):
        """Whether a text compiles, the log, and its PTX."""
        program = ctypes.c_void_p()
        check(self.lib.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernel.cu", 0, None, None))
        # For a device, not an architecture: the PTX is the same, and it is compiled to the end.
        options = [option.encode() for option in [f"--gpu-architecture=sm_{arch}", "--ptxas-options=-v", *OPTIONS]]
        code = self.lib.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
        log = self.get(program, "ProgramLog")
        ptx = self.get(program, "PTX") if code == 0 else ""
        self.lib.nvrtcDestroyProgram(ctypes.byref(program))
        return code == 0, log, ptx

    def get(self, program, name):
        size = ctypes.c_size_t()
        check(getattr(self.lib, f"nvrtcGet{name}Size")(program, ctypes.byref(size)))
        buffer = ctypes.create_string_buffer(size.value)
        check(getattr(self.lib, f"nvrtcGet{name}")(program, buffer))
        return buffer.raw.decode(errors="replace").strip("\0\n")


def check(code):
    if code != 0:
        sys.exit(f"NVRTC answers {code}")


def found(nvrtc, text, arch):
    """What NVRTC makes of a text."""
    compiles, log, ptx = nvrtc.compile(text, arch)
    wide = re.compile(r"\.v4\.[bfus]32$|\.v2\.[bfus]64$")
    accesses = re.findall(r"\b(?:ld|st)\.global(?:\.nc)?\S*", ptx)
    numbers = lambda pattern: [int(number) for number in re.findall(pattern, log)]
    return {
        "compiles": compiles,
        "log": log,
        "registers": max(numbers(r"Used (\d+) registers"), default=0),
        "lost": sum(numbers(r"(\d+) bytes (?:stack frame|spill stores|spill loads)")),
        "accesses": len(accesses),
        "narrow": sum(not wide.search(access) for access in accesses),
    }


def start(path):
    """What a process of the pool needs."""
    global nvrtc
    nvrtc = Nvrtc(path)


def work(job):
    key, text, arch = job
    return key, found(nvrtc, text, arch)


def key_of(text, arch):
    return hashlib.sha256("\0".join([VERSION, arch, *OPTIONS, text]).encode()).hexdigest()


def is_right(name, text, facts):
    """Whether a text is as it should be: the first line tells how many accesses may be of single numbers."""
    n_single = int(re.match(r"// single: (\d+)", text)[1])
    is_wide = f"{os.sep}wide{os.sep}" not in name or (facts["narrow"] <= n_single < facts["accesses"])
    return facts["compiles"] and facts["registers"] > 0 and facts["lost"] == 0 and is_wide


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--libnvrtc")
    args = parser.parse_args()
    texts = {path: open(path).read() for path in sorted(glob.glob(os.path.join(args.folder, "*", "*.cu")))}
    if not texts:
        sys.exit(f"no text in {args.folder}")
    kept = os.path.join(KEPT, "found.json")
    known = json.load(open(kept)) if os.path.exists(kept) else {}
    jobs = {key_of(text, arch): (text, arch) for text in texts.values() for arch in ARCHITECTURES}
    jobs = [(key, *job) for key, job in jobs.items() if key not in known]
    begun = time.time()
    with multiprocessing.Pool(initializer=start, initargs=(args.libnvrtc or installed(),)) as pool:
        known.update(pool.imap_unordered(work, jobs, chunksize=8))
    os.makedirs(KEPT, exist_ok=True)
    with open(kept + ".new", "w") as file:
        json.dump(known, file)
    os.replace(kept + ".new", kept)
    print(f"{len(jobs)} compilations in {time.time() - begun:.0f} s, the others are known")
    failed = 0
    for arch in ARCHITECTURES:
        facts = {name: known[key_of(text, arch)] for name, text in texts.items()}
        for name, facts_of in facts.items():
            if not is_right(name, texts[name], facts_of):
                failed += 1
                print(f"{name} sm_{arch}: {facts_of['narrow']} narrow accesses of {facts_of['accesses']}\n{facts_of['log']}")
        wide = sum(of["accesses"] - of["narrow"] for name, of in facts.items() if f"{os.sep}wide{os.sep}" in name)
        print(f"sm_{arch}: {len(facts)} kernels, {wide} accesses of 16 bytes in those of vectors, "
              f"at most {max(of['registers'] for of in facts.values())} registers")
    if failed:
        sys.exit(f"{failed} are not as they should be")
    print("no narrow access, no spill, no local memory")


if __name__ == "__main__":
    main()
