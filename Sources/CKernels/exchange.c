// Basis exchange: pushing non-basic weights to zero along null vectors, one row of T = L₂L₁⁻¹ after the other.
//
// Row t says a_j = Σ tᵢ·aᵢ, so lowering the weight x of j by s raises the basic weights by s·t. Either x reaches 0
// first, or a basic weight does; then j takes its place, and every later row r becomes r + rᵢ·z with z = −t/tᵢ,
// zᵢ = 1/tᵢ − 1. The opposite direction, raising x, is as good, and the one with the larger pivot |tᵢ| is taken.

#include "vectors.h"

static const double NONE = 0x1p1023;

typedef struct {
    double step;     // how far the weight moves before the blocker reaches zero; NONE when nothing blocks
    double pivot;    // |t| of the blocker
    ptrdiff_t at;    // its column
} blocker;

CK_INLINE blocker widest(const double *step, const double *pivot, const double *at) {
    blocker best = {NONE, -1, -1};
    for (int lane = 0; lane < 8; lane++)
        if (pivot[lane] > best.pivot || (pivot[lane] == best.pivot && best.at >= 0 && at[lane] < (double)best.at)) {
            best.pivot = pivot[lane];
            best.step = step[lane];
            best.at = (ptrdiff_t)at[lane];
        }
    if (best.pivot <= 0) best.step = NONE;
    return best;
}

CK_INLINE double least(const double *lanes) {
    double low = lanes[0];
    for (int lane = 1; lane < 8; lane++) low = lanes[lane] < low ? lanes[lane] : low;
    return low;
}

// Ratio test in both directions. A weight within `slack` of the first to vanish may block in its place, so that
// among ties the largest pivot is found (Harris 1973); what it overshoots is below the rounding of the weights.
CK_INLINE void ratio_test(const double *t, const ck_basis *basis, blocker *down, blocker *up) {
    double *ratio = basis->scratch;
    const double *weight = basis->weight;
    v8 zero = CK_SPLAT(0.0), none = CK_SPLAT(NONE), slack = CK_SPLAT(basis->slack);
    v8 down_bound = none, up_bound = none;
    for (ptrdiff_t j = 0; j < basis->width; j += 8) {
        v8 value = *(const v8 *)(t + j), w = *(const v8 *)(weight + j);
        v8 reciprocal = CK_SPLAT(1.0) / CK_ABS(value);
        v8 bound = (w + slack) * reciprocal;
        *(v8 *)(ratio + j) = w * reciprocal;
        i8 lowers_down = (value < zero) & (bound < down_bound), lowers_up = (value > zero) & (bound < up_bound);
        down_bound = CK_SELECT(lowers_down, bound, down_bound);
        up_bound = CK_SELECT(lowers_up, bound, up_bound);
    }
    double step[8], pivot[8], at[8];
    *(v8 *)step = down_bound; *(v8 *)pivot = up_bound;
    v8 down_limit = CK_SPLAT(least(step)), up_limit = CK_SPLAT(least(pivot));
    v8 minus = CK_SPLAT(-1.0), down_pivot = minus, up_pivot = minus, down_at = zero, up_at = zero, down_step = none, up_step = none;
    for (ptrdiff_t j = 0; j < basis->width; j += 8) {
        v8 value = *(const v8 *)(t + j), ratios = *(const v8 *)(ratio + j), magnitude = CK_ABS(value);
        v8 here = CK_LANES + CK_SPLAT((double)j);
        i8 takes_down = (value < zero) & (ratios <= down_limit) & (magnitude > down_pivot);
        i8 takes_up = (value > zero) & (ratios <= up_limit) & (magnitude > up_pivot);
        down_pivot = CK_SELECT(takes_down, magnitude, down_pivot);
        down_at = CK_SELECT(takes_down, here, down_at);
        down_step = CK_SELECT(takes_down, ratios, down_step);
        up_pivot = CK_SELECT(takes_up, magnitude, up_pivot);
        up_at = CK_SELECT(takes_up, here, up_at);
        up_step = CK_SELECT(takes_up, ratios, up_step);
    }
    *(v8 *)step = down_step; *(v8 *)pivot = down_pivot; *(v8 *)at = down_at;
    *down = widest(step, pivot, at);
    *(v8 *)step = up_step; *(v8 *)pivot = up_pivot; *(v8 *)at = up_at;
    *up = widest(step, pivot, at);
}

