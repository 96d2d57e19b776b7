// What the allocator holds back.

#include "ckernels.h"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

void ck_return_free_memory(void) {
#if defined(__GLIBC__)
    malloc_trim(0);
#endif
}
