// Transforms of Winograd's convolution F(4×4, 3×3) for one kind of vector; lanes are tiles.
//
// Before inclusion: the vectors of lanes.h.

#include "activated.h"

// Fourths of two vectors: elements 4i and then 4i + 1, or 4i + 2 and then 4i + 3. Halves of two vectors, side by side. Elements
// of (a, b) and (c, d), halves each, one from each half in turn.
#if LANES == 16
#define FIRST_PHASES(a, b) __builtin_shufflevector(a, b, 0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29)
#define LAST_PHASES(a, b) __builtin_shufflevector(a, b, 2, 6, 10, 14, 18, 22, 26, 30, 3, 7, 11, 15, 19, 23, 27, 31)
#define LOW_HALVES(a, b) __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)
#define HIGH_HALVES(a, b) __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31)
#define FIRST_TURNS(a, b) __builtin_shufflevector(a, b, 0, 8, 16, 24, 1, 9, 17, 25, 2, 10, 18, 26, 3, 11, 19, 27)
#define LAST_TURNS(a, b) __builtin_shufflevector(a, b, 4, 12, 20, 28, 5, 13, 21, 29, 6, 14, 22, 30, 7, 15, 23, 31)
#elif LANES == 8
#define FIRST_PHASES(a, b) __builtin_shufflevector(a, b, 0, 4, 8, 12, 1, 5, 9, 13)
#define LAST_PHASES(a, b) __builtin_shufflevector(a, b, 2, 6, 10, 14, 3, 7, 11, 15)
#define LOW_HALVES(a, b) __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11)
#define HIGH_HALVES(a, b) __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15)
#define FIRST_TURNS(a, b) __builtin_shufflevector(a, b, 0, 4, 8, 12, 1, 5, 9, 13)
#define LAST_TURNS(a, b) __builtin_shufflevector(a, b, 2, 6, 10, 14, 3, 7, 11, 15)
#else
#define FIRST_PHASES(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define LAST_PHASES(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#define LOW_HALVES(a, b) __builtin_shufflevector(a, b, 0, 1, 4, 5)
#define HIGH_HALVES(a, b) __builtin_shufflevector(a, b, 2, 3, 6, 7)
#define FIRST_TURNS(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6)
#define LAST_TURNS(a, b) __builtin_shufflevector(a, b, 1, 3, 5, 7)
#endif

// v ← Bᵀ·d.
CK_INLINE void NAME(transform_input)(const VEC d[6], VEC v[6]) {
    const VEC near = SPLAT(NEAR * NEAR), far = SPLAT(FAR * FAR), product = near * far, sum = near + far;
    VEC even = d[4] - far * d[2], odd = SPLAT(NEAR) * (d[3] - far * d[1]);
    v[0] = product * d[0] - sum * d[2] + d[4];
    v[1] = even + odd;
    v[2] = even - odd;
    even = d[4] - near * d[2];
    odd = SPLAT(FAR) * (d[3] - near * d[1]);
    v[3] = even + odd;
    v[4] = even - odd;
    v[5] = product * d[1] - sum * d[3] + d[5];
}

// y ← Aᵀ·m.
CK_INLINE void NAME(transform_output)(const VEC m[6], VEC y[4]) {
    VEC even = m[1] + m[2], odd = m[1] - m[2], far_even = m[3] + m[4], far_odd = m[3] - m[4];
    y[0] = m[0] + even + far_even;
    y[1] = SPLAT(NEAR) * odd + SPLAT(FAR) * far_odd;
    y[2] = SPLAT(NEAR * NEAR) * even + SPLAT(FAR * FAR) * far_even;
    y[3] = SPLAT(NEAR * NEAR * NEAR) * odd + SPLAT(FAR * FAR * FAR) * far_odd + m[5];
}

// v ← A·y.
CK_INLINE void NAME(transform_slopes)(const VEC y[4], VEC v[6]) {
    VEC even = y[0] + SPLAT(NEAR * NEAR) * y[2], odd = SPLAT(NEAR) * y[1] + SPLAT(NEAR * NEAR * NEAR) * y[3];
    v[0] = y[0];
    v[1] = even + odd;
    v[2] = even - odd;
    even = y[0] + SPLAT(FAR * FAR) * y[2];
    odd = SPLAT(FAR) * y[1] + SPLAT(FAR * FAR * FAR) * y[3];
    v[3] = even + odd;
    v[4] = even - odd;
    v[5] = y[3];
}

