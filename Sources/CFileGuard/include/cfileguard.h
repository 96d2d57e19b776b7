// What a signal handler must know of files: those half written, those promised, and those mapped into memory.
//
// A handler may neither allocate nor lock, so this is C over fixed tables of atomics. TensorFiles fills the tables; only a program that
// calls file_guard_install has handlers.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Notes a file that is removed when a signal ends the process. Returns a slot, or -1 when all are taken (nothing is removed then).
int file_guard_add_unfinished(const char *path);
void file_guard_remove_unfinished(int slot);

/// Notes a mapping, so that an access beyond the end of its (shortened) file ends in a message. Returns a slot or -1.
int file_guard_add_mapping(const void *base, size_t size, const char *path);
void file_guard_remove_mapping(int slot);

/// Notes a file that is going to be written, and that it has been; both by the name that will be shown.
void file_guard_promise(const char *name);
void file_guard_keep(const char *name);

/// Installs the handlers: SIGINT, SIGTERM, SIGHUP, SIGQUIT remove what is unfinished, say what was not written, and exit with 128 + the
/// number; SIGPIPE does so without a word; SIGBUS inside a mapping exits with 1 and names the file, elsewhere it is fatal as ever; SIGILL exits with 1 and says `illegal`;
/// SIGXFSZ becomes an error of write. Signals that whoever started us has set to be ignored stay so.
void file_guard_install(const char *program, const char *illegal);

/// From now on the first SIGINT only sets the flag that file_guard_interrupted reads; the second ends the process as above.
void file_guard_defer_interrupt(void);
/// From now on the first SIGINT ends the process, too.
void file_guard_obey_interrupt(void);
int file_guard_interrupted(void);
