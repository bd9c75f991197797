/* A column while it is written. */
#ifndef GRISTMILL_WRITER_H
#define GRISTMILL_WRITER_H

#include "internal.h"

struct gm__writer {
    const gm_type *type; /* Without the option. */
    bool optional;
    size_t at; /* Of an optional: where its value lies in it. */
    uint32_t rows, capacity;
    uint8_t *validity; /* As long as the capacity; null until there is a null. */
    void *values;
    uint32_t *offsets;
    char *data;
    size_t len, room;
    gm__writer **parts;
    uint32_t parts_count;
};

#endif
