#define _GNU_SOURCE
#include "cstartup.h"
#include <limits.h>

#if defined(__linux__)
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

// BUFFER_SIZE of OpenBLAS on x86-64 (common_x86_64.h: 32 << 22) and the stack of a thread where the system sets no other.
static const unsigned long long buffer_bytes = 32ull << 22;
static const unsigned long long default_stack_bytes = 8ull << 20;
// Measured: `loewner --version` maps 21 MB after its libraries, a fit of a thousand points 40.
static const unsigned long long reserve_bytes = 48ull << 20;

static unsigned long long thread_bytes(void) {
    struct rlimit stack;
    if (getrlimit(RLIMIT_STACK, &stack) != 0 || stack.rlim_cur == RLIM_INFINITY) return buffer_bytes + default_stack_bytes;
    return buffer_bytes + stack.rlim_cur;
}

// Bytes that may still be mapped under one limit.
static unsigned long long room_under(int resource, unsigned long long used) {
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return ULLONG_MAX;
    return limit.rlim_cur > used ? limit.rlim_cur - used : 0;
}

static unsigned long long room(void) {
    // total resident shared text lib data dt, in pages
    char text[256] = "";
    int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
        ssize_t count = read(file, text, sizeof text - 1);
        if (count < 0) text[0] = 0;
        close(file);
    }
    unsigned long long total = 0, data = 0, page = (unsigned long long)sysconf(_SC_PAGESIZE);
    if (sscanf(text, "%llu %*u %*u %*u %*u %llu", &total, &data) != 2) return ULLONG_MAX;
    unsigned long long space = room_under(RLIMIT_AS, total * page), private = room_under(RLIMIT_DATA, data * page);
    return space < private ? space : private;
}

// Whoever calls BLAS has a buffer, and every worker of BLAS has one from its start: of N threads, which are now workers of BLAS and now callers
// of their own, that makes N + (N - 1) buffers. Those of `running` - 1 workers are mapped already.
int startup_affordable_threads(int running) {
    unsigned long long left = room();
    if (left == ULLONG_MAX) return INT_MAX;
    unsigned long long buffers = left > reserve_bytes ? (left - reserve_bytes) / thread_bytes() : 0;
    if (running > 1) buffers += (unsigned long long)(running - 1);
    return buffers > INT_MAX / 2 ? INT_MAX : (int)((buffers + 1) / 2);
}

static int processors(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

// The environment is taken from the arguments: libc has not been told of it yet.
static const char *value(char **environment, const char *name) {
    size_t length = strlen(name);
    for (; *environment; environment++) {
        if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=') return *environment + length + 1;
    }
    return NULL;
}

static void before_libraries(int count, char **arguments, char **environment) {
    (void)count;
    int affordable = startup_affordable_threads(0);
    if (affordable == INT_MAX) return;
    static const char *const names[] = {"OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS"};
    int wanted = processors();
    for (int i = 0; i < 3; i++) {
        const char *text = value(environment, names[i]);
        int number = text ? atoi(text) : 0;
        if (number > 0) {
            if (number < wanted) wanted = number;
            break;
        }
    }
    if (affordable >= wanted) return;
    if (affordable < 1) {
        char line[160];
        int length = snprintf(
            line, sizeof line, "loewner: expected room for one BLAS thread (%llu MB of address space), found %llu MB left by ulimit\n",
            (thread_bytes() + reserve_bytes) >> 20, room() >> 20);
        if (write(STDERR_FILENO, line, (size_t)length) < 0) _exit(1);
        _exit(1);
    }
    size_t entries = 0;
    while (environment[entries]) entries++;
    char **changed = malloc((entries + 2) * sizeof *changed);
    if (!changed) return;
    static char setting[40];
    snprintf(setting, sizeof setting, "OPENBLAS_NUM_THREADS=%d", affordable);
    size_t kept = 0;
    for (size_t i = 0; i < entries; i++) {
        if (strncmp(environment[i], "OPENBLAS_NUM_THREADS=", 21) != 0) changed[kept++] = environment[i];
    }
    changed[kept++] = setting;
    changed[kept] = NULL;
    execve("/proc/self/exe", arguments, changed);
    // Without /proc there is no other way than to try.
}

__attribute__((section(".preinit_array"), used)) static void (*const entry)(int, char **, char **) = before_libraries;

#else

int startup_affordable_threads(int running) {
    (void)running;
    return INT_MAX;
}

#endif
