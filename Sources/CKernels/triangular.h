// Row-pivoted LU of a narrow panel and solves with small unit lower triangles, for one element type (element.h).

CK_INLINE void NAME(swap_rows)(REAL *p, REAL *q, ptrdiff_t stride) {
    for (ptrdiff_t j = 0; j < stride; j += LANES) {
        VEC keep = *(VEC *)(p + j);
        *(VEC *)(p + j) = *(VEC *)(q + j);
        *(VEC *)(q + j) = keep;
    }
}

// to[j][i] ← from[i][j], in blocks of four.
CK_INLINE void NAME(transpose)(const REAL *from, ptrdiff_t from_stride, ptrdiff_t rows, ptrdiff_t columns, REAL *to, ptrdiff_t to_stride) {
    ptrdiff_t i = 0;
    for (; i + 4 <= rows; i += 4) {
        const REAL *row = from + i * from_stride;
        ptrdiff_t j = 0;
        for (; j + 4 <= columns; j += 4) {
            FOUR a = *(const FOUR *)(row + j), b = *(const FOUR *)(row + from_stride + j), c = *(const FOUR *)(row + 2 * from_stride + j),
                 d = *(const FOUR *)(row + 3 * from_stride + j);
            FOUR ab = __builtin_shufflevector(a, b, 0, 4, 2, 6), ab1 = __builtin_shufflevector(a, b, 1, 5, 3, 7);
            FOUR cd = __builtin_shufflevector(c, d, 0, 4, 2, 6), cd1 = __builtin_shufflevector(c, d, 1, 5, 3, 7);
            REAL *target = to + j * to_stride + i;
            *(FOUR *)target = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
            *(FOUR *)(target + to_stride) = __builtin_shufflevector(ab1, cd1, 0, 1, 4, 5);
            *(FOUR *)(target + 2 * to_stride) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
            *(FOUR *)(target + 3 * to_stride) = __builtin_shufflevector(ab1, cd1, 2, 3, 6, 7);
        }
        for (; j < columns; j++)
            for (int r = 0; r < 4; r++) to[j * to_stride + i + r] = row[r * from_stride + j];
    }
    for (; i < rows; i++)
        for (ptrdiff_t j = 0; j < columns; j++) to[j * to_stride + i] = from[i * from_stride + j];
}

// The lane with the largest magnitude among those of `free`, where 1 stands for a row without a pivot and 0 for others;
// −1 when all are zero or NaN.
CK_INLINE ptrdiff_t NAME(largest_free)(const REAL *column, const REAL *free, ptrdiff_t lanes, REAL *magnitude) {
    VEC best = SPLAT(0.0), zero = SPLAT(0.0);
    for (ptrdiff_t i = 0; i < lanes; i += LANES) {
        VEC value = SELECT(*(const VEC *)(free + i) > zero, ABS(*(const VEC *)(column + i)), zero);
        best = SELECT(value > best, value, best);
    }
    REAL largest = 0;
    for (int lane = 0; lane < LANES; lane++) largest = best[lane] > largest ? best[lane] : largest;
    *magnitude = largest;
    if (largest == 0) return -1;
    VEC wanted = SPLAT(largest);
    for (ptrdiff_t i = 0;; i += LANES) {
        MASK found = (ABS(*(const VEC *)(column + i)) == wanted) & (*(const VEC *)(free + i) > zero);
        WHOLE any = 0;
        for (int lane = 0; lane < LANES; lane++) any |= found[lane];
        if (!any) continue;
        for (int lane = 0;; lane++)
            if (found[lane]) return i + lane;
    }
}

// Columns as rows of `panel`, rows as lanes: a search for a pivot then reads what lies together, and no row moves before
// the end. Row p[k] belongs to column k. `free` is as above, and `l` room for a column.
CK_INLINE void NAME(factor_panel)(REAL *panel, ptrdiff_t lanes, ptrdiff_t width, ptrdiff_t rows, REAL *free, REAL *l, ptrdiff_t *p) {
    REAL magnitude;
    ptrdiff_t pivot = NAME(largest_free)(panel, free, lanes, &magnitude);
    for (ptrdiff_t k = 0; k < width && k < rows; k++) {
        REAL *column = panel + k * lanes;
        int vanishes = pivot < 0;
        if (vanishes)
            for (pivot = 0; free[pivot] == 0;) pivot++;
        p[k] = pivot;
        free[pivot] = 0;
        // Division, not a reciprocal: |l| ≤ 1 must hold when the pivot is subnormal, too.
        REAL divisor = column[pivot];
        int inverts = magnitude > SMALLEST && magnitude < 1 / SMALLEST;
        VEC reciprocal = SPLAT(inverts ? 1 / divisor : 0), zero = SPLAT(0.0);
        for (ptrdiff_t i = 0; i < lanes; i += LANES) {
            VEC value = *(VEC *)(column + i);
            MASK is_free = *(const VEC *)(free + i) > zero;
            VEC divided = vanishes ? zero : inverts ? value * reciprocal : value / SPLAT(divisor);
            divided = SELECT(is_free, divided, zero);
            *(VEC *)(l + i) = divided;
            *(VEC *)(column + i) = SELECT(is_free, divided, value);
        }
        for (ptrdiff_t j = k + 1; j < width; j++) {
            REAL *other = panel + j * lanes;
            VEC factor = SPLAT(other[p[k]]);
            for (ptrdiff_t i = 0; i < lanes; i += LANES) *(VEC *)(other + i) -= factor * *(const VEC *)(l + i);
            if (j == k + 1) pivot = NAME(largest_free)(other, free, lanes, &magnitude);
        }
    }
}

CK_CLONES void NAME(ck_lu_panel)(REAL *a, ptrdiff_t stride, ptrdiff_t m, ptrdiff_t column, ptrdiff_t width, int64_t *order, REAL *scratch) {
    ptrdiff_t rows = m - column, lanes = (rows + LANES - 1) / LANES * LANES, p[WIDEST];
    REAL *free = scratch, *l = scratch + lanes, *panel = scratch + 2 * lanes;
    for (ptrdiff_t i = 0; i < lanes; i++) free[i] = i < rows;
    for (ptrdiff_t j = 0; j < width; j++)
        for (ptrdiff_t i = rows; i < lanes; i++) panel[j * lanes + i] = 0;
    NAME(transpose)(a + column * stride + column, stride, rows, width, panel, lanes);
    NAME(factor_panel)(panel, lanes, width, rows, free, l, p);
    NAME(transpose)(panel, lanes, width, rows, a + column * stride + column, stride);
    for (ptrdiff_t k = 0; k < width && k < rows; k++) {
        // Where the row is by now: one that was at the top has gone where the pivot row of that place came from.
        ptrdiff_t at = p[k];
        while (at < k) at = p[at];
        p[k] = at;
        if (at == k) continue;
        NAME(swap_rows)(a + (column + k) * stride, a + (column + at) * stride, stride);
        int64_t keep = order[column + k];
        order[column + k] = order[column + at];
        order[column + at] = keep;
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
