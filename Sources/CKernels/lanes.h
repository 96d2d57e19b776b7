// Vectors of one kind of processor for templates that are included once for each: define LANES_512, LANES_256 or LANES_128.
//
// Unlike clones of one function, such inclusions may differ in their tiles, as registers differ in number and width.

#undef VEC
#undef WHOLE
#undef LANES
#undef NAME
#undef SPLAT
#undef LOAD
#undef STORE
#undef LOAD_SOME
#undef STORE_SOME
#undef LOAD_RANGE
#undef EVEN

#if defined(LANES_512)
#define VEC __m512
#define WHOLE whole16
#define LANES 16
#define NAME(f) f##_512
#define SPLAT(x) _mm512_set1_ps(x)
#define LOAD(p) _mm512_loadu_ps(p)
#define STORE(p, v) _mm512_storeu_ps(p, v)
#define LOAD_SOME(p, n) _mm512_maskz_loadu_ps((__mmask16)((1u << (n)) - 1), p)
#define LOAD_RANGE(p, low, high) _mm512_maskz_loadu_ps((__mmask16)(((1u << (high)) - 1) & ~((1u << (low)) - 1)), p)
#define STORE_SOME(p, v, n) _mm512_mask_storeu_ps(p, (__mmask16)((1u << (n)) - 1), v)
#define EVEN(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 17, 19, 21, 23, 25, 27, 29, 31)
#elif defined(LANES_256)
#define VEC __m256
#define WHOLE whole8
#define LANES 8
#define NAME(f) f##_256
#define SPLAT(x) _mm256_set1_ps(x)
#define LOAD(p) _mm256_loadu_ps(p)
#define STORE(p, v) _mm256_storeu_ps(p, v)
#define FIRST(n) _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
#define LOAD_SOME(p, n) _mm256_maskload_ps(p, FIRST(n))
#define LOAD_RANGE(p, low, high) _mm256_maskload_ps(p, _mm256_andnot_si256(FIRST(low), FIRST(high)))
#define STORE_SOME(p, v, n) _mm256_maskstore_ps(p, FIRST(n), v)
#define EVEN(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6, 9, 11, 13, 15)
#else
#define VEC plain4
#define WHOLE whole4
#define LANES 4
#define NAME(f) f##_128
#define SPLAT(x) ((plain4){(x), (x), (x), (x)})
#define LOAD(p) ((plain4)(*(const v4f *)(p)))
#define STORE(p, v) (*(v4f *)(p) = (v))
#define LOAD_SOME(p, n) load_range(p, 0, n)
#define LOAD_RANGE(p, low, high) load_range(p, low, high)
#define STORE_SOME(p, v, n) store_some(p, v, n)
#define EVEN(a, b) __builtin_shufflevector(a, b, 0, 2, 5, 7)
#endif

#ifndef LOEWNER_LANES_H
#define LOEWNER_LANES_H

#include "vectors.h"

#if defined(__x86_64__) && defined(__linux__) && defined(__clang__)
#include <immintrin.h>
#define CK_HAS_WIDE 1

typedef int32_t whole16 __attribute__((vector_size(64)));
typedef int32_t whole8 __attribute__((vector_size(32)));
#endif

typedef float plain4 __attribute__((vector_size(16)));
typedef int32_t whole4 __attribute__((vector_size(16)));

CK_INLINE plain4 load_range(const float *p, int low, int high) {
    plain4 value = {0};
    for (int i = 0; i < 4; i++)
        if (i >= low && i < high) value[i] = p[i];
    return value;
}

CK_INLINE void store_some(float *p, plain4 value, int n) {
    for (int i = 0; i < 4; i++)
        if (i < n) p[i] = value[i];
}

/// Lanes of the widest kind that this processor has, times 32.
static inline int ck_widest(void) {
#ifdef CK_HAS_WIDE
    if (__builtin_cpu_supports("avx512f")) return 512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 256;
#endif
    return 128;
}

/// Calls the function of a template for the widest kind of vectors that this processor has.
#ifdef CK_HAS_WIDE
#define BY_WIDEST(name, ...)                                     \
    do {                                                         \
        int widest = ck_widest();                                \
        if (widest == 512) name##_512(__VA_ARGS__);              \
        else if (widest == 256) name##_256(__VA_ARGS__);         \
        else name##_128(__VA_ARGS__);                            \
    } while (0)
#else
#define BY_WIDEST(name, ...) name##_128(__VA_ARGS__)
#endif

#endif
