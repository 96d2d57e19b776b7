// Convolution of one plane and the slopes of its filter, for one kind of vector.
//
// Before inclusion: the vectors of lanes.h.

#include "activated.h"

// Copies whole vectors, the last of which overlaps the one before.
CK_INLINE void NAME(copy_run)(const float *from, ptrdiff_t count, float *to) {
    if (count < LANES) {
        STORE_SOME(to, LOAD_SOME(from, (int)count), (int)count);
        return;
    }
    for (ptrdiff_t i = 0; i < count - LANES; i += LANES) STORE(to + i, LOAD(from + i));
    STORE(to + count - LANES, LOAD(from + count - LANES));
}

// Element i of phase f of a copied row is column i·stride + f − left of the image.
CK_INLINE void NAME(copy_row)(const ck_plane_convolution *c, const float *plane, ptrdiff_t row, ptrdiff_t width, ptrdiff_t sx, float *to) {
    for (ptrdiff_t f = 0; f < sx; f++, to += width) {
        for (ptrdiff_t i = 0; i < width; i += LANES) STORE(to + i, SPLAT(0.0f));
        if (row < 0 || row >= c->height) continue;
        ptrdiff_t shift = f - c->left;
        ptrdiff_t low = shift >= 0 ? 0 : (-shift + sx - 1) / sx;
        ptrdiff_t high = shift >= c->width ? 0 : (c->width - 1 - shift) / sx + 1;
        if (high > width) high = width;
        if (low >= high) continue;
        const float *from = plane + row * c->width + shift + low * sx;
        ptrdiff_t count = high - low, i = 0;
        if (sx == 1) {
            NAME(copy_run)(from, count, to + low);
            continue;
        }
        // The second vector begins one early, so that nothing is read beyond the last element.
        if (sx == 2)
            for (; i + LANES <= count; i += LANES) STORE(to + low + i, EVEN(LOAD(from + 2 * i), LOAD(from + 2 * i + LANES - 1)));
        if (sx == 2 && i < count) {
            int rest = 2 * (int)(count - i) - 1;
            VEC one = LOAD_SOME(from + 2 * i, rest < LANES ? rest : LANES);
            VEC other = LOAD_SOME(from + 2 * i + LANES - 1, rest < LANES ? 0 : rest - LANES + 1);
            STORE_SOME(to + low + i, EVEN(one, other), (int)(count - i));
            continue;
        }
        for (; i < count; i++) to[low + i] = from[i * sx];
    }
}

// LANES columns of TOGETHER output rows, column of taps after column, so that rows share what they read; loops over known
// filters are unrolled.
CK_INLINE void NAME(sums_of_taps)(const float *copy, ptrdiff_t width, const float *filter, float bias, int known, ptrdiff_t kh,
                                  ptrdiff_t kw, ptrdiff_t sy, ptrdiff_t sx, ptrdiff_t dy, ptrdiff_t dx, VEC *sum) {
    for (int r = 0; r < TOGETHER; r++) sum[r] = SPLAT(bias);
#define TAP(ky, kx)                                                                                  \
    {                                                                                                \
        VEC factor = SPLAT(filter[(ky) * kw + (kx)]);                                                \
        const float *at = copy + ((ky) * dy * sx + (kx) * dx % sx) * width + (kx) * dx / sx;         \
        for (int r = 0; r < TOGETHER; r++) sum[r] += factor * LOAD(at + r * sy * sx * width);        \
    }
    if (known) {
        _Pragma("clang loop unroll(full)") for (ptrdiff_t kx = 0; kx < 5; kx++)
            _Pragma("clang loop unroll(full)") for (ptrdiff_t ky = 0; ky < 5; ky++)
                if (ky < kh && kx < kw) TAP(ky, kx)
    } else {
        for (ptrdiff_t kx = 0; kx < kw; kx++)
            for (ptrdiff_t ky = 0; ky < kh; ky++) TAP(ky, kx)
    }
#undef TAP
}

// LANES columns of `count` output rows from `row` on; narrower images are stored whole.
CK_INLINE void NAME(store_rows)(const ck_plane_convolution *c, const VEC *sum, ptrdiff_t row, int count, ptrdiff_t column,
                                const float *residual, float *y) {
    ptrdiff_t w = c->out_width;
    for (int r = 0; r < TOGETHER; r++) {
        if (r >= count) break;
        ptrdiff_t at = (row + r) * w + column;
        VEC value = sum[r];
        if (w >= LANES) {
            if (residual) value += LOAD(residual + at);
            STORE(y + at, NAME(activated)(c->activation, c->low, c->high, value));
        } else {
            if (residual) value += LOAD_SOME(residual + at, (int)w);
            STORE_SOME(y + at, NAME(activated)(c->activation, c->low, c->high, value), (int)w);
        }
    }
}

