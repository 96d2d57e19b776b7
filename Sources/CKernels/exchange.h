// The ratio test and the exchange of one row after the other, for one element type (element.h).

// Pairwise in registers: lanes read one by one would go through memory.
CK_INLINE REAL NAME(largest_lane)(const VEC *lanes) {
    VEC x = *lanes, y;
#ifdef CK_SINGLE
    y = __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
    x = SELECT(x > y, x, y);
    y = __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
    x = SELECT(x > y, x, y);
    y = __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
#else
    y = __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3);
    x = SELECT(x > y, x, y);
    y = __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5);
#endif
    x = SELECT(x > y, x, y);
    return x[0] > x[1] ? x[0] : x[1];
}

typedef struct {
    REAL step;     // how far the weight moves before the blocker reaches zero; NONE when nothing blocks
    REAL pivot;    // |t| of the blocker
    ptrdiff_t at;  // its column
} NAME(blocker);

// The lane with the largest pivot, the lowest column among equals.
CK_INLINE NAME(blocker) NAME(widest)(const VEC *pivot, const VEC *at, const REAL *ratio) {
    REAL best = NAME(largest_lane)(pivot);
    if (best <= 0) return (NAME(blocker)){NONE, best, -1};
    VEC excluded = SPLAT(-NONE);
    MASK candidates = *pivot == SPLAT(best);
    VEC columns = SELECT(candidates, -*at, excluded);
    ptrdiff_t column = (ptrdiff_t)-NAME(largest_lane)(&columns);
    return (NAME(blocker)){ratio[column], best, column};
}

// Ratio test in both directions. A weight within `slack` of the first to vanish may block in its place, so that
// among ties the largest pivot is found (Harris 1973); what it overshoots is below the rounding of the weights.
CK_INLINE void NAME(ratio_test)(const REAL *t, const ck_basis *basis, NAME(blocker) *down, NAME(blocker) *up) {
    REAL *ratio = basis->scratch;
    const REAL *weight = basis->weight;
    VEC zero = SPLAT(0.0), none = SPLAT(NONE), slack = SPLAT(basis->slack);
    VEC down_bound = none, up_bound = none;
    for (ptrdiff_t j = 0; j < basis->width; j += LANES) {
        VEC value = *(const VEC *)(t + j), w = *(const VEC *)(weight + j);
        VEC reciprocal = SPLAT(1.0) / ABS(value);
        VEC bound = (w + slack) * reciprocal;
        *(VEC *)(ratio + j) = w * reciprocal;
        MASK lowers_down = (value < zero) & (bound < down_bound), lowers_up = (value > zero) & (bound < up_bound);
        down_bound = SELECT(lowers_down, bound, down_bound);
        up_bound = SELECT(lowers_up, bound, up_bound);
    }
    down_bound = -down_bound;
    up_bound = -up_bound;
    VEC down_limit = SPLAT(-NAME(largest_lane)(&down_bound)), up_limit = SPLAT(-NAME(largest_lane)(&up_bound));
    VEC minus = SPLAT(-1.0), down_pivot = minus, up_pivot = minus, down_at = zero, up_at = zero;
    for (ptrdiff_t j = 0; j < basis->width; j += LANES) {
        VEC value = *(const VEC *)(t + j), ratios = *(const VEC *)(ratio + j), magnitude = ABS(value);
        VEC here = COLUMNS + SPLAT((REAL)j);
        MASK takes_down = (value < zero) & (ratios <= down_limit) & (magnitude > down_pivot);
        MASK takes_up = (value > zero) & (ratios <= up_limit) & (magnitude > up_pivot);
        down_pivot = SELECT(takes_down, magnitude, down_pivot);
        down_at = SELECT(takes_down, here, down_at);
        up_pivot = SELECT(takes_up, magnitude, up_pivot);
        up_at = SELECT(takes_up, here, up_at);
    }
    *down = NAME(widest)(&down_pivot, &down_at, ratio);
    *up = NAME(widest)(&up_pivot, &up_at, ratio);
}

// Decides one row. Returns the column of the exchange, or −1 when the point was dropped without one.
CK_INLINE ptrdiff_t NAME(decide)(const REAL *t, REAL x, int64_t name, const REAL *cost, ck_basis *basis) {
    REAL *basics = basis->weight, *costs = basis->cost;
    NAME(blocker) down, up;
    NAME(ratio_test)(t, basis, &down, &up);
    int goes_up = down.step < x && up.pivot > down.pivot;
    if (cost) {
        // Towards lower cost, unless the pivot there is hopeless beside the other.
        REAL reduced = *cost;
        for (ptrdiff_t i = 0; i < basis->width; i++) reduced -= t[i] * costs[i];
        int down_is_sound = down.step >= x || down.pivot > 1e-6 * up.pivot;
        int up_is_sound = up.at >= 0 && (down.step >= x || up.pivot > 1e-6 * down.pivot);
        goes_up = reduced < 0 ? up_is_sound : !down_is_sound && up_is_sound;
    }
    REAL s = goes_up ? -up.step : down.step < x ? down.step : x;
    ptrdiff_t at = goes_up ? up.at : down.step < x ? down.at : -1;
    VEC factor = SPLAT(s), zero = SPLAT(0.0);
    for (ptrdiff_t j = 0; j < basis->width; j += LANES) {
        VEC moved = *(VEC *)(basics + j) + factor * *(const VEC *)(t + j);
        *(VEC *)(basics + j) = SELECT(moved > zero, moved, zero);
    }
    if (at >= 0) {
        basics[at] = x - s;
        basis->name[at] = name;
        if (cost) costs[at] = *cost;
    }
    return at;
}

