// What MPI says by macros, as functions that Swift sees.
#ifndef CMPI_SHIM_H
#define CMPI_SHIM_H

#if !__has_include(<mpi.h>)
#error "mpi.h is missing: apt-get install libopenmpi-dev openmpi-bin (the trait MPI needs it)"
#endif
#include <mpi.h>

// Calls of several threads, one at a time. 0 where that cannot be had.
static inline int cmpi_start(void) {
    int provided = 0;
    return MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &provided) == MPI_SUCCESS && provided >= MPI_THREAD_SERIALIZED;
}
static inline void cmpi_finish(void) {
    int done = 0;
    if (MPI_Finalized(&done) == MPI_SUCCESS && !done) MPI_Finalize();
}
static inline void cmpi_abort(int code) { MPI_Abort(MPI_COMM_WORLD, code); }
static inline int cmpi_rank(void) { int rank = 0; MPI_Comm_rank(MPI_COMM_WORLD, &rank); return rank; }
static inline int cmpi_count(void) { int count = 1; MPI_Comm_size(MPI_COMM_WORLD, &count); return count; }
// An error of these ends all ranks, which is what MPI does unless told otherwise.
static inline void cmpi_broadcast(void *bytes, int count) { MPI_Bcast(bytes, count, MPI_BYTE, 0, MPI_COMM_WORLD); }
static inline void cmpi_send(const void *bytes, int count, int rank) { MPI_Send(bytes, count, MPI_BYTE, rank, 0, MPI_COMM_WORLD); }
static inline void cmpi_receive(void *bytes, int count, int rank) {
    MPI_Recv(bytes, count, MPI_BYTE, rank, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

#endif
