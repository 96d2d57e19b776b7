// Null space and exchange of a narrow matrix in one call: rows of up to a few dozen entries, where every step of the
// blocked method would wait for calls, divisions and pivots instead of computing.
//
// Gauss–Jordan by columns of A, rows as lanes: with row p the largest of column k, column k is divided by its entry there
// and subtracted from all others so that their entries vanish. In the columns to come that is row-pivoted LU; the ones
// before hold T = A·A_B⁻¹ for the basic rows so far, which are unit rows. Neither U is inverted nor a row moved.
// Measured beside LU, a triangular solve and the exchange of exchange.h (2D rows, thousands of cycles): D = 11 2.2 instead
// of 5.5, D = 21 8.2 instead of 17.8, D = 48 71 instead of 116.

#include "vectors.h"

#define NONE 0x1p1023
enum { WIDEST = 64, GROUP = 2, NARROW = 3 };

typedef _Bool b8 __attribute__((ext_vector_type(8)));
typedef _Bool b4 __attribute__((ext_vector_type(4)));

CK_INLINE uint64_t bits8(const i8 *mask) {
    b8 lanes = __builtin_convertvector(*mask, b8);
    uint8_t bits;
    memcpy(&bits, &lanes, 1);
    return bits;
}

CK_INLINE uint64_t bits4(const i4 *mask) {
    b4 lanes = __builtin_convertvector(*mask, b4);
    uint8_t bits;
    memcpy(&bits, &lanes, 1);
    return bits & 15;
}

#define SPLAT4(x) ((v4){(x), (x), (x), (x)})
#define ABS4(x) ((v4)((i4)(x) & INT64_MAX))
#define SELECT4(mask, a, b) ((v4)(((i4)(mask) & (i4)(a)) | (~(i4)(mask) & (i4)(b))))

CK_INLINE void transpose_block(const double *from, ptrdiff_t from_stride, double *to, ptrdiff_t to_stride) {
    v4 a = *(const v4 *)from, b = *(const v4 *)(from + from_stride), c = *(const v4 *)(from + 2 * from_stride),
       d = *(const v4 *)(from + 3 * from_stride);
    v4 ab = __builtin_shufflevector(a, b, 0, 4, 2, 6), ab1 = __builtin_shufflevector(a, b, 1, 5, 3, 7);
    v4 cd = __builtin_shufflevector(c, d, 0, 4, 2, 6), cd1 = __builtin_shufflevector(c, d, 1, 5, 3, 7);
    *(v4 *)to = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    *(v4 *)(to + to_stride) = __builtin_shufflevector(ab1, cd1, 0, 1, 4, 5);
    *(v4 *)(to + 2 * to_stride) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    *(v4 *)(to + 3 * to_stride) = __builtin_shufflevector(ab1, cd1, 2, 3, 6, 7);
}

// to[j][i] ← from[i][j] over whole blocks of four.
CK_INLINE void transpose(const double *from, ptrdiff_t from_stride, ptrdiff_t rows, ptrdiff_t columns, double *to, ptrdiff_t to_stride) {
    for (ptrdiff_t i = 0; i < rows; i += 4)
        for (ptrdiff_t j = 0; j < columns; j += 4) transpose_block(from + i * from_stride + j, from_stride, to + j * to_stride + i, to_stride);
}

// The lane with the largest magnitude, −1 when all are zero or NaN.
CK_INLINE ptrdiff_t largest_in_lanes(const double *column, ptrdiff_t lanes, double *magnitude, double *inverse) {
    v8 best = CK_SPLAT(0.0);
    for (ptrdiff_t i = 0; i < lanes; i += 8) {
        v8 value = CK_ABS(*(const v8 *)(column + i));
        best = CK_SELECT(value > best, value, best);
    }
    v8 other = __builtin_shufflevector(best, best, 4, 5, 6, 7, 0, 1, 2, 3);
    best = CK_SELECT(best > other, best, other);
    other = __builtin_shufflevector(best, best, 2, 3, 0, 1, 6, 7, 4, 5);
    best = CK_SELECT(best > other, best, other);
    *magnitude = best[0] > best[1] ? best[0] : best[1];
    if (*magnitude == 0) return -1;
    *inverse = 1 / *magnitude;
    v8 largest = CK_SPLAT(*magnitude);
    for (ptrdiff_t start = 0;; start += 64) {
        uint64_t bits = 0;
        for (ptrdiff_t i = start; i < lanes && i < start + 64; i += 8) {
            i8 found = CK_ABS(*(const v8 *)(column + i)) == largest;
            bits |= bits8(&found) << (i - start);
        }
        if (bits) return start + __builtin_ctzll(bits);
    }
}

