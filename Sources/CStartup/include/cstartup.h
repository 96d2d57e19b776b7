// What must be settled before OpenBLAS is loaded, for the tool alone.
//
// OpenBLAS maps 128 MB for every thread while it is loaded, before main, and tries again for ever where an address space limit (ulimit -v,
// ulimit -d) refuses them. The one piece of a program that runs earlier is its .preinit_array (Linux): from there the process is started
// again with as many threads as fit, or ended with one line when none does.
#pragma once

/// How many threads there is room for that are BLAS threads and callers of BLAS in turn, where `running` BLAS threads are there already;
/// INT_MAX without a limit.
int startup_affordable_threads(int running);
