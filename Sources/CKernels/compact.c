// Values in 16 bits: whole multiples of a unit that a block of them shares.

#include "vectors.h"

// Inlined, so that whole blocks are loops of a known length.
CK_INLINE int compact_block(const float *x, ptrdiff_t count, int16_t *restrict y, float *unit) {
    // Magnitudes have the order of their bits, which maxima of vectors can be taken of; what is no finite number comes last.
    uint32_t most = 0;
    for (ptrdiff_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        bits &= INT32_MAX;
        most = bits > most ? bits : most;
    }
    float magnitude;
    memcpy(&magnitude, &most, sizeof most);
    *unit = magnitude / 32767;
    // Of a unit below the least normal number the reciprocal overflows: such values count as zeros.
    float factor = *unit >= 1.17549435e-38f ? 1 / *unit : 0;
    // Adding 1.5·2²³ rounds to an integer.
    for (ptrdiff_t i = 0; i < count; i++) y[i] = (int16_t)(int32_t)((x[i] * factor + 12582912.0f) - 12582912.0f);
    return most < 0x7f800000;
}

CK_CLONES int ck_compact(const float *x, ptrdiff_t count, int16_t *restrict y, float *restrict units) {
    int finite = 1;
    ptrdiff_t i = 0;
    for (; i + CK_COMPACT_BLOCK <= count; i += CK_COMPACT_BLOCK) finite &= compact_block(x + i, CK_COMPACT_BLOCK, y + i, units++);
    if (i < count) finite &= compact_block(x + i, count - i, y + i, units);
    return finite;
}

CK_CLONES void ck_expand(const int16_t *y, const float *units, ptrdiff_t count, float *restrict x) {
    ptrdiff_t i = 0;
    for (; i + CK_COMPACT_BLOCK <= count; i += CK_COMPACT_BLOCK, units++) {
        float unit = *units;
        for (int k = 0; k < CK_COMPACT_BLOCK; k++) x[i + k] = unit * y[i + k];
    }
    for (; i < count; i++) x[i] = *units * y[i];
}