// Decides one row. Returns the column of the exchange, or −1 when the point was dropped without one.
CK_INLINE ptrdiff_t decide(const double *t, double x, int64_t name, const double *cost, ck_basis *basis) {
    blocker down, up;
    ratio_test(t, basis, &down, &up);
    int goes_up = down.step < x && up.pivot > down.pivot;
    if (cost) {
        // Towards lower cost, unless the pivot there is hopeless beside the other.
        double reduced = *cost;
        for (ptrdiff_t i = 0; i < basis->width; i++) reduced -= t[i] * basis->cost[i];
        int down_is_sound = down.step >= x || down.pivot > 1e-6 * up.pivot;
        int up_is_sound = up.at >= 0 && (down.step >= x || up.pivot > 1e-6 * down.pivot);
        goes_up = reduced < 0 ? up_is_sound : !down_is_sound && up_is_sound;
    }
    double s = goes_up ? -up.step : down.step < x ? down.step : x;
    ptrdiff_t at = goes_up ? up.at : down.step < x ? down.at : -1;
    v8 factor = CK_SPLAT(s), zero = CK_SPLAT(0.0);
    for (ptrdiff_t j = 0; j < basis->width; j += 8) {
        v8 moved = *(v8 *)(basis->weight + j) + factor * *(const v8 *)(t + j);
        *(v8 *)(basis->weight + j) = CK_SELECT(moved > zero, moved, zero);
    }
    if (at >= 0) {
        basis->weight[at] = x - s;
        basis->name[at] = name;
        if (cost) basis->cost[at] = *cost;
    }
    return at;
}

CK_INLINE void correction(const double *t, ptrdiff_t width, ptrdiff_t at, double *z) {
    double reciprocal = 1 / t[at];
    for (ptrdiff_t j = 0; j < width; j += 8) *(v8 *)(z + j) = *(const v8 *)(t + j) * CK_SPLAT(-reciprocal);
    z[at] = reciprocal - 1;
}

CK_INLINE void coefficients(const double *t, const ck_exchanges *pending, double *c) {
    ptrdiff_t capacity = pending->capacity, count = pending->count;
    for (ptrdiff_t q = 0; q < count; q++) c[q] = t[pending->pivot[q]];
    for (ptrdiff_t q = count; q < capacity; q++) c[q] = 0;
    for (ptrdiff_t p = 0; p < count; p++) {
        v8 factor = CK_SPLAT(c[p]);
        for (ptrdiff_t q = p & ~(ptrdiff_t)7; q < capacity; q += 8) *(v8 *)(c + q) += factor * *(const v8 *)(pending->w + p * capacity + q);
    }
}

CK_CLONES void ck_exchange_coefficients(const double *t, ptrdiff_t stride, ptrdiff_t rows, const ck_exchanges *pending, double *c) {
    for (ptrdiff_t i = 0; i < rows; i++) coefficients(t + i * stride, pending, c + i * pending->capacity);
}

CK_CLONES void ck_exchange_rows(double *t, ptrdiff_t rows, const double *weight, const int64_t *name, const double *cost,
                                ck_basis *basis, ck_exchanges *pending) {
    ptrdiff_t stride = basis->stride, width = basis->width;
    double c[64];
    for (ptrdiff_t k = 0; k < rows; k++) {
        double *row = t + k * stride;
        if (pending->count > 0) {
            coefficients(row, pending, c);
            for (ptrdiff_t j = 0; j < width; j += 8) {
                v8 value = *(v8 *)(row + j);
                for (ptrdiff_t q = 0; q < pending->count; q++) value += CK_SPLAT(c[q]) * *(const v8 *)(pending->z + q * stride + j);
                *(v8 *)(row + j) = value;
            }
        }
        ptrdiff_t at = decide(row, weight[k], name[k], cost ? cost + k : NULL, basis);
        if (at < 0) continue;
        ptrdiff_t q = pending->count, capacity = pending->capacity;
        correction(row, width, at, pending->z + q * stride);
        pending->pivot[q] = at;
        for (ptrdiff_t p = 0; p < q; p++) pending->w[p * capacity + q] = pending->z[p * stride + at];
        for (ptrdiff_t later = 0; later < capacity; later++) pending->w[q * capacity + later] = 0;
        pending->count = q + 1;
    }
}

CK_CLONES void ck_eliminate_small(double *a, ptrdiff_t m, const double *weight, const double *cost, int64_t *order, ck_basis *basis) {
    ptrdiff_t stride = basis->stride, width = basis->width;
    ck_lu_panel(a, stride, m, 0, width, order);
    double *t = a + width * stride;
    ck_unit_lower_right_solve(t, stride, m - width, a, stride, width);
    for (ptrdiff_t i = 0; i < width; i++) {
        basis->weight[i] = weight[order[i]];
        basis->name[i] = order[i];
        if (cost) basis->cost[i] = cost[order[i]];
    }
    double z[64];
    for (ptrdiff_t k = width; k < m; k++) {
        double *row = a + k * stride;
        ptrdiff_t at = decide(row, weight[order[k]], order[k], cost ? cost + order[k] : NULL, basis);
        if (at < 0) continue;
        correction(row, width, at, z);
        for (ptrdiff_t later = k + 1; later < m; later++) {
            double *other = a + later * stride;
            v8 factor = CK_SPLAT(other[at]);
            for (ptrdiff_t j = 0; j < width; j += 8) *(v8 *)(other + j) += factor * *(v8 *)(z + j);
        }
    }
}
