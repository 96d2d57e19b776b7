// Elementwise functions, softmax and normalization of rows in single precision.
//
// exp: x = n·ln 2 + r, |r| ≤ ln 2 / 2, a polynomial in r (relative error 2e-7; below −87.3, where results would be denormal,
// 0). tanh and erf: odd rational functions fitted to 13 over 6 and 13 over 8 (relative error 5e-7), those of Eigen
// (Eigen/src/Core/MathFunctionsImpl.h and unsupported/Eigen/SpecialFunctions, MPL-2.0: the numbers are facts).

#include "vectors.h"

#define ALL(x) ((v16){(x), (x), (x), (x), (x), (x), (x), (x), (x), (x), (x), (x), (x), (x), (x), (x)})
#define CHOOSE(mask, a, b) ((v16)(((i16)(mask) & (i16)(a)) | (~(i16)(mask) & (i16)(b))))

// Results by address: a vector as an argument would depend on the clone even where the call is inlined.
CK_INLINE void exponential(const v16 *input, v16 *result) {
    // NaN fails every comparison and passes through.
    v16 x = CHOOSE(*input > 88.72283f, ALL(88.72283f), *input);
    x = CHOOSE(x < -87.33654f, ALL(-87.33654f), x);
    // Adding 1.5·2²³ rounds to an integer and leaves it in the low bits.
    v16 shifted = x * 1.44269504f + 12582912.0f;
    v16 n = shifted - 12582912.0f;
    v16 r = x - n * 0.693359375f + n * 2.12194440e-4f;
    v16 p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    // In two factors: 2¹²⁸ has no exponent of its own.
    i16 exponent = (i16)shifted - (i16)ALL(12582912.0f);
    i16 half = exponent >> 1;
    p = p * (v16)((half + 127) << 23) * (v16)((exponent - half + 127) << 23);
    p = CHOOSE(*input < -87.33654f, ALL(0.0f), p);
    p = CHOOSE(*input > 88.72283f, ALL(__builtin_inff()), p);
    *result = CHOOSE(*input != *input, *input, p);
}

CK_INLINE void hyperbolic_tangent(const v16 *input, v16 *result) {
    v16 x = CHOOSE(*input > 7.90531111f, ALL(7.90531111f), *input);
    x = CHOOSE(x < -7.90531111f, ALL(-7.90531111f), x);
    v16 s = x * x;
    v16 p = s * -2.76076847742355e-16f + 2.00018790482477e-13f;
    p = p * s - 8.60467152213735e-11f;
    p = p * s + 5.12229709037114e-08f;
    p = p * s + 1.48572235717979e-05f;
    p = p * s + 6.37261928875436e-04f;
    p = p * s + 4.89352455891786e-03f;
    v16 q = s * 1.19825839466702e-06f + 1.18534705686654e-04f;
    q = q * s + 2.26843463243900e-03f;
    q = q * s + 4.89352518554385e-03f;
    v16 magnitude = (v16)((i16)x & INT32_MAX);
    v16 sign = (v16)(((i16)x & INT32_MIN) | (i16)ALL(1.0f));
    *result = CHOOSE(magnitude < 4e-4f, x, CHOOSE(magnitude >= 7.90531111f, sign, x * p / q));
}

CK_INLINE void error_function(const v16 *input, v16 *result) {
    v16 x = CHOOSE(*input > 4.0f, ALL(4.0f), *input);
    x = CHOOSE(x < -4.0f, ALL(-4.0f), x);
    v16 s = x * x;
    v16 p = s * -2.72614225801306e-10f + 2.77068142495902e-08f;
    p = p * s - 2.10102402082508e-06f;
    p = p * s - 5.69250639462346e-05f;
    p = p * s - 7.34990630326855e-04f;
    p = p * s - 2.95459980854025e-03f;
    p = p * s - 1.60960333262415e-02f;
    v16 q = s * -1.45660718464996e-05f - 2.13374055278905e-04f;
    q = q * s - 1.68282697438203e-03f;
    q = q * s - 7.37332916720468e-03f;
    q = q * s - 1.42647390514189e-02f;
    v16 magnitude = (v16)((i16)x & INT32_MAX), sign = (v16)(((i16)x & INT32_MIN) | (i16)ALL(1.0f));
    *result = CHOOSE(magnitude >= 4.0f, sign, x * p / q);
}

// 1/(1 + e⁻ˣ) without overflow.
CK_INLINE void logistic(const v16 *input, v16 *result) {
    v16 x = *input, magnitude = (v16)((i16)x | INT32_MIN), e;
    exponential(&magnitude, &e);
    v16 denominator = 1.0f + e;
    *result = CHOOSE(x < 0.0f, e, ALL(1.0f)) / denominator;
}