// The columns of lines of an image from `column` on, transformed down the lines: six lines, or four for slopes; zeros outside of
// the image.
CK_INLINE void NAME(transform_lines)(const float *const *line, int lines, ptrdiff_t column, ptrdiff_t width, ptrdiff_t count, float *out,
                                     ptrdiff_t stride) {
    for (ptrdiff_t i = 0; i < count; i += LANES, column += LANES) {
        VEC d[6], v[6];
        if (column >= 0 && column + LANES <= width) {
            for (int k = 0; k < lines; k++) d[k] = line[k] ? LOAD(line[k] + column) : SPLAT(0.0f);
        } else {
            int low = column >= 0 ? 0 : column <= -LANES ? LANES : (int)-column;
            int high = column >= width ? 0 : width - column >= LANES ? LANES : (int)(width - column);
            for (int k = 0; k < lines; k++) d[k] = line[k] && low < high ? LOAD_RANGE(line[k] + column, low, high) : SPLAT(0.0f);
        }
        if (lines == 6) NAME(transform_input)(d, v);
        else NAME(transform_slopes)(d, v);
        for (int k = 0; k < 6; k++) STORE(out + k * stride + i, v[k]);
    }
}

// The lines of a row of tiles are transformed first, one vector for LANES columns. Then columns are sorted by their place in a tile,
// and transformed along the lines; the last two places of a tile are the first two of the next, for which lines are read again.
static void NAME(winograd_inputs)(const ck_winograd *w, const float *x, ptrdiff_t image_stride, ptrdiff_t first, ptrdiff_t rows,
                                  float *out, ptrdiff_t stride, float *scratch) {
    ptrdiff_t across = (w->out_width + 3) / 4, down = (w->out_height + 3) / 4, tiles = rows * across;
    ptrdiff_t line_stride = winograd_line(tiles);
    float *next = scratch + 6 * line_stride;
    for (ptrdiff_t row = 0; row < rows; row++) {
        ptrdiff_t image = (first + row) / down, top = (first + row) % down * 4 - w->top;
        const float *line[6];
        for (int k = 0; k < 6; k++) {
            int inside = top + k >= 0 && top + k < w->height;
            line[k] = inside ? x + image * image_stride + (top + k) * w->width : NULL;
        }
        NAME(transform_lines)(line, 6, -w->left, w->width, 4 * across, scratch + row * 4 * across, line_stride);
        NAME(transform_lines)(line, 6, 4 - w->left, w->width, 4 * across, next + row * 4 * across, line_stride);
    }
    for (ptrdiff_t tile = 0; tile < tiles; tile += LANES) {
        for (int k = 0; k < 6; k++) {
            const float *a = scratch + k * line_stride + 4 * tile, *b = next + k * line_stride + 4 * tile;
            VEC a0 = LOAD(a), a1 = LOAD(a + LANES), a2 = LOAD(a + 2 * LANES), a3 = LOAD(a + 3 * LANES);
            VEC first01 = FIRST_PHASES(a0, a1), first23 = FIRST_PHASES(a2, a3);
            VEC last01 = LAST_PHASES(a0, a1), last23 = LAST_PHASES(a2, a3);
            VEC next01 = FIRST_PHASES(LOAD(b), LOAD(b + LANES));
            VEC next23 = FIRST_PHASES(LOAD(b + 2 * LANES), LOAD(b + 3 * LANES));
            VEC d[6] = {LOW_HALVES(first01, first23), HIGH_HALVES(first01, first23), LOW_HALVES(last01, last23),
                        HIGH_HALVES(last01, last23), LOW_HALVES(next01, next23), HIGH_HALVES(next01, next23)};
            VEC v[6];
            NAME(transform_input)(d, v);
            for (int n = 0; n < 6; n++) STORE(out + (6 * k + n) * stride + tile, v[n]);
        }
    }
}

