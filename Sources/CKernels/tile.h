// The tile of a product that stays in registers, for one kind of vector.
//
// Before inclusion: the vectors of lanes.h, ROWS and VECTORS (a tile is ROWS × VECTORS·LANES).

#include "activated.h"

enum { NAME(width) = VECTORS * LANES };

// Sums over the depth; `rows`, `vectors` and `partial` are constants where this is inlined. The last vector has `tail` lanes.
CK_INLINE void NAME(sums)(const ck_product *p, const float *left, const float *right, int rows, int vectors, int partial, int tail,
                          VEC sum[ROWS][VECTORS]) {
    _Pragma("clang loop unroll(full)") for (int r = 0; r < rows; r++)
        _Pragma("clang loop unroll(full)") for (int v = 0; v < vectors; v++) sum[r][v] = SPLAT(0.0f);
    for (ptrdiff_t k = 0; k < p->depth; k++) {
        const float *b = right + p->offsets[k];
        VEC value[VECTORS];
        for (int v = 0; v < vectors; v++)
            value[v] = partial && v == vectors - 1 ? LOAD_SOME(b + v * LANES, tail) : LOAD(b + v * LANES);
        for (int r = 0; r < rows; r++) {
            VEC factor = SPLAT(left[k * ROWS + r]);
            for (int v = 0; v < vectors; v++) sum[r][v] += factor * value[v];
        }
    }
}

// Copies `count` columns between a dense row and a result that is interrupted after every `run` columns. Not inlined: once per
// row of the tiles that meet an interruption.
static __attribute__((noinline)) void NAME(gather)(const ck_product *p, const float *row, ptrdiff_t column, ptrdiff_t count, float *dense) {
    for (ptrdiff_t done = 0; done < count;) {
        ptrdiff_t within = (column + done) % p->run, size = p->run - within;
        if (size > count - done) size = count - done;
        memcpy(dense + done, row + (column + done) / p->run * p->run_stride + within, (size_t)size * sizeof(float));
        done += size;
    }
}

static __attribute__((noinline)) void NAME(scatter)(const ck_product *p, const float *dense, ptrdiff_t column, ptrdiff_t count, float *row) {
    for (ptrdiff_t done = 0; done < count;) {
        ptrdiff_t within = (column + done) % p->run, size = p->run - within;
        if (size > count - done) size = count - done;
        memcpy(row + (column + done) / p->run * p->run_stride + within, dense + done, (size_t)size * sizeof(float));
        done += size;
    }
}

// One vector on its way out: bias, residual, activation.
CK_INLINE void NAME(store)(const ck_product *p, VEC value, float *y, const float *residual, ptrdiff_t row, ptrdiff_t column, int lanes) {
    if (p->adds) value += LOAD_SOME(y, lanes);
    if (p->row_bias) value += SPLAT(p->row_bias[row]);
    if (p->column_bias) value += LOAD_SOME(p->column_bias + column, lanes);
    if (residual) value += LOAD_SOME(residual, lanes);
    value = NAME(activated)(p->activation, p->low, p->high, value);
    STORE_SOME(y, value, lanes);
}

CK_INLINE void NAME(tile)(const ck_product *p, const float *left, const float *right, ptrdiff_t row, ptrdiff_t column, int rows,
                          int vectors, int partial, int tail) {
    VEC sum[ROWS][VECTORS];
    NAME(sums)(p, left, right, rows, vectors, partial, tail, sum);
    ptrdiff_t width = (vectors - 1) * LANES + tail, within = column % p->run, before = column / p->run * p->run_stride + within;
    ptrdiff_t start = row * p->result_stride, valid = p->rows - row;
    if (within + width <= p->run) {
        // Whole loops, so that sums have no address and stay in registers.
        float *y = p->result + start + before;
        const float *residual = p->residual ? p->residual + start + before : NULL;
        _Pragma("clang loop unroll(full)") for (int r = 0; r < rows; r++) {
            if (r < valid) {
                _Pragma("clang loop unroll(full)") for (int v = 0; v < vectors; v++)
                    NAME(store)(p, sum[r][v], y + v * LANES, residual ? residual + v * LANES : NULL, row + r, column + v * LANES,
                                partial && v == vectors - 1 ? tail : LANES);
            }
            y += p->result_stride;
            if (residual) residual += p->result_stride;
        }
        return;
    }
    float result[NAME(width)], other[NAME(width)];
    _Pragma("clang loop unroll(full)") for (int r = 0; r < rows; r++) {
        if (r < valid) {
            ptrdiff_t line = start + r * p->result_stride;
            if (p->adds) NAME(gather)(p, p->result + line, column, width, result);
            if (p->residual) NAME(gather)(p, p->residual + line, column, width, other);
            _Pragma("clang loop unroll(full)") for (int v = 0; v < vectors; v++)
                NAME(store)(p, sum[r][v], result + v * LANES, p->residual ? other + v * LANES : NULL, row + r, column + v * LANES,
                            partial && v == vectors - 1 ? tail : LANES);
            NAME(scatter)(p, result, column, width, p->result + line);
        }
    }
}

// All rows of one tile of columns; blocks of half the rows where no more are left.
CK_INLINE void NAME(columns)(const ck_product *p, const float *right, ptrdiff_t column, int vectors, int partial, int tail) {
    const float *left = p->left;
    ptrdiff_t row = 0;
    for (; row + ROWS / 2 < p->rows; row += ROWS, left += ROWS * p->left_depth)
        NAME(tile)(p, left, right, row, column, ROWS, vectors, partial, tail);
    if (row < p->rows) NAME(tile)(p, left, right, row, column, ROWS / 2, vectors, partial, tail);
}

static void NAME(product)(const ck_product *p) {
    const float *right = p->right;
    ptrdiff_t column = 0, end = p->columns;
#if VECTORS > 2
    // One vector alone is half as fast as two: a whole tile and one vector are cut into twice two, where columns lie in a row.
    ptrdiff_t over = end % NAME(width);
    int pairs = p->right_stride == NAME(width) && end > NAME(width) && over > 0 && over <= LANES;
    if (pairs) end -= over + NAME(width);
#endif
    for (; column + NAME(width) <= end; column += NAME(width), right += p->right_stride)
        NAME(columns)(p, right, column, VECTORS, 0, LANES);
    ptrdiff_t rest = p->columns - column;
    if (rest == 0) return;
#if VECTORS > 2
    if (pairs) {
        NAME(columns)(p, right, column, 2, 0, LANES);
        NAME(columns)(p, right + 2 * LANES, column + 2 * LANES, 2, 1, (int)(rest - 3 * LANES));
        return;
    }
#endif
    int vectors = (int)((rest + LANES - 1) / LANES), tail = (int)(rest - (vectors - 1) * LANES);
    if (vectors == 1) NAME(columns)(p, right, column, 1, 1, tail);
    else if (vectors == 2) NAME(columns)(p, right, column, 2, 1, tail);
#if VECTORS > 2
    else NAME(columns)(p, right, column, 3, 1, tail);
#endif
}

#undef ROWS
#undef VECTORS
