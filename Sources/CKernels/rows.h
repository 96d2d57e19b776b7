// Rows of an elimination from weighted sums; ckernels.h has what they are.

#include "vectors.h"

CK_INLINE void weighted_row(const double *sum, double total, double factor, const double *shift, ptrdiff_t dimension,
                            ptrdiff_t stride, double *row) {
    v8 mass = CK_SPLAT(total), scale = CK_SPLAT(factor), last = CK_SPLAT((double)dimension);
    for (ptrdiff_t j = 0; j < stride; j += 8) {
        v8 lanes = CK_LANES + CK_SPLAT((double)j);
        v8 value = *(const v8 *)(sum + j) - mass * *(const v8 *)(shift + j);
        value = CK_SELECT(lanes == last, mass, (v8)((i8)value & (lanes < last)));
        *(v8 *)(row + j) = scale * value;
    }
}
