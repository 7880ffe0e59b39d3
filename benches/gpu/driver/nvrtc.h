// What NVRTC provides without a header, and the PTX instructions that our texts use: the driver turns each `asm`
// into a call of the function that its table has for the instruction (`code.cpp`). It is included in the namespace of the text, whose
// typedefs may differ from the C library's.

using size_t = decltype(sizeof 0);

inline float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline float sqrt(float x) { return __builtin_sqrtf(x); }
inline float floor(float x) { return __builtin_floorf(x); }
inline float rint(float x) { return __builtin_rintf(x); }
inline float fabs(float x) { return __builtin_fabsf(x); }
inline float abs(float x) { return __builtin_fabsf(x); }

inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned long)(a) * b >> 32; }
inline unsigned atomicExch(unsigned* at, unsigned value) { return __atomic_exchange_n(at, value, __ATOMIC_RELAXED); }

inline float ptx_from_f16(unsigned word) {
    unsigned short half = word;
    return *reinterpret_cast<_Float16*>(&half);
}

inline unsigned ptx_f16(float number) {
    _Float16 half = number;
    return number != number ? 0x7fff : *reinterpret_cast<unsigned short*>(&half);
}

/// To nearest, ties to even: what is cut off is added up to the last bit that stays.
inline unsigned ptx_bf16(float number) {
    unsigned bits = *reinterpret_cast<unsigned*>(&number);
    return number != number ? 0x7fff : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

inline unsigned ptx_to_f16(float low, float high) { return ptx_f16(low) | ptx_f16(high) << 16; }
inline unsigned ptx_to_bf16(float low, float high) { return ptx_bf16(low) | ptx_bf16(high) << 16; }
inline unsigned ptx_add(unsigned* at, unsigned value) { return __atomic_fetch_add(at, value, __ATOMIC_RELAXED); }