CK_INLINE void NAME(plane)(const ck_plane_convolution *c, const float *x, const float *filter, float bias, const float *residual,
                           float *y, float *copy, int known, ptrdiff_t kh, ptrdiff_t kw, ptrdiff_t sy, ptrdiff_t sx, ptrdiff_t dy,
                           ptrdiff_t dx) {
    ptrdiff_t width = phase_width(c), w = c->out_width;
    for (ptrdiff_t block = 0; block < c->out_height; block += BLOCK) {
        ptrdiff_t last = block + BLOCK < c->out_height ? block + BLOCK : c->out_height;
        ptrdiff_t first = block * sy - c->top;
        for (ptrdiff_t i = 0; i < block_rows(c, last - block); i++) NAME(copy_row)(c, x, first + i, width, sx, copy + i * sx * width);
        for (ptrdiff_t row = block; row < last; row += TOGETHER) {
            // Rows beyond the last are computed from what the copy held before, and not stored.
            const float *top = copy + (row - block) * sy * sx * width;
            int rows = last - row < TOGETHER ? (int)(last - row) : TOGETHER;
            for (ptrdiff_t column = 0; column < w; column += LANES) {
                // The last columns of a wide row are computed with some before them once more.
                ptrdiff_t from = w >= LANES && column + LANES > w ? w - LANES : column;
                VEC sum[TOGETHER];
                NAME(sums_of_taps)(top + from, width, filter, bias, known, kh, kw, sy, sx, dy, dx, sum);
                NAME(store_rows)(c, sum, row, rows, from, residual, y);
            }
        }
    }
}

// Elements `from`, from + s, … of a row of the image, zeros outside of it; where isHalf, only half of the lanes count.
CK_INLINE VEC NAME(strided)(const float *row, ptrdiff_t from, ptrdiff_t width, int isInside, int isHalf, ptrdiff_t s) {
    if (isInside) return s == 1 ? LOAD(row + from) : EVEN(LOAD(row + from), LOAD(row + from + LANES - 1));
#define CLIPPED(n) (int)((n) < 0 ? 0 : (n) > LANES ? LANES : (n))
#define INSIDE(first) LOAD_RANGE(row + (first), CLIPPED(-(first)), CLIPPED(width - (first)))
    if (s == 1) return INSIDE(from);
    return EVEN(INSIDE(from), isHalf ? SPLAT(0.0f) : INSIDE(from + LANES - 1));
#undef INSIDE
#undef CLIPPED
}

// The same as sums_of_taps, in the same order, for rows of the image itself.
CK_INLINE void NAME(sums_of_rows)(const ck_plane_convolution *c, const float *const *rows, ptrdiff_t column, int isInside,
                                  const float *filter, float bias, ptrdiff_t k, ptrdiff_t s, VEC *sum) {
    int isHalf = c->out_width <= LANES / 2;
    for (int r = 0; r < TOGETHER; r++) sum[r] = SPLAT(bias);
    _Pragma("clang loop unroll(full)") for (ptrdiff_t kx = 0; kx < k; kx++) {
        VEC line[MOST_ROWS];
        _Pragma("clang loop unroll(full)") for (ptrdiff_t i = 0; i < (TOGETHER - 1) * s + k; i++)
            line[i] = NAME(strided)(rows[i], column * s + kx - c->left, c->width, isInside, isHalf, s);
        _Pragma("clang loop unroll(full)") for (ptrdiff_t ky = 0; ky < k; ky++) {
            VEC factor = SPLAT(filter[ky * k + kx]);
            for (int r = 0; r < TOGETHER; r++) sum[r] += factor * line[r * s + ky];
        }
    }
}

// One plane without a copy: what lies outside of the image is not loaded, or read from a row of zeros.
CK_INLINE void NAME(direct_plane)(const ck_plane_convolution *c, const float *x, const float *filter, float bias, const float *residual,
                                  float *y, float *zeros, ptrdiff_t k, ptrdiff_t s) {
    ptrdiff_t w = c->out_width;
    for (ptrdiff_t i = 0; i < c->width; i++) zeros[i] = 0.0f;
    for (ptrdiff_t row = 0; row < c->out_height; row += TOGETHER) {
        const float *rows[MOST_ROWS];
        for (ptrdiff_t i = 0; i < (TOGETHER - 1) * s + k; i++) {
            ptrdiff_t source = row * s + i - c->top;
            rows[i] = source >= 0 && source < c->height ? x + source * c->width : zeros;
        }
        int count = c->out_height - row < TOGETHER ? (int)(c->out_height - row) : TOGETHER;
        for (ptrdiff_t column = 0; column < w; column += LANES) {
            // The last columns of a wide row are computed with some before them once more.
            ptrdiff_t at = w >= LANES && column + LANES > w ? w - LANES : column, from = at * s - c->left;
            VEC sum[TOGETHER];
            if (from >= 0 && from + k - 1 + s * LANES - (s - 1) <= c->width) {
                NAME(sums_of_rows)(c, rows, at, 1, filter, bias, k, s, sum);
            } else {
                NAME(sums_of_rows)(c, rows, at, 0, filter, bias, k, s, sum);
            }
            NAME(store_rows)(c, sum, row, count, at, residual, y);
        }
    }
}

