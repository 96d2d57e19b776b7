// Eight doubles at a time in the compiler's portable vector notation; each clone maps them to its own registers.

#ifndef LOEWNER_VECTORS_H
#define LOEWNER_VECTORS_H

#include <string.h>
#include "ckernels.h"

typedef double v8 __attribute__((vector_size(64), aligned(8)));
typedef double v4 __attribute__((vector_size(32), aligned(8)));
typedef float v4f __attribute__((vector_size(16), aligned(4)));
typedef int64_t i4 __attribute__((vector_size(32), aligned(8)));
typedef float v8f __attribute__((vector_size(32), aligned(4)));
typedef int64_t i8 __attribute__((vector_size(64), aligned(8)));
typedef float v16 __attribute__((vector_size(64), aligned(4)));
typedef int32_t i16 __attribute__((vector_size(64), aligned(4)));

// Always inlined: vectors never cross a real call, whose ABI would depend on the clone.
#define CK_INLINE static inline __attribute__((always_inline))

#define CK_SPLAT(x) ((v8){(x), (x), (x), (x), (x), (x), (x), (x)})
#define CK_LANES ((v8){0, 1, 2, 3, 4, 5, 6, 7})
#define CK_ABS(x) ((v8)((i8)(x) & INT64_MAX))
#define CK_SELECT(mask, a, b) ((v8)(((i8)(mask) & (i8)(a)) | (~(i8)(mask) & (i8)(b))))

#endif