// `count` columns from j on, around the end, minus s and t times two divided columns, in `vectors` vectors of lanes.
CK_INLINE void subtract(double *columns, ptrdiff_t lanes, ptrdiff_t width, ptrdiff_t j, ptrdiff_t count, const double *first,
                        const double *second, const double *s, const double *t, ptrdiff_t apart, int vectors) {
    v8 f[NARROW], g[NARROW];
    for (int v = 0; v < vectors; v++) {
        f[v] = *(const v8 *)(first + 8 * v);
        g[v] = *(const v8 *)(second + 8 * v);
    }
    for (ptrdiff_t n = 0; n < count; n++) {
        v8 a = CK_SPLAT(s[j * apart]), b = CK_SPLAT(t[j * apart]);
        double *column = columns + j * lanes;
        for (int v = 0; v < vectors; v++) {
            v8 value = *(v8 *)(column + 8 * v) - a * f[v];
            *(v8 *)(column + 8 * v) = value - b * g[v];
        }
        j = j + 1 < width ? j + 1 : 0;
    }
}

// The same in all lanes, s and t the rows p and q: few lanes at once, so that the factors can be read as they are needed;
// of more, the factors are copied first.
CK_INLINE void subtract_rows(double *columns, ptrdiff_t lanes, ptrdiff_t width, ptrdiff_t j, ptrdiff_t count, const double *first,
                        const double *second, ptrdiff_t p, ptrdiff_t q, const double *s, const double *t) {
    if (lanes <= 8 * NARROW) return subtract(columns, lanes, width, j, count, first, second, columns + p, columns + q, lanes, (int)(lanes / 8));
    ptrdiff_t at = 0;
    for (; at + 8 * GROUP <= lanes; at += 8 * GROUP) subtract(columns + at, lanes, width, j, count, first + at, second + at, s, t, 1, GROUP);
    if (at < lanes) subtract(columns + at, lanes, width, j, count, first + at, second + at, s, t, 1, 1);
}

// A column minus s times a divided one.
CK_INLINE void subtract_one(double *column, ptrdiff_t lanes, double s, const double *divided) {
    v8 factor = CK_SPLAT(s);
    for (ptrdiff_t i = 0; i < lanes; i += 8) *(v8 *)(column + i) -= factor * *(const v8 *)(divided + i);
}

// Divides a column by its entry in row p.
CK_INLINE void divide(double *column, ptrdiff_t lanes, ptrdiff_t p, double magnitude, double inverse) {
    // Division where the reciprocal may not be a number: |l| ≤ 1 must hold for subnormal pivots, too.
    double divisor = column[p], reciprocal = __builtin_copysign(inverse, divisor);
    int divides = magnitude < 1e-300 || magnitude > 1e300;
    v8 lane = CK_LANES, pivot_lane = CK_SPLAT((double)p);
    for (ptrdiff_t i = 0; i < lanes; i += 8, lane += CK_SPLAT(8.0)) {
        v8 value = *(v8 *)(column + i);
        value = divides ? value / CK_SPLAT(divisor) : value * CK_SPLAT(reciprocal);
        *(v8 *)(column + i) = CK_SELECT(lane == pivot_lane, CK_SPLAT(1.0), value);
    }
}

// Divides column k so that its entry in its pivot row is 1; returns the row.
CK_INLINE ptrdiff_t take_pivot(double *columns, ptrdiff_t lanes, ptrdiff_t width, ptrdiff_t k, int64_t *basic, uint8_t *is_basic) {
    double magnitude, inverse, *column = columns + k * lanes;
    ptrdiff_t p = largest_in_lanes(column, lanes, &magnitude, &inverse);
    if (p >= 0) {
        divide(column, lanes, p, magnitude, inverse);
    } else {
        // Depends on the columns before it: any row that is left takes the place, and no other needs it.
        for (p = 0; is_basic[p];) p++;
        for (ptrdiff_t j = 0; j < width; j++) columns[j * lanes + p] = 0;
        column[p] = 1;
    }
    basic[k] = p;
    is_basic[p] = 1;
    return p;
}

