// Row-pivoted LU of a narrow panel and solves with small unit lower triangles, row-major.

#include "vectors.h"

enum { WIDEST = 64 };

// Row with the largest magnitude in a column; magnitude 0 when the column vanishes (or holds only NaN).
CK_INLINE ptrdiff_t largest_in_column(const double *a, ptrdiff_t stride, ptrdiff_t from, ptrdiff_t m, double *magnitude) {
    double best = 0;
    ptrdiff_t row = from;
    for (ptrdiff_t i = from; i < m; i++) {
        double value = __builtin_fabs(a[i * stride]);
        if (value > best) { best = value; row = i; }
    }
    *magnitude = best;
    return row;
}

CK_INLINE void swap_rows(double *p, double *q, ptrdiff_t stride) {
    for (ptrdiff_t j = 0; j < stride; j += 8) {
        v8 keep = *(v8 *)(p + j);
        *(v8 *)(p + j) = *(v8 *)(q + j);
        *(v8 *)(q + j) = keep;
    }
}

CK_CLONES void ck_lu_panel(double *a, ptrdiff_t stride, ptrdiff_t m, ptrdiff_t column, ptrdiff_t width, int64_t *order) {
    double *panel = a + column;
    ptrdiff_t vectors = (width + 7) / 8;
    double magnitude;
    ptrdiff_t pivot = largest_in_column(panel, stride, column, m, &magnitude);
    for (ptrdiff_t k = 0; k < width && column + k < m; k++) {
        ptrdiff_t top = column + k;
        if (magnitude == 0) {
            for (ptrdiff_t i = top + 1; i < m; i++) panel[i * stride + k] = 0;
            if (k + 1 < width) pivot = largest_in_column(panel + k + 1, stride, top + 1, m, &magnitude);
            continue;
        }
        if (pivot != top) {
            swap_rows(a + pivot * stride, a + top * stride, stride);
            int64_t keep = order[pivot];
            order[pivot] = order[top];
            order[top] = keep;
        }
        // The pivot row with everything up to column k cleared, so that whole vectors can be subtracted.
        v8 u[WIDEST / 8];
        ptrdiff_t first = k / 8;
        i8 at_pivot = CK_LANES == CK_SPLAT((double)(k - 8 * first));
        for (ptrdiff_t v = first; v < vectors; v++) {
            v8 lanes = CK_LANES + CK_SPLAT((double)(8 * v));
            u[v] = (v8)((i8)*(v8 *)(panel + top * stride + 8 * v) & (lanes > CK_SPLAT((double)k)));
        }
        // Division, not a reciprocal: |l| ≤ 1 must hold when the pivot is subnormal, too.
        double divisor = panel[top * stride + k], best = 0;
        double reciprocal = magnitude > 1e-300 && magnitude < 1e300 ? 1 / divisor : 0;
        ptrdiff_t best_row = top + 1;
        for (ptrdiff_t i = top + 1; i < m; i++) {
            double *row = panel + i * stride;
            double l = reciprocal != 0 ? row[k] * reciprocal : row[k] / divisor;
            v8 factor = CK_SPLAT(l);
            v8 head = *(v8 *)(row + 8 * first) - factor * u[first];
            *(v8 *)(row + 8 * first) = CK_SELECT(at_pivot, factor, head);
            for (ptrdiff_t v = first + 1; v < vectors; v++) *(v8 *)(row + 8 * v) -= factor * u[v];
            if (k + 1 < width) {
                double value = __builtin_fabs(row[k + 1]);
                if (value > best) { best = value; best_row = i; }
            }
        }
        pivot = best_row;
        magnitude = best;
    }
}

CK_CLONES void ck_unit_lower_left_solve(const double *l, ptrdiff_t l_stride, ptrdiff_t h, double *x, ptrdiff_t x_stride,
                                        ptrdiff_t width) {
    ptrdiff_t column = 0;
    for (; column + 32 <= width; column += 32) {
        for (ptrdiff_t i = 1; i < h; i++) {
            double *row = x + i * x_stride + column;
            v8 s0 = *(v8 *)row, s1 = *(v8 *)(row + 8), s2 = *(v8 *)(row + 16), s3 = *(v8 *)(row + 24);
            for (ptrdiff_t j = 0; j < i; j++) {
                v8 factor = CK_SPLAT(l[i * l_stride + j]);
                const double *solved = x + j * x_stride + column;
                s0 -= factor * *(const v8 *)solved;
                s1 -= factor * *(const v8 *)(solved + 8);
                s2 -= factor * *(const v8 *)(solved + 16);
                s3 -= factor * *(const v8 *)(solved + 24);
            }
            *(v8 *)row = s0; *(v8 *)(row + 8) = s1; *(v8 *)(row + 16) = s2; *(v8 *)(row + 24) = s3;
        }
    }
    for (; column < width; column += 8) {
        for (ptrdiff_t i = 1; i < h; i++) {
            v8 s = *(v8 *)(x + i * x_stride + column);
            for (ptrdiff_t j = 0; j < i; j++) s -= CK_SPLAT(l[i * l_stride + j]) * *(const v8 *)(x + j * x_stride + column);
            *(v8 *)(x + i * x_stride + column) = s;
        }
    }
}

