// Products in single precision whose right factor is read through a table of row addresses.
//
// BLAS copies both factors into panels before it multiplies. Here the left factor (filters) is packed once and for all, and
// rows of the right one are read where they lie: rows of an image shifted by the taps of a filter, or the image itself. One
// tile of the result stays in registers over the whole sum, and leaves them with bias, residual and activation applied. The
// tile runs over all rows of the left factor before the next columns come, so that what it reads of the right factor is in
// the first level of the cache for all blocks of rows but the first.
//
// Every entry is one sum in the order of the table, whatever tile or position in a tile it falls on: the result does not
// depend on how work is cut. Tiles differ between kinds of processors as registers do, hence no clones but three inclusions.

#include "vectors.h"

#if defined(__x86_64__) && defined(__linux__) && defined(__clang__)
#include <immintrin.h>
#define CK_HAS_WIDE 1

typedef int32_t whole16 __attribute__((vector_size(64)));
typedef int32_t whole8 __attribute__((vector_size(32)));

// 24 sums, 3 values and a factor in 32 registers.
#pragma clang attribute push(__attribute__((target("avx512f"))), apply_to = function)
#define VEC __m512
#define WHOLE whole16
#define LANES 16
#define ROWS 8
#define VECTORS 3
#define NAME(f) f##_512
#define SPLAT(x) _mm512_set1_ps(x)
#define LOAD(p) _mm512_loadu_ps(p)
#define LOAD_SOME(p, n) _mm512_maskz_loadu_ps((__mmask16)((1u << (n)) - 1), p)
#define STORE_SOME(p, v, n) _mm512_mask_storeu_ps(p, (__mmask16)((1u << (n)) - 1), v)
#include "tile.h"
#pragma clang attribute pop

// 12 sums, 2 values and a factor in 16 registers.
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define VEC __m256
#define WHOLE whole8
#define LANES 8
#define ROWS 6
#define VECTORS 2
#define NAME(f) f##_256
#define SPLAT(x) _mm256_set1_ps(x)
#define LOAD(p) _mm256_loadu_ps(p)
#define FIRST(n) _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
#define LOAD_SOME(p, n) _mm256_maskload_ps(p, FIRST(n))
#define STORE_SOME(p, v, n) _mm256_maskstore_ps(p, FIRST(n), v)
#include "tile.h"
#pragma clang attribute pop
#endif

typedef float v4u __attribute__((vector_size(16), aligned(4)));
typedef float v4s __attribute__((vector_size(16)));
typedef int32_t whole4 __attribute__((vector_size(16)));

CK_INLINE v4s load_some(const float *p, int n) {
    v4s value = {0};
    for (int i = 0; i < 4; i++)
        if (i < n) value[i] = p[i];
    return value;
}

CK_INLINE void store_some(float *p, v4s value, int n) {
    for (int i = 0; i < 4; i++)
        if (i < n) p[i] = value[i];
}

#define VEC v4s
#define WHOLE whole4
#define LANES 4
#define ROWS 6
#define VECTORS 2
#define NAME(f) f##_128
#define SPLAT(x) ((v4s){(x), (x), (x), (x)})
#define LOAD(p) ((v4s)(*(const v4u *)(p)))
#define LOAD_SOME(p, n) load_some(p, n)
#define STORE_SOME(p, v, n) store_some(p, v, n)
#include "tile.h"

static int kind(void) {
#ifdef CK_HAS_WIDE
    if (__builtin_cpu_supports("avx512f")) return 512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 256;
#endif
    return 128;
}

ptrdiff_t ck_tile_rows(void) { return kind() == 512 ? 8 : 6; }

ptrdiff_t ck_tile_columns(void) { return kind() == 512 ? 48 : kind() == 256 ? 16 : 8; }

void ck_multiply(const ck_product *product) {
    if (product->rows <= 0 || product->columns <= 0) return;
#ifdef CK_HAS_WIDE
    if (kind() == 512) return product_512(product);
    if (kind() == 256) return product_256(product);
#endif
    product_128(product);
}

// Eight rows by eight entries, in three rounds of exchanges; column k goes to out + k·block.
CK_INLINE void transpose8(const float *x, ptrdiff_t row_stride, ptrdiff_t block, float *out) {
    v8f a[8], b[8];
    for (int r = 0; r < 8; r++) a[r] = *(const v8f *)(x + r * row_stride);
    for (int r = 0; r < 4; r++) {
        b[2 * r] = __builtin_shufflevector(a[2 * r], a[2 * r + 1], 0, 8, 2, 10, 4, 12, 6, 14);
        b[2 * r + 1] = __builtin_shufflevector(a[2 * r], a[2 * r + 1], 1, 9, 3, 11, 5, 13, 7, 15);
    }
    for (int h = 0; h < 8; h += 4)
        for (int r = 0; r < 2; r++) {
            a[h + r] = __builtin_shufflevector(b[h + r], b[h + r + 2], 0, 1, 8, 9, 4, 5, 12, 13);
            a[h + r + 2] = __builtin_shufflevector(b[h + r], b[h + r + 2], 2, 3, 10, 11, 6, 7, 14, 15);
        }
    for (int r = 0; r < 4; r++) {
        *(v8f *)(out + r * block) = __builtin_shufflevector(a[r], a[r + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        *(v8f *)(out + (r + 4) * block) = __builtin_shufflevector(a[r], a[r + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
}

CK_CLONES void ck_pack(const float *x, ptrdiff_t row_stride, ptrdiff_t depth_stride, ptrdiff_t rows, ptrdiff_t depth,
                       ptrdiff_t block, float *out) {
    for (ptrdiff_t first = 0; first < rows; first += block, out += block * depth) {
        ptrdiff_t count = rows - first < block ? rows - first : block;
        const float *source = x + first * row_stride;
        // Whole squares first: rows [0, whole) and entries [0, square).
        ptrdiff_t whole = depth_stride == 1 ? count & ~(ptrdiff_t)7 : 0, square = depth & ~(ptrdiff_t)7;
        for (ptrdiff_t r = 0; r < whole; r += 8)
            for (ptrdiff_t k = 0; k < square; k += 8) transpose8(source + r * row_stride + k, row_stride, block, out + k * block + r);
        for (ptrdiff_t k = 0; k < depth; k++) {
            for (ptrdiff_t r = k < square ? whole : 0; r < count; r++) out[k * block + r] = source[r * row_stride + k * depth_stride];
            for (ptrdiff_t r = count; r < block; r++) out[k * block + r] = 0;
        }
    }
}