// Makes the columns those of T; basic[k] is the row that column k belongs to. Two columns at a time, as reading and
// writing the others would take longer than the products; and of the others the next one first, so that the search for
// its pivot goes on beside the rest.
CK_INLINE void express_in(double *columns, ptrdiff_t lanes, ptrdiff_t width, int64_t *basic, uint8_t *is_basic) {
    double s[WIDEST], t[WIDEST];
    ptrdiff_t p = take_pivot(columns, lanes, width, 0, basic, is_basic);
    ptrdiff_t k = 0;
    for (; k + 1 < width; k += 2) {
        double *first = columns + k * lanes, *second = first + lanes;
        subtract_one(second, lanes, second[p], first);
        ptrdiff_t q = take_pivot(columns, lanes, width, k + 1, basic, is_basic);
        subtract_one(first, lanes, first[q], second);
        ptrdiff_t r = p;
        for (ptrdiff_t j = 0; j < width && lanes > 8 * NARROW; j++) {
            s[j] = columns[j * lanes + p];
            t[j] = columns[j * lanes + q];
        }
        ptrdiff_t next = k + 2 < width ? k + 2 : 0, others = width - 2;
        if (k + 2 < width) {
            subtract_rows(columns, lanes, width, next, 1, first, second, r, q, s, t);
            p = take_pivot(columns, lanes, width, next, basic, is_basic);
            next = next + 1 < width ? next + 1 : 0;
            others--;
        }
        subtract_rows(columns, lanes, width, next, others, first, second, r, q, s, t);
    }
    if (k < width)
        for (ptrdiff_t j = 0; j < k; j++) subtract_one(columns + j * lanes, lanes, columns[j * lanes + p], columns + k * lanes);
}

// Three vectors of lanes are rows of up to 12 entries, the usual case where loops of unknown length would be felt.
CK_INLINE void express(double *columns, ptrdiff_t lanes, ptrdiff_t width, int64_t *basic, uint8_t *is_basic) {
    if (lanes == 8) express_in(columns, 8, width, basic, is_basic);
    else if (lanes == 16) express_in(columns, 16, width, basic, is_basic);
    else if (lanes == 24) express_in(columns, 24, width, basic, is_basic);
    else express_in(columns, lanes, width, basic, is_basic);
}

typedef struct {
    double step;     // how far the weight moves before the blocker reaches zero; NONE when nothing blocks
    double pivot;    // |t| of the blocker
    ptrdiff_t at;    // its column
} blocker;

CK_INLINE blocker widest(uint64_t candidates, const double *t, const double *ratio) {
    if (!candidates) return (blocker){NONE, 0, -1};
    ptrdiff_t at = __builtin_ctzll(candidates);
    for (candidates &= candidates - 1; candidates; candidates &= candidates - 1) {
        ptrdiff_t other = __builtin_ctzll(candidates);
        if (__builtin_fabs(t[other]) > __builtin_fabs(t[at])) at = other;
    }
    return (blocker){ratio[at], __builtin_fabs(t[at]), at};
}