CK_INLINE void NAME(correction)(const REAL *t, ptrdiff_t width, ptrdiff_t at, REAL *z) {
    REAL reciprocal = 1 / t[at];
    for (ptrdiff_t j = 0; j < width; j += LANES) *(VEC *)(z + j) = *(const VEC *)(t + j) * SPLAT(-reciprocal);
    z[at] = reciprocal - 1;
}

// Coefficients of the pending exchanges in `rows` ≤ 4 rows: together, as every coefficient waits for the one before it.
CK_INLINE void NAME(coefficients)(const REAL *t, ptrdiff_t stride, int rows, const ck_exchanges *pending, REAL *c) {
    ptrdiff_t capacity = pending->capacity, count = pending->count;
    const REAL *w = pending->w;
    for (int r = 0; r < rows; r++) {
        for (ptrdiff_t q = 0; q < count; q++) c[r * capacity + q] = t[r * stride + pending->pivot[q]];
        for (ptrdiff_t q = count; q < capacity; q++) c[r * capacity + q] = 0;
    }
    for (ptrdiff_t p = 0; p < count; p++) {
        VEC factor[4];
        for (int r = 0; r < rows; r++) factor[r] = SPLAT(c[r * capacity + p]);
        for (ptrdiff_t q = p & ~(ptrdiff_t)(LANES - 1); q < capacity; q += LANES) {
            VEC line = *(const VEC *)(w + p * capacity + q);
            for (int r = 0; r < rows; r++) *(VEC *)(c + r * capacity + q) += factor[r] * line;
        }
    }
}

// Several vectors at a time: one alone would wait for its own last product.
CK_INLINE void NAME(add_pending)(REAL *row, const REAL *c, const ck_exchanges *pending, ptrdiff_t stride, ptrdiff_t column, int vectors) {
    VEC value[4];
    for (int v = 0; v < vectors; v++) value[v] = *(VEC *)(row + LANES * v);
    for (ptrdiff_t q = 0; q < pending->count; q++) {
        VEC factor = SPLAT(c[q]);
        const REAL *z = (const REAL *)pending->z + q * stride + column;
        for (int v = 0; v < vectors; v++) value[v] += factor * *(const VEC *)(z + LANES * v);
    }
    for (int v = 0; v < vectors; v++) *(VEC *)(row + LANES * v) = value[v];
}

CK_CLONES void NAME(ck_exchange_coefficients)(const REAL *t, ptrdiff_t stride, ptrdiff_t rows, const ck_exchanges *pending, REAL *c) {
    ptrdiff_t i = 0;
    for (; i + 4 <= rows; i += 4) NAME(coefficients)(t + i * stride, stride, 4, pending, c + i * pending->capacity);
    for (; i < rows; i++) NAME(coefficients)(t + i * stride, stride, 1, pending, c + i * pending->capacity);
}

CK_CLONES void NAME(ck_exchange_rows)(REAL *t, ptrdiff_t rows, const REAL *weight, const int64_t *name, const REAL *cost,
                                      ck_basis *basis, ck_exchanges *pending) {
    ptrdiff_t stride = basis->stride, width = basis->width, capacity = pending->capacity;
    REAL c[64], *z = pending->z, *w = pending->w;
    for (ptrdiff_t k = 0; k < rows; k++) {
        REAL *row = t + k * stride;
        if (pending->count > 0) {
            NAME(coefficients)(row, stride, 1, pending, c);
            ptrdiff_t j = 0;
            for (; j + 4 * LANES <= width; j += 4 * LANES) NAME(add_pending)(row + j, c, pending, stride, j, 4);
            for (; j < width; j += LANES) NAME(add_pending)(row + j, c, pending, stride, j, 1);
        }
        ptrdiff_t at = NAME(decide)(row, weight[k], name[k], cost ? cost + k : NULL, basis);
        if (at < 0) continue;
        ptrdiff_t q = pending->count;
        NAME(correction)(row, width, at, z + q * stride);
        pending->pivot[q] = at;
        for (ptrdiff_t p = 0; p < q; p++) w[p * capacity + q] = z[p * stride + at];
        for (ptrdiff_t later = 0; later < capacity; later++) w[q * capacity + later] = 0;
        pending->count = q + 1;
    }
}
