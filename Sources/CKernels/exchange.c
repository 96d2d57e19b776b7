// Basis exchange: pushing non-basic weights to zero along null vectors, one row of T = L₂L₁⁻¹ after the other.
//
// Row t says a_j = Σ tᵢ·aᵢ, so lowering the weight x of j by s raises the basic weights by s·t. Either x reaches 0
// first, or a basic weight does; then j takes its place, and every later row r becomes r + rᵢ·z with z = −t/tᵢ,
// zᵢ = 1/tᵢ − 1. The opposite direction, raising x, is as good, and the one with the larger pivot |tᵢ| is taken.

#include "vectors.h"

#define NONE 0x1p1023
#include "element.h"
#include "exchange.h"

CK_CLONES void ck_eliminate_small(double *a, ptrdiff_t m, const double *weight, const double *cost, int64_t *order, ck_basis *basis) {
    ptrdiff_t stride = basis->stride, width = basis->width;
    double *weights = basis->weight, *costs = basis->cost;
    ck_lu_panel_f64(a, stride, m, 0, width, order);
    double *t = a + width * stride;
    ck_unit_lower_right_solve_f64(t, stride, m - width, a, stride, width);
    for (ptrdiff_t i = 0; i < width; i++) {
        weights[i] = weight[order[i]];
        basis->name[i] = order[i];
        if (cost) costs[i] = cost[order[i]];
    }
    double z[64];
    for (ptrdiff_t k = width; k < m; k++) {
        double *row = a + k * stride;
        ptrdiff_t at = decide_f64(row, weight[order[k]], order[k], cost ? cost + order[k] : NULL, basis);
        if (at < 0) continue;
        correction_f64(row, width, at, z);
        for (ptrdiff_t later = k + 1; later < m; later++) {
            double *other = a + later * stride;
            v8 factor = CK_SPLAT(other[at]);
            for (ptrdiff_t j = 0; j < width; j += 8) *(v8 *)(other + j) += factor * *(v8 *)(z + j);
        }
    }
}

#undef NONE
#define NONE 0x1p127f
#define CK_SINGLE
#include "element.h"
#include "exchange.h"
