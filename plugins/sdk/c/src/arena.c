/* Memory that is freed as a whole when a call is over. */

#include <stdlib.h>

#include "internal.h"

#ifndef GM_BLOCK
#define GM_BLOCK ((size_t)256 << 10)
#endif

typedef struct block {
    struct block *before;
    size_t size, used;
    _Alignas(16) unsigned char bytes[];
} block;

static block *last;

_Noreturn void gm__fail(const char *what) {
    abi_string text = gm__abi_text(what);
    gristmill_plugin_log_log(GM_ERROR, &text);
    __builtin_trap();
}

static void *taken(void *memory) {
    if (memory == NULL)
        __builtin_trap();
    return memory;
}

/* The place in the last block, or NULL. */
static void *place(size_t size, size_t align) {
    if (last == NULL)
        return NULL;
    size_t start = (last->used + align - 1) & ~(align - 1);
    if (start > last->size || last->size - start < size)
        return NULL;
    last->used = start + size;
    return last->bytes + start;
}

void *gm__alloc(size_t size, size_t align) {
    void *found = place(size, align);
    if (found != NULL)
        return found;
    if (size > PTRDIFF_MAX - sizeof(block))
        __builtin_trap();
    size_t room = size > GM_BLOCK ? size : GM_BLOCK;
    block *next = taken(malloc(sizeof(block) + room));
    *next = (block){.before = last, .size = room, .used = size};
    last = next;
    return next->bytes;
}

void *gm__grow(void *old, size_t old_size, size_t size, size_t align) {
    if (last != NULL && old_size > 0 && (unsigned char *)old + old_size == last->bytes + last->used &&
        last->size - last->used >= size - old_size) {
        last->used += size - old_size;
        return old;
    }
    void *grown = gm__alloc(size, align);
    if (old_size > 0)
        memcpy(grown, old, old_size);
    return grown;
}

void *gm__new(size_t count, size_t size, size_t align) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        __builtin_trap();
    void *memory = gm__alloc(bytes, align);
    if (bytes > 0)
        memset(memory, 0, bytes);
    return memory;
}

void gm__free_call(void) {
    if (last == NULL)
        return;
    if (last->before == NULL) {
        last->used = 0;
        return;
    }
    /* The next call will need as much; in one block it has no gaps, and this one is freed before that one is taken. */
    size_t all = 0;
    while (last != NULL) {
        block *before = last->before;
        all += last->size;
        free(last);
        last = before;
    }
    if (GM_BLOCK > 0) {
        last = taken(malloc(sizeof(block) + all));
        *last = (block){.size = all};
    }
}

typedef struct kept {
    struct kept *before;
    _Alignas(16) unsigned char bytes[];
} kept;

static kept *last_kept;

void *gm__keep(size_t size) {
    kept *next = taken(calloc(1, sizeof(kept) + size));
    next->before = last_kept;
    last_kept = next;
    return next->bytes;
}

void gm__free_kept(void) {
    while (last_kept != NULL) {
        kept *before = last_kept->before;
        free(last_kept);
        last_kept = before;
    }
}

gm_string gm__kept(gm_string text) {
    char *copy = gm__keep(text.len + 1);
    gm__copy(copy, text.data, text.len);
    return (gm_string){copy, text.len};
}
