// What a kernel's text is compiled with on the CPU: CUDA's words, the accesses that g++ reports (`-fsanitize=
// kernel-address,alignment`), and the kernel's entry for the driver.
#pragma once
#include "kernel.h"

static samp::Now samp_now;

#ifndef SAMP_NAMES  // when the driver looks for kernels
#define __global__
#endif
#define __device__
#define __host__
#define __forceinline__ inline
#define __shared__ static
#define __grid_constant__
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))

#define threadIdx (samp_now.thread)
#define blockIdx (samp_now.block)
#define blockDim (samp_now.block_dim)
#define gridDim (samp_now.grid_dim)

inline void __syncthreads() { samp_now.barrier(); }

// g++ calls these before every access. Most are in the allocation that was found last.
#define SAMP_UNCHECKED __attribute__((no_sanitize("kernel-address")))
SAMP_UNCHECKED inline void samp_access(unsigned long at, unsigned long bytes, bool write) {
    unsigned long from = at - samp_now.low;
    if (from >= samp_now.size || samp_now.size - from < bytes) samp_now.check(at, bytes, write);
}
#define SAMP_ACCESS(name, bytes)                                                                      \
    SAMP_UNCHECKED void __asan_load##name##_noabort(unsigned long at) { samp_access(at, bytes, false); } \
    SAMP_UNCHECKED void __asan_store##name##_noabort(unsigned long at) { samp_access(at, bytes, true); }
extern "C" {
SAMP_ACCESS(1, 1)
SAMP_ACCESS(2, 2)
SAMP_ACCESS(4, 4)
SAMP_ACCESS(8, 8)
SAMP_ACCESS(16, 16)
void __asan_loadN_noabort(unsigned long at, unsigned long bytes) { samp_access(at, bytes, false); }
void __asan_storeN_noabort(unsigned long at, unsigned long bytes) { samp_access(at, bytes, true); }
void __asan_handle_no_return() {}
void __ubsan_handle_type_mismatch_v1_abort(void*, unsigned long at) { samp_now.misaligned(at); }
}

template <class T>
struct SampPointer {
    static constexpr bool is = false;
};
template <class T>
struct SampPointer<T*> {
    static constexpr bool is = true;
};

/// Reads a kernel's parameters where the launch has them, and calls it.
template <auto kernel, class Type = decltype(kernel)>
struct SampGlue;
template <auto kernel, class... A>
struct SampGlue<kernel, void (*)(A...)> {
    static constexpr unsigned n = sizeof...(A);
    static constexpr unsigned sizes[n + 1] = {sizeof(A)..., 0};
    static constexpr bool pointers[n + 1] = {SampPointer<A>::is..., false};

    template <int... i>
    struct Indices {};
    template <int... i>
    SAMP_UNCHECKED static void with(void** parameters, Indices<i...>) {
        kernel(*static_cast<A*>(parameters[i])...);
    }
    static void call(void** parameters) { with(parameters, Indices<__integer_pack(n)...>()); }
};

#define SAMP_ENTRY(name, kernel)                                                                       \
    extern "C" __attribute__((visibility("default"))) const samp::Entry samp_entry_##name;             \
    const samp::Entry samp_entry_##name = {&samp_now, SampGlue<&kernel>::call, SampGlue<&kernel>::n,    \
                                           SampGlue<&kernel>::sizes, SampGlue<&kernel>::pointers};
