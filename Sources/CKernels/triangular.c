// Row-pivoted LU of a narrow panel and solves with small unit lower triangles, row-major.

#include "vectors.h"

enum { WIDEST = 64 };

// Pivots whose reciprocals are numbers, by a wide margin.
#define SMALLEST 1e-300
#include "element.h"
#include "triangular.h"

#undef SMALLEST
#define SMALLEST 1e-36f
#define CK_SINGLE
#include "element.h"
#include "triangular.h"

// y ← y − x·row over the first `width` entries.
CK_INLINE void subtract_row(double x, const double *row, ptrdiff_t width, double *y) {
    v8 factor = CK_SPLAT(x);
    ptrdiff_t j = 0;
    for (; j + 8 <= width; j += 8) *(v8 *)(y + j) -= factor * *(const v8 *)(row + j);
    for (; j < width; j++) y[j] -= x * row[j];
}

CK_CLONES void ck_solve_combination(const double *lu, ptrdiff_t stride, ptrdiff_t width, const double *negligible, double *r) {
    for (ptrdiff_t i = 0; i < width; i++) {
        double pivot = lu[i * stride + i];
        r[i] = __builtin_fabs(pivot) > negligible[i] ? r[i] / pivot : 0;
        subtract_row(r[i], lu + i * stride + i + 1, width - i - 1, r + i + 1);
    }
    for (ptrdiff_t i = width - 1; i > 0; i--) subtract_row(r[i], lu + i * stride, i, r);
}
