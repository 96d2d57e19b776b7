#define _GNU_SOURCE
#include "cfileguard.h"
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// More files than any verb writes or maps at a time, those of a folder that is being written included.
enum { slot_count = 1024 };

// A name belongs to a slot from the exchange that sets it to the one that clears it. A handler on another thread may be reading it then,
// so that it is freed only by the next user of the slot.
struct slot {
    _Atomic(char *) name;
    char *last_name;
    _Atomic(uintptr_t) base;
    _Atomic(size_t) size;
};

static struct slot unfinished[slot_count], mappings[slot_count], promises[slot_count];
static const char *volatile program_name = "";
static const char *volatile illegal_text = "";
static atomic_int deferred, interrupted;

static int claim(struct slot *table, const char *path, uintptr_t base, size_t size) {
    char *name = strdup(path);
    if (!name) return -1;
    for (int i = 0; i < slot_count; i++) {
        char *expected = NULL;
        if (atomic_load(&table[i].name)) continue;
        if (!atomic_compare_exchange_strong(&table[i].name, &expected, name)) continue;
        free(table[i].last_name);
        table[i].last_name = name;
        atomic_store(&table[i].base, base);
        atomic_store(&table[i].size, size);
        return i;
    }
    free(name);
    return -1;
}

static void release(struct slot *table, int slot) {
    if (slot < 0 || slot >= slot_count) return;
    atomic_store(&table[slot].size, 0);
    atomic_store(&table[slot].name, NULL);
}

int file_guard_add_unfinished(const char *path) { return claim(unfinished, path, 0, 0); }
void file_guard_remove_unfinished(int slot) { release(unfinished, slot); }

int file_guard_add_mapping(const void *base, size_t size, const char *path) { return claim(mappings, path, (uintptr_t)base, size); }
void file_guard_remove_mapping(int slot) { release(mappings, slot); }

void file_guard_promise(const char *name) { claim(promises, name, 0, 0); }

void file_guard_keep(const char *name) {
    for (int i = 0; i < slot_count; i++) {
        const char *promised = atomic_load(&promises[i].name);
        if (promised && strcmp(promised, name) == 0) release(promises, i);
    }
}

int file_guard_interrupted(void) { return atomic_load(&interrupted); }
void file_guard_defer_interrupt(void) { atomic_store(&deferred, 1); }
void file_guard_obey_interrupt(void) { atomic_store(&deferred, 0); }

// MARK: In a handler

// Standard error may be gone; there is nothing to be done about it here.
static void put(const char *text) {
    size_t left = strlen(text);
    while (left > 0) {
        ssize_t written = write(STDERR_FILENO, text, left);
        if (written <= 0) return;
        text += written;
        left -= (size_t)written;
    }
}

// Names go to a terminal: bytes below 32, 127 and U+0080 to U+009F, which steer one too, become question marks, and 200 bytes are enough.
static void put_name(const char *name) {
    char text[204];
    size_t count = 0;
    for (; name[count] && count < 200; count++) {
        unsigned char byte = (unsigned char)name[count];
        unsigned char before = count > 0 ? (unsigned char)name[count - 1] : 0;
        int steers = byte < 32 || byte == 127 || (before == 0xc2 && byte >= 0x80 && byte < 0xa0);
        text[count] = steers ? '?' : (char)byte;
    }
    strcpy(text + count, name[count] ? "..." : "");
    put(text);
}

static void remove_unfinished(void) {
    for (int i = 0; i < slot_count; i++) {
        const char *name = atomic_load(&unfinished[i].name);
        if (name) unlink(name);
    }
    // Folders of such files, which are empty now.
    for (int i = 0; i < slot_count; i++) {
        const char *name = atomic_load(&unfinished[i].name);
        if (name) rmdir(name);
    }
}

static void end(int number) {
    if (number == SIGINT && atomic_exchange(&deferred, 0)) {
        atomic_store(&interrupted, 1);
        return;
    }
    remove_unfinished();
    put(program_name);
    put(number == SIGINT ? ": interrupted" : number == SIGTERM ? ": terminated" : number == SIGHUP ? ": hung up" : ": quit");
    const char *separator = "; not written: ";
    for (int i = 0; i < slot_count; i++) {
        const char *name = atomic_load(&promises[i].name);
        if (!name) continue;
        put(separator);
        put_name(name);
        separator = ", ";
    }
    put("\n");
    _exit(128 + number);
}

// Nobody reads what is printed any more: quietly.
static void unread(int number) {
    remove_unfinished();
    _exit(128 + number);
}

static void fault(int number, siginfo_t *info, void *context) {
    (void)context;
    uintptr_t place = (uintptr_t)info->si_addr;
    for (int i = 0; i < slot_count; i++) {
        uintptr_t base = atomic_load(&mappings[i].base);
        const char *name = atomic_load(&mappings[i].name);
        if (!name || place < base || place - base >= atomic_load(&mappings[i].size)) continue;
        remove_unfinished();
        put(program_name);
        put(": ");
        put_name(name);
        put(": expected the file to stay as it is while it is read, found it shorter\n");
        _exit(1);
    }
    // Not ours: the access is made again, and ends the process.
    signal(number, SIG_DFL);
}

static void illegal(int number, siginfo_t *info, void *context) {
    (void)context;
    const unsigned char *code = info->si_addr;
    // ud2: a trap of our own, not an instruction that this processor lacks. It is met again, and ends the process as ever.
    if (number == SIGILL && code && code[0] == 0x0f && code[1] == 0x0b) {
        signal(number, SIG_DFL);
        return;
    }
    remove_unfinished();
    put(program_name);
    put(": ");
    put(illegal_text);
    put("\n");
    _exit(1);
}

void file_guard_install(const char *program, const char *illegal_instruction) {
    program_name = strdup(program);
    illegal_text = strdup(illegal_instruction);
    static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    sigset_t ours;
    sigemptyset(&ours);
    for (size_t i = 0; i < sizeof ending / sizeof *ending; i++) {
        // Restarted calls: the first, deferred SIGINT must not make a write fail.
        struct sigaction old, new = {.sa_handler = end, .sa_flags = SA_RESTART};
        sigemptyset(&new.sa_mask);
        // nohup and the background jobs of a shell without job control ignore some of them.
        if (sigaction(ending[i], NULL, &old) == 0 && old.sa_handler == SIG_IGN) continue;
        sigaction(ending[i], &new, NULL);
        sigaddset(&ours, ending[i]);
    }
    // Whoever started us may have blocked the signals, as test runners do; a blocked one would never arrive.
    sigprocmask(SIG_UNBLOCK, &ours, NULL);
    struct sigaction bus = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO};
    sigemptyset(&bus.sa_mask);
    sigaction(SIGBUS, &bus, NULL);
    struct sigaction ill = {.sa_sigaction = illegal, .sa_flags = SA_SIGINFO};
    sigemptyset(&ill.sa_mask);
    sigaction(SIGILL, &ill, NULL);
    struct sigaction pipe;
    if (sigaction(SIGPIPE, NULL, &pipe) == 0 && pipe.sa_handler == SIG_DFL) signal(SIGPIPE, unread);
    signal(SIGXFSZ, SIG_IGN);
}