#if LANES > 4
#define PLANE(k, s) NAME(direct_plane)(c, x, filter, bias, residual, y, copy, k, s)
#else
// Lanes that cannot be left out alone are copied with their margin.
#define PLANE(k, s) NAME(plane)(c, x, filter, bias, residual, y, copy, k <= 5, k, k, s, s, 1, 1)
#endif
#define KNOWN(k, s)                                                                                                  \
    if (c->kernel_height == k && c->kernel_width == k && c->stride_y == s && c->stride_x == s && c->dilation_y == 1 && \
        c->dilation_x == 1)                                                                                          \
        return PLANE(k, s);

static void NAME(convolve_plane)(const ck_plane_convolution *c, const float *x, const float *filter, float bias, const float *residual,
                                 float *y, float *copy) {
    KNOWN(3, 1)
    KNOWN(3, 2)
    KNOWN(5, 1)
    KNOWN(5, 2)
    KNOWN(7, 1)
    NAME(plane)(c, x, filter, bias, residual, y, copy, 0, c->kernel_height, c->kernel_width, c->stride_y, c->stride_x,
                c->dilation_y, c->dilation_x);
}

#undef PLANE
#undef KNOWN

CK_INLINE float NAME(sum_of_lanes)(VEC v) {
    float lanes[LANES], sum = 0;
    STORE(lanes, v);
    for (int i = 0; i < LANES; i++) sum += lanes[i];
    return sum;
}

// Taps of `together` rows of the filter from ky on: sums of products of output slopes and what the taps read, LANES columns at a time.
CK_INLINE void NAME(slopes_of_taps)(const ck_plane_convolution *c, const float *copy, ptrdiff_t width, const float *dy_rows, ptrdiff_t rows,
                                    ptrdiff_t ky, int together, int kw, ptrdiff_t sy, ptrdiff_t sx, float *slopes) {
    VEC sum[9];
    ptrdiff_t w = c->out_width;
    for (int t = 0; t < together * kw; t++) sum[t] = SPLAT(0.0f);
    for (ptrdiff_t row = 0; row < rows; row++) {
        const float *at = copy + (row * sy + ky) * sx * width, *slope = dy_rows + row * w;
        for (ptrdiff_t column = 0; column < w; column += LANES) {
            VEC d = w - column >= LANES ? LOAD(slope + column) : LOAD_SOME(slope + column, (int)(w - column));
            _Pragma("clang loop unroll(full)") for (int y = 0; y < together; y++)
                _Pragma("clang loop unroll(full)") for (int x = 0; x < kw; x++)
                    sum[y * kw + x] += d * LOAD(at + (y * sx + x % sx) * width + x / sx + column);
        }
    }
    for (int t = 0; t < together * kw; t++) slopes[t] += NAME(sum_of_lanes)(sum[t]);
}

static void NAME(plane_filter_slopes)(const ck_plane_convolution *c, const float *x, const float *dy, float *slopes, float *copy) {
    ptrdiff_t width = phase_width(c), w = c->out_width, sx = c->stride_x, sy = c->stride_y, kw = c->kernel_width;
    int square = c->dilation_x == 1 && c->dilation_y == 1 && kw == c->kernel_height && sx == sy && sx <= 2 ? (int)kw : 0;
    for (ptrdiff_t block = 0; block < c->out_height; block += BLOCK) {
        ptrdiff_t last = block + BLOCK < c->out_height ? block + BLOCK : c->out_height, rows = last - block;
        ptrdiff_t first = block * sy - c->top;
        const float *from = dy + block * w;
        for (ptrdiff_t i = 0; i < block_rows(c, rows); i++) NAME(copy_row)(c, x, first + i, width, sx, copy + i * sx * width);
        if (square == 3 && sx == 1) {
            NAME(slopes_of_taps)(c, copy, width, from, rows, 0, 3, 3, 1, 1, slopes);
        } else if (square == 3) {
            NAME(slopes_of_taps)(c, copy, width, from, rows, 0, 3, 3, 2, 2, slopes);
        } else if (square == 5 && sx == 1) {
            for (ptrdiff_t ky = 0; ky < 5; ky++) NAME(slopes_of_taps)(c, copy, width, from, rows, ky, 1, 5, 1, 1, slopes + 5 * ky);
        } else if (square == 5) {
            for (ptrdiff_t ky = 0; ky < 5; ky++) NAME(slopes_of_taps)(c, copy, width, from, rows, ky, 1, 5, 2, 2, slopes + 5 * ky);
        } else {
            for (ptrdiff_t ky = 0; ky < c->kernel_height; ky++)
                for (ptrdiff_t kx = 0; kx < kw; kx++) {
                    const float *at = copy + (ky * c->dilation_y * sx + kx * c->dilation_x % sx) * width + kx * c->dilation_x / sx;
                    NAME(slopes_of_taps)(c, at, width, from, rows, 0, 1, 1, sy, sx, slopes + ky * kw + kx);
                }
        }
    }
}