// The same for the slopes of results, whose tiles do not overlap.
static void NAME(winograd_slopes)(const ck_winograd *w, const float *dy, ptrdiff_t image_stride, ptrdiff_t first, ptrdiff_t rows,
                                  float *out, ptrdiff_t stride, float *scratch) {
    ptrdiff_t across = (w->out_width + 3) / 4, down = (w->out_height + 3) / 4, tiles = rows * across;
    ptrdiff_t line_stride = winograd_line(tiles);
    for (ptrdiff_t row = 0; row < rows; row++) {
        ptrdiff_t image = (first + row) / down, top = (first + row) % down * 4;
        const float *line[4];
        for (int k = 0; k < 4; k++) line[k] = top + k < w->out_height ? dy + image * image_stride + (top + k) * w->out_width : NULL;
        NAME(transform_lines)(line, 4, 0, w->out_width, 4 * across, scratch + row * 4 * across, line_stride);
    }
    for (ptrdiff_t tile = 0; tile < tiles; tile += LANES) {
        for (int k = 0; k < 6; k++) {
            const float *a = scratch + k * line_stride + 4 * tile;
            VEC a0 = LOAD(a), a1 = LOAD(a + LANES), a2 = LOAD(a + 2 * LANES), a3 = LOAD(a + 3 * LANES);
            VEC first01 = FIRST_PHASES(a0, a1), first23 = FIRST_PHASES(a2, a3);
            VEC last01 = LAST_PHASES(a0, a1), last23 = LAST_PHASES(a2, a3);
            VEC y[4] = {LOW_HALVES(first01, first23), HIGH_HALVES(first01, first23), LOW_HALVES(last01, last23),
                        HIGH_HALVES(last01, last23)};
            VEC v[6];
            NAME(transform_slopes)(y, v);
            for (int n = 0; n < 6; n++) STORE(out + (6 * k + n) * stride + tile, v[n]);
        }
    }
}

static void NAME(winograd_outputs)(const ck_winograd *w, const float *m, ptrdiff_t stride, ptrdiff_t first, ptrdiff_t rows, float bias,
                                   const float *residual, float *y, ptrdiff_t image_stride, float *scratch) {
    ptrdiff_t across = (w->out_width + 3) / 4, down = (w->out_height + 3) / 4, tiles = rows * across;
    ptrdiff_t line_stride = winograd_line(tiles);
    for (ptrdiff_t tile = 0; tile < tiles; tile += LANES) {
        VEC along[4][6];
        for (int k = 0; k < 6; k++) {
            VEC line[6], short_line[4];
            for (int n = 0; n < 6; n++) line[n] = LOAD(m + (6 * k + n) * stride + tile);
            NAME(transform_output)(line, short_line);
            for (int n = 0; n < 4; n++) along[n][k] = short_line[n];
        }
        VEC square[4][4];
        for (int n = 0; n < 4; n++) NAME(transform_output)(along[n], square[n]);
        for (int r = 0; r < 4; r++) {
            float *to = scratch + r * line_stride + 4 * tile;
            VEC low01 = LOW_HALVES(square[0][r], square[1][r]), low23 = LOW_HALVES(square[2][r], square[3][r]);
            VEC high01 = HIGH_HALVES(square[0][r], square[1][r]), high23 = HIGH_HALVES(square[2][r], square[3][r]);
            STORE(to, FIRST_TURNS(low01, low23));
            STORE(to + LANES, LAST_TURNS(low01, low23));
            STORE(to + 2 * LANES, FIRST_TURNS(high01, high23));
            STORE(to + 3 * LANES, LAST_TURNS(high01, high23));
        }
    }
    for (ptrdiff_t row = 0; row < rows; row++) {
        ptrdiff_t image = (first + row) / down, top = (first + row) % down * 4;
        ptrdiff_t count = w->out_height - top < 4 ? w->out_height - top : 4;
        for (ptrdiff_t r = 0; r < count; r++) {
            const float *from = scratch + r * line_stride + row * 4 * across;
            ptrdiff_t at = image * image_stride + (top + r) * w->out_width;
            for (ptrdiff_t i = 0; i < w->out_width; i += LANES) {
                int lanes = w->out_width - i < LANES ? (int)(w->out_width - i) : LANES;
                VEC value = LOAD(from + i) + SPLAT(bias);
                if (w->adds) value += LOAD_SOME(y + at + i, lanes);
                if (residual) value += LOAD_SOME(residual + at + i, lanes);
                STORE_SOME(y + at + i, NAME(activated)(w->activation, w->low, w->high, value), lanes);
            }
        }
    }
}

#undef FIRST_PHASES
#undef LAST_PHASES
#undef LOW_HALVES
#undef HIGH_HALVES
#undef FIRST_TURNS
#undef LAST_TURNS