CK_INLINE void apply(int function, float parameter, v16 *value) {
    v16 x = *value, y;
    switch (function) {
    case CK_RELU: *value = CHOOSE(0.0f > x, ALL(0.0f), x); break;
    case CK_CLIPPED_RELU:
        x = CHOOSE(0.0f > x, ALL(0.0f), x);
        *value = CHOOSE(parameter < x, ALL(parameter), x);
        break;
    case CK_LEAKY_RELU: *value = CHOOSE(x < 0.0f, x * parameter, x); break;
    case CK_SIGMOID: logistic(&x, value); break;
    case CK_SILU:
        logistic(&x, &y);
        *value = x * y;
        break;
    case CK_TANH: hyperbolic_tangent(&x, value); break;
    case CK_GELU:
        y = x * 0.70710678f;
        error_function(&y, &y);
        *value = 0.5f * x * (1.0f + y);
        break;
    case CK_GELU_TANH:
        y = 0.79788456f * (x + 0.044715f * x * x * x);
        hyperbolic_tangent(&y, &y);
        *value = 0.5f * x * (1.0f + y);
        break;
    case CK_HARD_SIGMOID:
    case CK_HARD_SWISH:
        y = x * (1.0f / 6.0f) + 0.5f;
        y = CHOOSE(0.0f > y, ALL(0.0f), y);
        y = CHOOSE(1.0f < y, ALL(1.0f), y);
        *value = function == CK_HARD_SWISH ? x * y : y;
        break;
    }
}

CK_INLINE void apply_all(int function, float parameter, float *y, ptrdiff_t count) {
    ptrdiff_t i = 0;
    for (; i + 16 <= count; i += 16) {
        v16 value = *(const v16 *)(y + i);
        apply(function, parameter, &value);
        *(v16 *)(y + i) = value;
    }
    if (i == count) return;
    float rest[16] = {0};
    memcpy(rest, y + i, (size_t)(count - i) * sizeof(float));
    v16 value = *(const v16 *)rest;
    apply(function, parameter, &value);
    memcpy(y + i, &value, (size_t)(count - i) * sizeof(float));
}

CK_CLONES void ck_activate(int function, float parameter, float *y, ptrdiff_t count) {
    // One loop per function.
#define CASE(f) case f: return apply_all(f, parameter, y, count);
    switch (function) {
        CASE(CK_RELU)
        CASE(CK_CLIPPED_RELU)
        CASE(CK_LEAKY_RELU)
        CASE(CK_SIGMOID)
        CASE(CK_SILU)
        CASE(CK_TANH)
        CASE(CK_GELU)
        CASE(CK_GELU_TANH)
        CASE(CK_HARD_SIGMOID)
        CASE(CK_HARD_SWISH)
    }
#undef CASE
}

CK_CLONES void ck_affine(const float *x, ptrdiff_t count, float factor, float offset, float *y) {
    for (ptrdiff_t i = 0; i < count; i++) y[i] = factor * x[i] + offset;
}

CK_CLONES void ck_accumulate(const float *x, ptrdiff_t count, float *y) {
    for (ptrdiff_t i = 0; i < count; i++) y[i] += x[i];
}

CK_CLONES void ck_multiply_by(const float *x, ptrdiff_t count, float *y) {
    for (ptrdiff_t i = 0; i < count; i++) y[i] *= x[i];
}

CK_CLONES void ck_gate(const float *x, ptrdiff_t count, float *y) {
    for (ptrdiff_t i = 0; i < count; i++) {
        // Read before the choice: a load behind a condition would keep the loop scalar.
        float value = y[i];
        y[i] = x[i] > 0 ? value : 0;
    }
}

CK_CLONES void ck_softmax(const float *x, ptrdiff_t count, float *y) {
    float peak = -__builtin_inff();
    for (ptrdiff_t i = 0; i < count; i++) peak = x[i] > peak ? x[i] : peak;
    v16 sums = ALL(0.0f);
    float sum = 0;
    ptrdiff_t i = 0;
    for (; i + 16 <= count; i += 16) {
        v16 value = *(const v16 *)(x + i) - peak;
        exponential(&value, &value);
        *(v16 *)(y + i) = value;
        sums += value;
    }
    if (i < count) {
        v16 value = ALL(-__builtin_inff());
        memcpy(&value, x + i, (size_t)(count - i) * sizeof(float));
        value -= peak;
        exponential(&value, &value);
        memcpy(y + i, &value, (size_t)(count - i) * sizeof(float));
        for (ptrdiff_t k = 0; k < count - i; k++) sum += value[k];
    }
    for (int k = 0; k < 16; k++) sum += sums[k];
    float factor = 1 / sum;
    for (ptrdiff_t k = 0; k < count; k++) y[k] *= factor;
}

CK_CLONES void ck_normalize(const float *x, ptrdiff_t count, int subtracts_mean, double epsilon, float *y) {
    ptrdiff_t whole = count & ~(ptrdiff_t)7;
    double mean = 0;
    if (subtracts_mean) {
        v8 sums = CK_SPLAT(0.0);
        for (ptrdiff_t i = 0; i < whole; i += 8) sums += __builtin_convertvector(*(const v8f *)(x + i), v8);
        for (int k = 0; k < 8; k++) mean += sums[k];
        for (ptrdiff_t i = whole; i < count; i++) mean += x[i];
        mean /= count > 0 ? (double)count : 1;
    }
    v8 squares = CK_SPLAT(0.0);
    for (ptrdiff_t i = 0; i < whole; i += 8) {
        v8 value = __builtin_convertvector(*(const v8f *)(x + i), v8) - mean;
        squares += value * value;
    }
    double square = 0;
    for (int k = 0; k < 8; k++) square += squares[k];
    for (ptrdiff_t i = whole; i < count; i++) square += ((double)x[i] - mean) * ((double)x[i] - mean);
    float factor = (float)(1 / __builtin_sqrt(square / (count > 0 ? (double)count : 1) + epsilon)), center = (float)mean;
    for (ptrdiff_t i = 0; i < count; i++) y[i] = (x[i] - center) * factor;
}
