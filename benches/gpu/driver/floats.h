// What candle's kernels take from `cuda_fp16.h`, `cuda_bf16.h` and `cuda_fp8.h`: numbers of 16 bits that compute as float
// and are rounded when they are kept, and the names of others that nothing here computes with. Beside that, the functions
// that nvcc knows without a header.
#pragma once
#include <cmath>
#include <cstdint>
#include <type_traits>

#define __CUDA_ARCH__ 800
#define __CUDACC_VER_MAJOR__ 13
#define __CUDACC_VER_MINOR__ 0
#define CUDA_VERSION 13000

/// A number of 16 bits; `Rule` says how a float becomes one and what float it is.
template <class Rule>
struct Small {
    uint16_t bits;
    Small() = default;
    template <class T, class = std::enable_if_t<std::is_arithmetic<T>::value>>
    Small(T number) : bits(Rule::bits_of(float(number))) {}
    operator float() const { return Rule::float_of(bits); }
    Small& operator+=(Small other) { return *this = float(*this) + float(other); }
};

struct Binary16 {
    static uint16_t bits_of(float number) { return __builtin_bit_cast(uint16_t, _Float16(number)); }
    static float float_of(uint16_t bits) { return __builtin_bit_cast(_Float16, bits); }
};

struct Brain16 {
    static uint16_t bits_of(float number) {
        uint32_t bits = __builtin_bit_cast(uint32_t, number);
        return number != number ? 0x7fff : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    }
    static float float_of(uint16_t bits) { return __builtin_bit_cast(float, uint32_t(bits) << 16); }
};

using __half = Small<Binary16>;
using __nv_bfloat16 = Small<Brain16>;

struct alignas(16) float4 {
    float x, y, z, w;
};

struct alignas(4) __nv_bfloat162 {
    __nv_bfloat16 x, y;
};
#define SAMP_PAIRS(name, operation)                                           \
    inline __nv_bfloat162 name(__nv_bfloat162 a, __nv_bfloat162 b) {          \
        return {float(a.x) operation float(b.x), float(a.y) operation float(b.y)}; \
    }
SAMP_PAIRS(__hadd2, +)
SAMP_PAIRS(__hsub2, -)
SAMP_PAIRS(__hmul2, *)
SAMP_PAIRS(__h2div, /)
#undef SAMP_PAIRS

/// Only its size counts: what would compute with it gives nothing.
struct __nv_fp8_e4m3 {
    uint8_t __x;
    __nv_fp8_e4m3() = default;
    explicit __nv_fp8_e4m3(double) : __x(0x7f) {}
};
#define __NV_E4M3 0
inline __half __nv_cvt_fp8_to_halfraw(uint8_t, int) { return __half(NAN); }

inline float __half2float(__half x) { return x; }
inline __half __float2half(float x) { return x; }
inline float __bfloat162float(__nv_bfloat16 x) { return x; }
inline __nv_bfloat16 __float2bfloat16(float x) { return x; }
inline __nv_bfloat16 __float2bfloat16_rn(float x) { return x; }
inline uint16_t __half_as_ushort(__half x) { return x.bits; }
inline __half __ushort_as_half(uint16_t bits) { return __builtin_bit_cast(__half, bits); }
inline uint32_t __float_as_uint(float x) { return __builtin_bit_cast(uint32_t, x); }
inline int32_t __float_as_int(float x) { return __builtin_bit_cast(int32_t, x); }
inline float __uint_as_float(uint32_t x) { return __builtin_bit_cast(float, x); }
inline float __int_as_float(int32_t x) { return __builtin_bit_cast(float, x); }
inline long long __double_as_longlong(double x) { return __builtin_bit_cast(long long, x); }
inline double __longlong_as_double(long long x) { return __builtin_bit_cast(double, x); }

#define SAMP_SMALL(name, function)                                      \
    template <class Rule>                                               \
    inline Small<Rule> name(Small<Rule> x) { return function(float(x)); }
SAMP_SMALL(hsqrt, sqrtf)
SAMP_SMALL(hcos, cosf)
SAMP_SMALL(hsin, sinf)
SAMP_SMALL(hlog, logf)
SAMP_SMALL(hexp, expf)
SAMP_SMALL(__habs, fabsf)
#undef SAMP_SMALL
template <class Rule>
inline bool __hisnan(Small<Rule> x) { return std::isnan(float(x)); }
template <class Rule>
inline Small<Rule> __hmax_nan(Small<Rule> a, Small<Rule> b) { return a < b || b != b ? b : a; }
template <class Rule>
inline Small<Rule> __hmin_nan(Small<Rule> a, Small<Rule> b) { return b < a || b != b ? b : a; }

template <class T>
inline T min(T a, T b) { return b < a ? b : a; }
template <class T>
inline T max(T a, T b) { return a < b ? b : a; }
inline double normcdf(double x) { return 0.5 * std::erfc(-x * M_SQRT1_2); }
inline float normcdff(float x) { return normcdf(x); }
using std::isnan;
using std::signbit;

// One thread runs at a time.
template <class T, class U>
inline T atomicAdd(T* at, U value) {
    T old = *at;
    *at = old + value;
    return old;
}
template <class T>
inline T atomicCAS(T* at, T expected, T value) {
    T old = *at;
    if (old == expected) *at = value;
    return old;
}
template <class T, class U>
inline T atomicMax(T* at, U value) {
    T old = *at;
    if (old < value) *at = value;
    return old;
}
template <class T, class U>
inline T atomicMin(T* at, U value) {
    T old = *at;
    if (value < old) *at = value;
    return old;
}
