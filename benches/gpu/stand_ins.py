#!/usr/bin/env python3
"""Static stand-ins for the CUDA libraries that cudarc links: each function opens the real library
with dlopen on its first call. A program linked with them has no CUDA library in DT_NEEDED, so it
starts on any machine; without the library its calls return an error code (LIBS below).
Calls are counted: `samp_cuda_calls("cuLaunchKernel")` tells how often the program called a function
of the driver (all bits set for one that it does not know), which is how launches and waits of a run are counted without a profiler.

usage: stand_ins.py CUDARC_SRC OUT_DIR      writes OUT_DIR/libcuda.a libcublas.a ...
x86-64 System V only. `-lcuda` finds the .a as long as no libcuda.so lies in the same folder."""
import os, re, subprocess, sys
src, out = sys.argv[1], sys.argv[2]
os.makedirs(out + "/c", exist_ok=True)
LIBS = [("driver", "cuda", ["libcuda.so.1"], 100),
        ("cublas", "cublas", ["libcublas.so.13", "libcublas.so.12"], 1),
        ("cublaslt", "cublasLt", ["libcublasLt.so.13", "libcublasLt.so.12"], 1),
        ("curand", "curand", ["libcurand.so.10"], 101),
        ("nvrtc", "nvrtc", ["libnvrtc.so.13", "libnvrtc.so.12"], 1)]
for mod, lib, sonames, code in LIBS:
    text = open(f"{src}/src/{mod}/sys/mod.rs").read()
    names = sorted(set(re.findall(r'extern "C" \{\s*(?:pub )?fn (\w+)\s*\(', text)))
    assert len(names) > 10, mod
    pre = "libnvrtc-builtins.so.13.%d" if lib == "nvrtc" else ""
    # Of the driver, how often the program called a function.
    count = "" if mod != "driver" else """unsigned long samp_cuda_calls(const char *name) {
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i], name)) return __atomic_load_n(&lazy_calls_cuda[i], __ATOMIC_RELAXED);
    return -1ul;
}"""
    with open(f"{out}/c/{lib}.c", "w") as f:
        f.write(f'''#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
static char why[512] = "not tried";
static int missing(void) {{ return {code}; }}
static int missing_text(int e, const char **s) {{ *s = why; return 0; }}      /* cuGetErrorString, -Name */
static const char *missing_ret_text(int e) {{ return why; }}                  /* nvrtcGetErrorString */
static const char *const names[] = {{{", ".join(f'"{n}"' for n in names)}}};
__attribute__((visibility("hidden"))) void *lazy_slots_{lib}[{len(names)}];
__attribute__((visibility("hidden"))) unsigned long lazy_calls_{lib}[{len(names)}];
{count}
static void *open_it(void) {{
    /* libnvrtc opens its builtins by plain name and has no RUNPATH; loaded here, through the
       program's own RUNPATH, they are found under that name afterwards */
    const char *pre = "{pre}";
    char b[64];
    if (*pre) for (int m = 9; m >= 0; m--) {{ snprintf(b, sizeof b, pre, m); if (dlopen(b, RTLD_NOW | RTLD_GLOBAL)) break; }}
    static const char *const so[] = {{{", ".join(f'"{s}"' for s in sonames)}}};
    for (unsigned i = 0; i < sizeof so / sizeof *so; i++) {{
        void *h = dlopen(so[i], RTLD_NOW | RTLD_GLOBAL);
        if (h) return h;
        if (!i) {{ const char *e = dlerror(); snprintf(why, sizeof why, "%s", e ? e : so[i]); }}
    }}
    return 0;
}}
__attribute__((visibility("hidden"))) void *lazy_resolve_{lib}(long i) {{
    static void *h;                                    /* a race opens it twice: harmless */
    if (!h) h = open_it();
    void *p = h ? dlsym(h, names[i]) : 0;
    if (!p) {{
        if (h) snprintf(why, sizeof why, "{sonames[0]} has no %s", names[i]);
        if (!strncmp(names[i], "cuGetError", 10)) return (void *)missing_text;
        if (!strcmp(names[i], "nvrtcGetErrorString")) return (void *)missing_ret_text;
        return (void *)missing;
    }}
    __atomic_store_n(&lazy_slots_{lib}[i], p, __ATOMIC_RELEASE);
    return p;
}}
''')
    with open(f"{out}/c/{lib}_t.s", "w") as f:
        f.write(".text\n")
        for i, n in enumerate(names):
            f.write(f".globl {n}\n.type {n},@function\n.p2align 4\n{n}:\n endbr64\n"
                    f" lock incq lazy_calls_{lib}+{8*i}(%rip)\n movq lazy_slots_{lib}+{8*i}(%rip), %r11\n testq %r11, %r11\n je 1f\n jmp *%r11\n"
                    f"1: pushq ${i}\n jmp lazy_common\n.size {n},.-{n}\n")
        f.write(f'''.type lazy_common,@function
lazy_common:
 pushq %rbp
 movq %rsp, %rbp
 subq $192, %rsp
 andq $-16, %rsp
 movq %rdi, (%rsp)
 movq %rsi, 8(%rsp)
 movq %rdx, 16(%rsp)
 movq %rcx, 24(%rsp)
 movq %r8, 32(%rsp)
 movq %r9, 40(%rsp)
 movq %rax, 48(%rsp)
''' + "".join(f" movups %xmm{i}, {64+16*i}(%rsp)\n" for i in range(8)) + f''' movq 8(%rbp), %rdi
 call lazy_resolve_{lib}
 movq %rax, %r11
''' + "".join(f" movups {64+16*i}(%rsp), %xmm{i}\n" for i in range(8)) + ''' movq (%rsp), %rdi
 movq 8(%rsp), %rsi
 movq 16(%rsp), %rdx
 movq 24(%rsp), %rcx
 movq 32(%rsp), %r8
 movq 40(%rsp), %r9
 movq 48(%rsp), %rax
 movq %rbp, %rsp
 popq %rbp
 addq $8, %rsp
 jmp *%r11
.section .note.GNU-stack,"",@progbits
''')
    o = []
    for s in (f"{lib}.c", f"{lib}_t.s"):
        o.append(f"{out}/c/{s}.o")
        subprocess.check_call(["gcc", "-w", "-O2", "-fPIC", "-c", "-o", o[-1], f"{out}/c/{s}"])
    a = f"{out}/lib{lib}.a"
    if os.path.exists(a): os.remove(a)
    subprocess.check_call(["ar", "rcs", a] + o)
    print(f"{a}: {len(names)} functions, opens {sonames[0]}")
