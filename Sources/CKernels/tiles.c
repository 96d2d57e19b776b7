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

#include "lanes.h"

#ifdef CK_HAS_WIDE
// 24 sums, 3 values and a factor in 32 registers.
#pragma clang attribute push(__attribute__((target("avx512f"))), apply_to = function)
#define LANES_512
#include "lanes.h"
#define ROWS 8
#define VECTORS 3
#include "tile.h"
#undef LANES_512
#pragma clang attribute pop

// 12 sums, 2 values and a factor in 16 registers.
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define LANES_256
#include "lanes.h"
#define ROWS 6
#define VECTORS 2
#include "tile.h"
#undef LANES_256
#pragma clang attribute pop
#endif

#include "lanes.h"
#define ROWS 6
#define VECTORS 2
#include "tile.h"

ptrdiff_t ck_tile_rows(void) { return ck_widest() == 512 ? 8 : 6; }

ptrdiff_t ck_tile_columns(void) { return ck_widest() == 512 ? 48 : ck_widest() == 256 ? 16 : 8; }

void ck_multiply(const ck_product *product) {
    if (product->rows <= 0 || product->columns <= 0) return;
    BY_WIDEST(product, product);
}

// Eight rows of eight entries, in three rounds of exchanges; column k goes to out + k·block.
CK_INLINE void transpose_rows(v8f a[8], ptrdiff_t block, float *out) {
    v8f b[8];
    for (int r = 0; r < 4; r++) {
        b[2 * r] = __builtin_shufflevector(a[2 * r], a[2 * r + 1], 0, 8, 2, 10, 4, 12, 6, 14);
        b[2 * r + 1] = __builtin_shufflevector(a[2 * r], a[2 * r + 1], 1, 9, 3, 11, 5, 13, 7, 15);
    }
    for (int h = 0; h < 8; h += 4)
        for (int r = 0; r < 2; r++) {
            a[h + r] = __builtin_shufflevector(b[h + r], b[h + r + 2], 0, 1, 8, 9, 4, 5, 12, 13);
            a[h + r + 2] = __builtin_shufflevector(b[h + r], b[h + r + 2], 2, 3, 10, 11, 6, 7, 14, 15);
        }
    // In ascending order: columns of blocks of less than eight run over into the next.
    for (int r = 0; r < 4; r++) *(v8f *)(out + r * block) = __builtin_shufflevector(a[r], a[r + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    for (int r = 0; r < 4; r++) *(v8f *)(out + (r + 4) * block) = __builtin_shufflevector(a[r], a[r + 4], 4, 5, 6, 7, 12, 13, 14, 15);
}

CK_INLINE void transpose8(const float *x, ptrdiff_t row_stride, ptrdiff_t block, float *out) {
    v8f a[8];
    for (int r = 0; r < 8; r++) a[r] = *(const v8f *)(x + r * row_stride);
    transpose_rows(a, block, out);
}

// Six rows of one block, as far as whole squares go; the last two entries of a column are those of the next, written after it.
CK_INLINE ptrdiff_t pack_six(const float *x, ptrdiff_t row_stride, ptrdiff_t depth, float *out) {
    ptrdiff_t k = 0;
    for (; k + 8 < depth; k += 8) {
        v8f a[8];
        for (int r = 0; r < 6; r++) a[r] = *(const v8f *)(x + r * row_stride + k);
        a[6] = a[7] = a[5];
        transpose_rows(a, 6, out + k * 6);
    }
    return k;
}

CK_CLONES void ck_pack(const float *x, ptrdiff_t row_stride, ptrdiff_t depth_stride, ptrdiff_t rows, ptrdiff_t depth,
                       ptrdiff_t block, float *out) {
    for (ptrdiff_t first = 0; first < rows; first += block, out += block * depth) {
        ptrdiff_t count = rows - first < block ? rows - first : block;
        const float *source = x + first * row_stride;
        if (row_stride == 1) {
            // Rows side by side: those of an entry are copied as they are.
            for (ptrdiff_t k = 0; k < depth; k++) {
                const float *line = source + k * depth_stride;
                if (count == 16) *(v16 *)(out + k * block) = *(const v16 *)line;
                else for (ptrdiff_t r = 0; r < count; r++) out[k * block + r] = line[r];
                for (ptrdiff_t r = count; r < block; r++) out[k * block + r] = 0;
            }
            continue;
        }
        // Whole squares first: rows [0, whole) and entries [0, square).
        ptrdiff_t whole = depth_stride == 1 ? count & ~(ptrdiff_t)7 : 0, square = depth & ~(ptrdiff_t)7;
        for (ptrdiff_t r = 0; r < whole; r += 8)
            for (ptrdiff_t k = 0; k < square; k += 8) transpose8(source + r * row_stride + k, row_stride, block, out + k * block + r);
        ptrdiff_t begin = 0;
        if (depth_stride == 1 && block == 6 && count == 6) begin = pack_six(source, row_stride, depth, out);
        for (ptrdiff_t k = begin; k < depth; k++) {
            for (ptrdiff_t r = k < square ? whole : 0; r < count; r++) out[k * block + r] = source[r * row_stride + k * depth_stride];
            for (ptrdiff_t r = count; r < block; r++) out[k * block + r] = 0;
        }
    }
}
