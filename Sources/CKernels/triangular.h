// Row-pivoted LU of a narrow panel and solves with small unit lower triangles, for one element type (element.h).

// Row with the largest magnitude in a column; magnitude 0 when the column vanishes (or holds only NaN).
CK_INLINE ptrdiff_t NAME(largest_in_column)(const REAL *a, ptrdiff_t stride, ptrdiff_t from, ptrdiff_t m, REAL *magnitude) {
    REAL best = 0;
    ptrdiff_t row = from;
    for (ptrdiff_t i = from; i < m; i++) {
        REAL value = NAME(magnitude)(a[i * stride]);
        if (value > best) { best = value; row = i; }
    }
    *magnitude = best;
    return row;
}

CK_INLINE void NAME(swap_rows)(REAL *p, REAL *q, ptrdiff_t stride) {
    for (ptrdiff_t j = 0; j < stride; j += LANES) {
        VEC keep = *(VEC *)(p + j);
        *(VEC *)(p + j) = *(VEC *)(q + j);
        *(VEC *)(q + j) = keep;
    }
}

CK_CLONES void NAME(ck_lu_panel)(REAL *a, ptrdiff_t stride, ptrdiff_t m, ptrdiff_t column, ptrdiff_t width, int64_t *order) {
    REAL *panel = a + column;
    ptrdiff_t vectors = (width + LANES - 1) / LANES;
    REAL magnitude;
    ptrdiff_t pivot = NAME(largest_in_column)(panel, stride, column, m, &magnitude);
    for (ptrdiff_t k = 0; k < width && column + k < m; k++) {
        ptrdiff_t top = column + k;
        if (magnitude == 0) {
            for (ptrdiff_t i = top + 1; i < m; i++) panel[i * stride + k] = 0;
            if (k + 1 < width) pivot = NAME(largest_in_column)(panel + k + 1, stride, top + 1, m, &magnitude);
            continue;
        }
        if (pivot != top) {
            NAME(swap_rows)(a + pivot * stride, a + top * stride, stride);
            int64_t keep = order[pivot];
            order[pivot] = order[top];
            order[top] = keep;
        }
        // The pivot row with everything up to column k cleared, so that whole vectors can be subtracted.
        VEC u[WIDEST / LANES];
        ptrdiff_t first = k / LANES;
        for (ptrdiff_t v = first; v < vectors; v++) {
            VEC lanes = COLUMNS + SPLAT((REAL)(LANES * v));
            u[v] = (VEC)((MASK)*(VEC *)(panel + top * stride + LANES * v) & (lanes > SPLAT((REAL)k)));
        }
        // Division, not a reciprocal: |l| ≤ 1 must hold when the pivot is subnormal, too.
        REAL divisor = panel[top * stride + k], best = 0;
        REAL reciprocal = magnitude > SMALLEST && magnitude < 1 / SMALLEST ? 1 / divisor : 0;
        ptrdiff_t best_row = top + 1, next = k + 1 < width ? k + 1 : k;
        for (ptrdiff_t i = top + 1; i < m; i++) {
            REAL *row = panel + i * stride;
            REAL l = reciprocal != 0 ? row[k] * reciprocal : row[k] / divisor;
            VEC factor = SPLAT(l);
            for (ptrdiff_t v = first; v < vectors; v++) *(VEC *)(row + LANES * v) -= factor * u[v];
            row[k] = l;
            // The largest comes anywhere: a branch would be mispredicted for every new one.
            REAL value = NAME(magnitude)(row[next]);
            int is_larger = __builtin_unpredictable(value > best);
            best = is_larger ? value : best;
            best_row = is_larger ? i : best_row;
        }
        pivot = best_row;
        magnitude = best;
    }
}

CK_CLONES void NAME(ck_unit_lower_left_solve)(const REAL *l, ptrdiff_t l_stride, ptrdiff_t h, REAL *x, ptrdiff_t x_stride,
                                        ptrdiff_t width) {
    ptrdiff_t column = 0;
    for (; column + 4 * LANES <= width; column += 4 * LANES) {
        for (ptrdiff_t i = 1; i < h; i++) {
            REAL *row = x + i * x_stride + column;
            VEC s0 = *(VEC *)row, s1 = *(VEC *)(row + LANES), s2 = *(VEC *)(row + 2 * LANES), s3 = *(VEC *)(row + 3 * LANES);
            for (ptrdiff_t j = 0; j < i; j++) {
                VEC factor = SPLAT(l[i * l_stride + j]);
                const REAL *solved = x + j * x_stride + column;
                s0 -= factor * *(const VEC *)solved;
                s1 -= factor * *(const VEC *)(solved + LANES);
                s2 -= factor * *(const VEC *)(solved + 2 * LANES);
                s3 -= factor * *(const VEC *)(solved + 3 * LANES);
            }
            *(VEC *)row = s0; *(VEC *)(row + LANES) = s1; *(VEC *)(row + 2 * LANES) = s2; *(VEC *)(row + 3 * LANES) = s3;
        }
    }
    for (; column < width; column += LANES) {
        for (ptrdiff_t i = 1; i < h; i++) {
            VEC s = *(VEC *)(x + i * x_stride + column);
            for (ptrdiff_t j = 0; j < i; j++) s -= SPLAT(l[i * l_stride + j]) * *(const VEC *)(x + j * x_stride + column);
            *(VEC *)(x + i * x_stride + column) = s;
        }
    }
}

CK_CLONES void NAME(ck_unit_lower_right_solve)(REAL *t, ptrdiff_t t_stride, ptrdiff_t rows, const REAL *l, ptrdiff_t l_stride,
                                         ptrdiff_t h) {
    REAL strict[WIDEST * WIDEST];  // the strict lower triangle, zero elsewhere
    ptrdiff_t vectors = (h + LANES - 1) / LANES, packed = LANES * vectors;
    for (ptrdiff_t i = 0; i < h; i++)
        for (ptrdiff_t v = 0; v < vectors; v++) {
            VEC lanes = COLUMNS + SPLAT((REAL)(LANES * v));
            *(VEC *)(strict + i * packed + LANES * v) = (VEC)((MASK)*(const VEC *)(l + i * l_stride + LANES * v) & (lanes < SPLAT((REAL)i)));
        }
    ptrdiff_t r = 0;
    for (; r + 4 <= rows; r += 4) {
        REAL *t0 = t + r * t_stride, *t1 = t0 + t_stride, *t2 = t1 + t_stride, *t3 = t2 + t_stride;
        for (ptrdiff_t i = h - 1; i > 0; i--) {
            VEC c0 = SPLAT(t0[i]), c1 = SPLAT(t1[i]), c2 = SPLAT(t2[i]), c3 = SPLAT(t3[i]);
            const REAL *line = strict + i * packed;
            for (ptrdiff_t j = 0; j < i; j += LANES) {
                VEC factor = *(const VEC *)(line + j);
                *(VEC *)(t0 + j) -= c0 * factor;
                *(VEC *)(t1 + j) -= c1 * factor;
                *(VEC *)(t2 + j) -= c2 * factor;
                *(VEC *)(t3 + j) -= c3 * factor;
            }
        }
    }
    for (; r < rows; r++) {
        REAL *row = t + r * t_stride;
        for (ptrdiff_t i = h - 1; i > 0; i--) {
            VEC c = SPLAT(row[i]);
            for (ptrdiff_t j = 0; j < i; j += LANES) *(VEC *)(row + j) -= c * *(const VEC *)(strict + i * packed + j);
        }
    }
}
