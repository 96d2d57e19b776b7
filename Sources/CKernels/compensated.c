// Products as if computed in twice the working precision: error-free transformations on independent lanes.
//
// TwoSum (Knuth) and TwoProduct by fused multiply-add, accumulated as in Dot2 of Ogita, Rump & Oishi, SIAM J. Sci. Comput. 26 (2005).
// Every lane is one sum in a fixed order of operations that are rounded alike everywhere: the bits do not depend on the processor.

#include "vectors.h"

#pragma STDC FP_CONTRACT OFF

enum { LANES = 8 };

// sum + lost = a + b exactly.
#define TWO_SUM(a, b, sum, lost)                                    \
    {                                                               \
        double two_a = (a), two_b = (b);                            \
        sum = two_a + two_b;                                        \
        double two_v = sum - two_a;                                 \
        lost = (two_a - (sum - two_v)) + (two_b - two_v);           \
    }

// Lanes of one point's image, rows `row` on: sums of T·(p - o) with p - o = difference + tail exactly.
#define ACCUMULATE(count)                                                                          \
    for (int i = 0; i < (count); i++) {                                                            \
        double product = t[i] * difference, error = __builtin_fma(t[i], difference, -product);     \
        double next, lost;                                                                         \
        TWO_SUM(sum[i], product, next, lost)                                                       \
        sum[i] = next;                                                                             \
        correction[i] += lost + error + t[i] * tail;                                               \
    }

CK_CLONES
void ck_compensated_images(const double *transform, ptrdiff_t rank, ptrdiff_t dimension, const double *origin, const double *points,
                           ptrdiff_t count, double *images, double *remainders) {
    for (ptrdiff_t j = 0; j < count; j++) {
        const double *p = points + j * dimension;
        for (ptrdiff_t row = 0; row < rank; row += LANES) {
            double sum[LANES] = {0}, correction[LANES] = {0};
            ptrdiff_t rows = rank - row < LANES ? rank - row : LANES;
            for (ptrdiff_t k = 0; k < dimension; k++) {
                const double *t = transform + row + k * rank;
                double difference, tail;
                TWO_SUM(p[k], -origin[k], difference, tail)
                if (rows == LANES)
                    ACCUMULATE(LANES)
                else
                    ACCUMULATE(rows)
            }
            for (ptrdiff_t i = 0; i < rows; i++) {
                double high, low;
                TWO_SUM(sum[i], correction[i], high, low)
                images[row + i + j * rank] = high;
                if (remainders) remainders[row + i + j * rank] = low;
            }
        }
    }
}

// Lanes of the terms 2·a·(h + l)·(h' + l') below the diagonal, without the product of both tails.
#define TERMS(count)                                                                                                   \
    for (int i = 0; i < (count); i++) {                                                                                \
        double twice = 2 * a[i];                                                                                       \
        double scaled = twice * h[i], scaled_error = __builtin_fma(twice, h[i], -scaled);                              \
        double product = scaled * high[j], error = __builtin_fma(scaled, high[j], -product);                           \
        double next, lost;                                                                                             \
        TWO_SUM(sum[i], product, next, lost)                                                                           \
        sum[i] = next;                                                                                                 \
        correction[i] += lost + error + scaled_error * high[j] + twice * (h[i] * low[j] + l[i] * high[j]);             \
    }

CK_CLONES
double ck_compensated_quadratic_form(const double *matrix, ptrdiff_t order, const double *high, const double *low) {
    double sum[LANES] = {0}, correction[LANES] = {0};
    for (ptrdiff_t j = 0; j < order; j++) {
        double d = matrix[j + j * order];
        double scaled = d * high[j], scaled_error = __builtin_fma(d, high[j], -scaled);
        double product = scaled * high[j], error = __builtin_fma(scaled, high[j], -product);
        double next, lost;
        TWO_SUM(sum[0], product, next, lost)
        sum[0] = next;
        correction[0] += lost + error + scaled_error * high[j] + d * (2 * high[j] * low[j]);
        for (ptrdiff_t first = j + 1; first < order; first += LANES) {
            const double *a = matrix + first + j * order, *h = high + first, *l = low + first;
            if (order - first >= LANES)
                TERMS(LANES)
            else
                TERMS(order - first)
        }
    }
    double total = 0, rest = 0;
    for (int i = 0; i < LANES; i++) {
        double next, lost;
        TWO_SUM(total, sum[i], next, lost)
        total = next;
        rest += lost + correction[i];
    }
    return total + rest;
}
