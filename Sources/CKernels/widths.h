// A template once for every kind of vector: define TEMPLATE as its file, in quotes. Templates whose tiles differ include themselves.

#include "lanes.h"

#ifdef CK_HAS_WIDE
#pragma clang attribute push(__attribute__((target("avx512f"))), apply_to = function)
#define LANES_512
#include "lanes.h"
#include TEMPLATE
#undef LANES_512
#pragma clang attribute pop

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define LANES_256
#include "lanes.h"
#include TEMPLATE
#undef LANES_256
#pragma clang attribute pop
#endif

#include "lanes.h"
#include TEMPLATE
#undef TEMPLATE
