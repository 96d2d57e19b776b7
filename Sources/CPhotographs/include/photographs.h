#ifndef LOEWNER_PHOTOGRAPHS_H
#define LOEWNER_PHOTOGRAPHS_H

#include <stddef.h>

/// A deflated npz archive of photographs (README.md), in read-only data of the program: nothing is looked for on disk, so the
/// tool and its clients may be moved anywhere.
const unsigned char *_Nonnull loewner_photographs_bytes(void);
extern const size_t loewner_photographs_count;

#endif
