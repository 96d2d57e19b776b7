// What Swift cannot call itself: macros, weak symbols, CPUID. Everything else is called directly.
#ifndef LOEWNER_CLAPACK_SHIM_H
#define LOEWNER_CLAPACK_SHIM_H

#if !__has_include(<cblas.h>) || !__has_include(<lapacke.h>)
#error "OpenBLAS or LAPACKE headers are missing: apt-get install libopenblas-dev liblapacke-dev"
#else

// Complex-returning prototypes do not import into Swift; the struct forms do.
#define LAPACK_COMPLEX_STRUCTURE
#define FORCE_OPENBLAS_COMPLEX_STRUCT
#include <cblas.h>
#include <lapacke.h>

#if __has_include(<openblas_config.h>)
#include <openblas_config.h>
#endif

typedef lapack_int clapack_int;

// Exported by dynamic-architecture builds of OpenBLAS but absent from its headers; weak, so that a build
// without them links and `clapack_can_reselect` says so.
extern void gotoblas_dynamic_quit(void) __attribute__((weak));
extern void gotoblas_dynamic_init(void) __attribute__((weak));

static inline int clapack_can_reselect(void) {
    return gotoblas_dynamic_quit != 0 && gotoblas_dynamic_init != 0;
}

/// Drops the kernel table chosen at load and chooses again, honouring OPENBLAS_CORETYPE.
static inline void clapack_reselect(void) {
    gotoblas_dynamic_quit();
    gotoblas_dynamic_init();
}

/// What the CPU offers and the operating system saves: bit 0 AVX2+FMA, bit 1 AVX-512 F/DQ/CD/BW/VL,
/// bit 2 AVX-512 BF16, bit 3 AMD.
static inline unsigned clapack_cpu_features(void);

#if defined(__x86_64__)
#include <cpuid.h>
static inline unsigned clapack_cpu_features(void) {
    unsigned a, b, c, d, result = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
    unsigned hasFMA = (c >> 12) & 1, osSavesState = (c >> 27) & 1;
    if (!osSavesState) return 0;
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    unsigned char savesYMM = (low & 0x6) == 0x6, savesZMM = (low & 0xe6) == 0xe6;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    unsigned maxSubleaf = a;
    const unsigned avx512 = (1u << 16) | (1u << 17) | (1u << 28) | (1u << 30) | (1u << 31);
    if (savesYMM && hasFMA && ((b >> 5) & 1)) result |= 1;
    if (savesZMM && (b & avx512) == avx512) result |= 2;
    if ((result & 2) && maxSubleaf >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d) && ((a >> 5) & 1)) result |= 4;
    if (__get_cpuid(0, &a, &b, &c, &d) && b == 0x68747541) result |= 8;
    return result;
}
#else
static inline unsigned clapack_cpu_features(void) { return 0; }
#endif

#endif
#endif
