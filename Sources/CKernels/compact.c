// Values in 16 bits: a sign, ten bits behind the leading one, and an exponent of five bits below the largest one of a block.

#include "vectors.h"

// What no activation reaches, and infinities and NaN beyond it.
enum { LIMIT = (127 + 100) << 23 };

// Inlined, so that whole blocks are loops of a known length.
CK_INLINE int compact_block(const float *x, ptrdiff_t count, uint16_t *restrict y, int32_t *restrict base) {
    // Magnitudes have the order of their bits, which maxima of vectors can be taken of.
    uint32_t most = 0;
    for (ptrdiff_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        bits &= INT32_MAX;
        most = bits > most ? bits : most;
    }
    // Rounding may raise the largest exponent by one, which is 31 then; 0 is for zeros and for what is 2^30 times smaller.
    int32_t first = (int32_t)(most >> 23) - 30;
    int32_t least = first < 0 ? 1 << 10 : (first + 1) << 10;
    *base = first * 1024;
    for (ptrdiff_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        uint32_t magnitude = bits & INT32_MAX;
        // To the nearest, halves to the even one.
        int32_t rounded = (int32_t)((magnitude + 0xfff + (magnitude >> 13 & 1)) >> 13);
        int32_t code = rounded < least ? 0 : rounded - first * 1024;
        y[i] = (uint16_t)(code | (int32_t)(bits >> 16 & 0x8000));
    }
    return most < LIMIT;
}

CK_CLONES int ck_compact(const float *x, ptrdiff_t count, uint16_t *restrict y, int32_t *restrict bases) {
    int usable = 1;
    ptrdiff_t i = 0;
    for (; i + CK_COMPACT_BLOCK <= count; i += CK_COMPACT_BLOCK) usable &= compact_block(x + i, CK_COMPACT_BLOCK, y + i, bases++);
    if (i < count) usable &= compact_block(x + i, count - i, y + i, bases);
    return usable;
}

CK_INLINE void expand_block(const uint16_t *y, int32_t base, ptrdiff_t count, float *restrict x) {
    for (ptrdiff_t i = 0; i < count; i++) {
        int32_t code = y[i] & 0x7fff;
        uint32_t magnitude = code < 1024 ? 0 : (uint32_t)(code + base) << 13;
        uint32_t bits = magnitude | (uint32_t)(y[i] & 0x8000) << 16;
        memcpy(x + i, &bits, sizeof bits);
    }
}

CK_CLONES void ck_expand(const uint16_t *y, const int32_t *bases, ptrdiff_t count, float *restrict x) {
    ptrdiff_t i = 0;
    for (; i + CK_COMPACT_BLOCK <= count; i += CK_COMPACT_BLOCK) expand_block(y + i, *bases++, CK_COMPACT_BLOCK, x + i);
    if (i < count) expand_block(y + i, *bases, count - i, x + i);
}
