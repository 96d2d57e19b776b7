// The tile of a product that stays in registers, for one kind of vector.
//
// Before inclusion: VEC of LANES floats, WHOLE for as many integers, ROWS and VECTORS (a tile is ROWS × VECTORS·LANES),
// NAME for names of this kind, SPLAT, LOAD, and LOAD_SOME and STORE_SOME for the first n lanes.

#define PICK(mask, a, b) ((VEC)(((WHOLE)(mask) & (WHOLE)(a)) | (~(WHOLE)(mask) & (WHOLE)(b))))

enum { NAME(width) = VECTORS * LANES };

// Sums over the depth; `rows`, `vectors` and `partial` are constants where this is inlined. The last vector has `tail` lanes.
CK_INLINE void NAME(sums)(const ck_product *p, const float *left, const float *right, int rows, int vectors, int partial, int tail,
                          VEC sum[ROWS][VECTORS]) {
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++) sum[r][v] = SPLAT(0.0f);
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

CK_INLINE VEC NAME(activated)(const ck_product *p, VEC value) {
    if (p->activation == CK_CLAMP) {
        VEC low = SPLAT(p->low), high = SPLAT(p->high);
        value = PICK(low > value, low, value);
        value = PICK(high < value, high, value);
    } else if (p->activation == CK_LEAK) {
        value = PICK(value < SPLAT(0.0f), value * SPLAT(p->low), value);
    }
    return value;
}

// Copies `count` columns between a dense row and a result that is interrupted after every `run` columns.
CK_INLINE void NAME(gather)(const ck_product *p, const float *row, ptrdiff_t column, ptrdiff_t count, float *dense) {
    for (ptrdiff_t done = 0; done < count;) {
        ptrdiff_t within = (column + done) % p->run, size = p->run - within;
        if (size > count - done) size = count - done;
        memcpy(dense + done, row + (column + done) / p->run * p->run_stride + within, (size_t)size * sizeof(float));
        done += size;
    }
}

CK_INLINE void NAME(scatter)(const ck_product *p, const float *dense, ptrdiff_t column, ptrdiff_t count, float *row) {
    for (ptrdiff_t done = 0; done < count;) {
        ptrdiff_t within = (column + done) % p->run, size = p->run - within;
        if (size > count - done) size = count - done;
        memcpy(row + (column + done) / p->run * p->run_stride + within, dense + done, (size_t)size * sizeof(float));
        done += size;
    }
}

CK_INLINE void NAME(tile)(const ck_product *p, const float *left, const float *right, ptrdiff_t row, ptrdiff_t column, int rows,
                          int vectors, int partial, int tail) {
    VEC sum[ROWS][VECTORS];
    NAME(sums)(p, left, right, rows, vectors, partial, tail, sum);
    ptrdiff_t width = (vectors - 1) * LANES + tail, within = column % p->run, before = column / p->run * p->run_stride + within;
    int whole = within + width <= p->run;
    float result[NAME(width)], other[NAME(width)];
    for (int r = 0; r < rows; r++) {
        if (row + r >= p->rows) break;
        ptrdiff_t start = (row + r) * p->result_stride;
        float *y = p->result + start + before;
        const float *residual = p->residual ? p->residual + start + before : NULL;
        if (!whole) {
            if (p->adds) NAME(gather)(p, p->result + start, column, width, result);
            if (residual) NAME(gather)(p, p->residual + start, column, width, other), residual = other;
            y = result;
        }
        for (int v = 0; v < vectors; v++) {
            int lanes = partial && v == vectors - 1 ? tail : LANES;
            VEC value = sum[r][v];
            if (p->adds) value += LOAD_SOME(y + v * LANES, lanes);
            if (p->row_bias) value += SPLAT(p->row_bias[row + r]);
            if (p->column_bias) value += LOAD_SOME(p->column_bias + column + v * LANES, lanes);
            if (residual) value += LOAD_SOME(residual + v * LANES, lanes);
            value = NAME(activated)(p, value);
            STORE_SOME(y + v * LANES, value, lanes);
        }
        if (!whole) NAME(scatter)(p, result, column, width, p->result + start);
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
    ptrdiff_t column = 0;
    for (; column + NAME(width) <= p->columns; column += NAME(width), right += p->right_stride)
        NAME(columns)(p, right, column, VECTORS, 0, LANES);
    ptrdiff_t rest = p->columns - column;
    if (rest == 0) return;
    int vectors = (int)((rest + LANES - 1) / LANES), tail = (int)(rest - (vectors - 1) * LANES);
    if (vectors == 1) NAME(columns)(p, right, column, 1, 1, tail);
    else if (vectors == 2) NAME(columns)(p, right, column, 2, 1, tail);
#if VECTORS > 2
    else NAME(columns)(p, right, column, 3, 1, tail);
#endif
}

#undef VEC
#undef WHOLE
#undef LANES
#undef ROWS
#undef VECTORS
#undef NAME
#undef SPLAT
#undef LOAD
#undef LOAD_SOME
#undef STORE_SOME
#undef PICK