// Rows of T, `vectors` × 4 entries, one after the other; exchange.h has the why.
CK_INLINE void exchange(double *rows, const int64_t *nonbasic, ptrdiff_t count, const double *weight, const double *cost,
                        ck_basis *basis, int vectors) {
    ptrdiff_t stride = basis->stride;
    double *costs = basis->cost, ratio[WIDEST], reciprocal[WIDEST];
    v4 w[WIDEST / 4], z[WIDEST / 4], zero = SPLAT4(0.0), none = SPLAT4(NONE), slack = SPLAT4(basis->slack), four = SPLAT4(4.0);
    for (int v = 0; v < vectors; v++) w[v] = *(const v4 *)((double *)basis->weight + 4 * v);
    for (ptrdiff_t k = 0; k < count; k++) {
        const double *t = rows + nonbasic[k] * stride;
        double x = weight[nonbasic[k]];
        v4 down_bound = none, up_bound = none;
        for (int v = 0; v < vectors; v++) {
            v4 value = *(const v4 *)(t + 4 * v), inverse = SPLAT4(1.0) / ABS4(value), bound = (w[v] + slack) * inverse;
            *(v4 *)(reciprocal + 4 * v) = inverse;
            *(v4 *)(ratio + 4 * v) = w[v] * inverse;
            i4 lowers_down = (value < zero) & (bound < down_bound), lowers_up = (value > zero) & (bound < up_bound);
            down_bound = SELECT4(lowers_down, bound, down_bound);
            up_bound = SELECT4(lowers_up, bound, up_bound);
        }
        v4 even = __builtin_shufflevector(down_bound, up_bound, 0, 4, 2, 6), odd = __builtin_shufflevector(down_bound, up_bound, 1, 5, 3, 7);
        v4 both = SELECT4(even < odd, even, odd), turned = __builtin_shufflevector(both, both, 2, 3, 0, 1);
        both = SELECT4(both < turned, both, turned);
        v4 down_limit = __builtin_shufflevector(both, both, 0, 0, 0, 0), up_limit = __builtin_shufflevector(both, both, 1, 1, 1, 1);
        uint64_t downs = 0, ups = 0;
        for (int v = 0; v < vectors; v++) {
            v4 value = *(const v4 *)(t + 4 * v), ratios = *(const v4 *)(ratio + 4 * v);
            i4 is_down = (value < zero) & (ratios <= down_limit), is_up = (value > zero) & (ratios <= up_limit);
            downs |= bits4(&is_down) << 4 * v;
            ups |= bits4(&is_up) << 4 * v;
        }
        blocker down = widest(downs, t, ratio), up = widest(ups, t, ratio);
        int goes_up = (down.step < x) & (up.pivot > down.pivot);
        if (cost) {
            // Towards lower cost, unless the pivot there is hopeless beside the other.
            double reduced = cost[nonbasic[k]];
            for (ptrdiff_t i = 0; i < basis->width; i++) reduced -= t[i] * costs[i];
            int down_is_sound = down.step >= x || down.pivot > 1e-6 * up.pivot;
            int up_is_sound = up.at >= 0 && (down.step >= x || up.pivot > 1e-6 * down.pivot);
            goes_up = reduced < 0 ? up_is_sound : !down_is_sound && up_is_sound;
        }
        goes_up = __builtin_unpredictable(goes_up);
        double s = goes_up ? -up.step : down.step < x ? down.step : x;
        ptrdiff_t at = goes_up ? up.at : down.step < x ? down.at : -1;
        v4 factor = SPLAT4(s), lane = (v4){0, 1, 2, 3}, at_lane = SPLAT4((double)at), entering = SPLAT4(x - s);
        for (int v = 0; v < vectors; v++, lane += four) {
            v4 moved = w[v] + factor * *(const v4 *)(t + 4 * v);
            moved = SELECT4(moved > zero, moved, zero);
            w[v] = SELECT4(lane == at_lane, entering, moved);
        }
        if (at < 0) continue;
        basis->name[at] = nonbasic[k];
        if (cost) costs[at] = cost[nonbasic[k]];
        double inverse = t[at] < 0 ? -reciprocal[at] : reciprocal[at];
        v4 scale = SPLAT4(-inverse), own = SPLAT4(inverse - 1);
        lane = (v4){0, 1, 2, 3};
        for (int v = 0; v < vectors; v++, lane += four) z[v] = SELECT4(lane == at_lane, own, scale * *(const v4 *)(t + 4 * v));
        for (ptrdiff_t later = k + 1; later < count; later++) {
            double *other = rows + nonbasic[later] * stride;
            v4 c = SPLAT4(other[at]);
            for (int v = 0; v < vectors; v++) *(v4 *)(other + 4 * v) += c * z[v];
        }
    }
    for (int v = 0; v < vectors; v++) *(v4 *)((double *)basis->weight + 4 * v) = w[v];
}

CK_CLONES void ck_eliminate_small(double *a, ptrdiff_t m, const double *weight, const double *cost, double *columns, int64_t *order,
                                  ck_basis *basis) {
    ptrdiff_t stride = basis->stride, width = basis->width, lanes = (m + 7) & ~(ptrdiff_t)7;
    double *weights = basis->weight, *costs = basis->cost;
    memset(a + m * stride, 0, (size_t)((lanes - m) * stride) * sizeof *a);
    transpose(a, stride, lanes, width, columns, lanes);
    uint8_t *flags = (uint8_t *)(columns + ((width + 3) & ~(ptrdiff_t)3) * lanes);
    memset(flags, 0, (size_t)lanes);
    express(columns, lanes, width, basis->name, flags);
    transpose(columns, lanes, width, lanes, a, stride);
    for (ptrdiff_t i = 0; i < width; i++) {
        weights[i] = weight[basis->name[i]];
        if (cost) costs[i] = cost[basis->name[i]];
    }
    ptrdiff_t count = 0;
    for (ptrdiff_t i = 0; i < m; i++) {
        order[count] = i;
        count += !flags[i];
    }
    switch ((width + 3) / 4) {
    case 1: exchange(a, order, count, weight, cost, basis, 1); break;
    case 2: exchange(a, order, count, weight, cost, basis, 2); break;
    case 3: exchange(a, order, count, weight, cost, basis, 3); break;
    case 4: exchange(a, order, count, weight, cost, basis, 4); break;
    case 5: exchange(a, order, count, weight, cost, basis, 5); break;
    case 6: exchange(a, order, count, weight, cost, basis, 6); break;
    default: exchange(a, order, count, weight, cost, basis, (int)((width + 3) / 4));
    }
}
