// What a waiting thread asks of the system.

#include "ckernels.h"

#include <sched.h>

void ck_yield(void) { sched_yield(); }