CK_CLONES void ck_unit_lower_right_solve(double *t, ptrdiff_t t_stride, ptrdiff_t rows, const double *l, ptrdiff_t l_stride,
                                         ptrdiff_t h) {
    double strict[WIDEST * WIDEST];  // the strict lower triangle, zero elsewhere
    ptrdiff_t vectors = (h + 7) / 8, packed = 8 * vectors;
    for (ptrdiff_t i = 0; i < h; i++)
        for (ptrdiff_t v = 0; v < vectors; v++) {
            v8 lanes = CK_LANES + CK_SPLAT((double)(8 * v));
            *(v8 *)(strict + i * packed + 8 * v) = (v8)((i8)*(const v8 *)(l + i * l_stride + 8 * v) & (lanes < CK_SPLAT((double)i)));
        }
    ptrdiff_t r = 0;
    for (; r + 4 <= rows; r += 4) {
        double *t0 = t + r * t_stride, *t1 = t0 + t_stride, *t2 = t1 + t_stride, *t3 = t2 + t_stride;
        for (ptrdiff_t i = h - 1; i > 0; i--) {
            v8 c0 = CK_SPLAT(t0[i]), c1 = CK_SPLAT(t1[i]), c2 = CK_SPLAT(t2[i]), c3 = CK_SPLAT(t3[i]);
            const double *line = strict + i * packed;
            for (ptrdiff_t j = 0; j < i; j += 8) {
                v8 factor = *(const v8 *)(line + j);
                *(v8 *)(t0 + j) -= c0 * factor;
                *(v8 *)(t1 + j) -= c1 * factor;
                *(v8 *)(t2 + j) -= c2 * factor;
                *(v8 *)(t3 + j) -= c3 * factor;
            }
        }
    }
    for (; r < rows; r++) {
        double *row = t + r * t_stride;
        for (ptrdiff_t i = h - 1; i > 0; i--) {
            v8 c = CK_SPLAT(row[i]);
            for (ptrdiff_t j = 0; j < i; j += 8) *(v8 *)(row + j) -= c * *(const v8 *)(strict + i * packed + j);
        }
    }
}

// y ← y − x·row over the first `width` entries.
CK_INLINE void subtract_row(double x, const double *row, ptrdiff_t width, double *y) {
    v8 factor = CK_SPLAT(x);
    ptrdiff_t j = 0;
    for (; j + 8 <= width; j += 8) *(v8 *)(y + j) -= factor * *(const v8 *)(row + j);
    for (; j < width; j++) y[j] -= x * row[j];
}

CK_CLONES void ck_solve_combination(const double *lu, ptrdiff_t stride, ptrdiff_t width, double *r) {
    for (ptrdiff_t i = 0; i < width; i++) {
        r[i] /= lu[i * stride + i];
        subtract_row(r[i], lu + i * stride + i + 1, width - i - 1, r + i + 1);
    }
    for (ptrdiff_t i = width - 1; i > 0; i--) subtract_row(r[i], lu + i * stride, i, r);
}

CK_CLONES void ck_weighted_row(const double *sum, double factor, const double *shift, ptrdiff_t dimension, ptrdiff_t stride,
                               double *row) {
    v8 mass = CK_SPLAT(sum[dimension]), scale = CK_SPLAT(factor), last = CK_SPLAT((double)dimension);
    for (ptrdiff_t j = 0; j < stride; j += 8) {
        v8 lanes = CK_LANES + CK_SPLAT((double)j);
        v8 value = *(const v8 *)(sum + j) - mass * *(const v8 *)(shift + j);
        value = CK_SELECT(lanes == last, mass, (v8)((i8)value & (lanes < last)));
        *(v8 *)(row + j) = scale * value;
    }
}
