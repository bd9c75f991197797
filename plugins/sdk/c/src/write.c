/* From rows to columns. */

#include "writer.h"

/* Bytes that a value of variable length is reckoned with beforehand; a longer column grows. */
enum { EXPECTED_BYTES = 24 };

static size_t width(const gm_type *type) {
    switch (type->kind) {
    case GM__INT64:
    case GM__TIMESTAMP:
    case GM__FLOAT64: return 8;
    case GM__DATE: return 4;
    default: return 0;
    }
}

/* Room for values, beside those that are there. */
static void reserve(gm__writer *w, uint32_t more) {
    uint32_t wanted;
    if (__builtin_add_overflow(w->rows, more, &wanted))
        gm__fail("a column of the batch has more values than can be counted; run with fewer rows a batch");
    if (wanted <= w->capacity)
        return;
    uint32_t old = w->capacity, room = old * 2 > wanted && old < UINT32_MAX / 2 ? old * 2 : wanted;
    size_t each = width(w->type);
    if (each > 0)
        w->values = gm__grow(w->values, old * each, room * each, 8);
    if (w->type->kind == GM__BOOLEAN) {
        w->values = gm__grow(w->values, old == 0 ? 0 : gm_bitmap(old), gm_bitmap(room), 8);
        memset((uint8_t *)w->values + gm_bitmap(w->rows), 0, gm_bitmap(room) - gm_bitmap(w->rows));
    }
    if (gm__is_cut(w->type)) {
        w->offsets = gm__grow(w->offsets, old == 0 ? 0 : (old + 1) * sizeof(uint32_t), (room + 1) * sizeof(uint32_t), 8);
        if (old == 0)
            w->offsets[0] = 0;
    }
    if (w->validity != NULL) {
        w->validity = gm__grow(w->validity, gm_bitmap(old), gm_bitmap(room), 8);
        memset(w->validity + gm_bitmap(old), 0xff, gm_bitmap(room) - gm_bitmap(old));
    }
    w->capacity = room;
}

gm__writer *gm__writer_of(const gm_type *type, uint32_t rows) {
    gm__writer *w = gm_new(gm__writer, 1);
    w->optional = type->kind == GM__OPTIONAL;
    w->at = w->optional ? type->at : 0;
    type = gm__without_option(type);
    w->type = type;
    if (type->kind == GM__LIST) {
        w->parts = gm_new(gm__writer *, 1);
        w->parts[0] = gm__writer_of(type->inner, rows);
        w->parts_count = 1;
    } else if (type->kind == GM__STRUCT) {
        const gm_field *fields = type->fields(&w->parts_count);
        w->parts = gm_new(gm__writer *, w->parts_count);
        for (uint32_t i = 0; i < w->parts_count; i++)
            w->parts[i] = gm__writer_of(fields[i].type, rows);
    } else if (gm__is_cut(type)) {
        w->room = (size_t)rows * EXPECTED_BYTES;
        w->data = gm__alloc(w->room, 8);
    }
    reserve(w, rows > 0 ? rows : 1);
    return w;
}

/* Nulls pay for the validity, values do not. */
static void set_null(gm__writer *w, uint32_t row) {
    if (w->validity == NULL) {
        w->validity = gm__alloc(gm_bitmap(w->capacity), 8);
        memset(w->validity, 0xff, gm_bitmap(w->capacity));
    }
    w->validity[row / 8] &= (uint8_t) ~(1u << (row % 8));
}

/* Room for bytes, up to which a column of so many rows will then have come. */
static void reserve_bytes(gm__writer *w, size_t more, uint32_t rows) {
    if (w->room - w->len >= more)
        return;
    size_t wanted = w->len + more;
    if (wanted < more || wanted > UINT32_MAX)
        gm__fail("a column of the batch holds more than 4 GiB; run with fewer rows a batch");
    /* What the column will come to, by what there is of it, and an eighth; what has grown before is lost until the call is over. */
    double all = (double)wanted * w->capacity / rows * 1.125;
    size_t room = all > wanted && all < wanted * 64.0 && all < UINT32_MAX ? (size_t)all : wanted + wanted / 2;
    w->data = gm__grow(w->data, w->room, room, 8);
    w->room = room;
}

/* Strings. Those that follow each other in memory, as they do in a column that is handed on, or that are the same, cost one copy. */
static void write_strings(gm__writer *w, const char *from, size_t stride, uint32_t count, size_t at) {
    uint32_t *offsets = w->offsets + w->rows + 1;
    size_t end = w->len;
    const char *row = from;
    for (uint32_t i = 0; i < count; i++, row += stride) {
        bool present = !w->optional || *(const bool *)(const void *)row;
        end += present ? ((const gm_string *)(const void *)(row + at))->len : 0;
        if (!present)
            set_null(w, w->rows + i);
        offsets[i] = (uint32_t)end;
    }
    reserve_bytes(w, end - w->len, w->rows + count);
    char *to = w->data + w->len;
    const char *run = "", *run_end = run;
    row = from;
    for (uint32_t i = 0; i < count; i++, row += stride) {
        if (w->optional && !*(const bool *)(const void *)row)
            continue;
        const gm_string *string = (const gm_string *)(const void *)(row + at);
        if (string->len == 0)
            continue;
        if (string->data != run_end) {
            gm__copy(to, run, (size_t)(run_end - run));
            to += run_end - run;
            run = string->data;
        }
        run_end = string->data + string->len;
    }
    gm__copy(to, run, (size_t)(run_end - run));
    w->len = end;
}

static void write_bytes(gm__writer *w, const char *from, size_t stride, uint32_t count, size_t at) {
    for (uint32_t i = 0; i < count; i++, from += stride) {
        if (w->optional && !*(const bool *)(const void *)from) {
            set_null(w, w->rows + i);
        } else {
            const gm_bytes *bytes = (const gm_bytes *)(const void *)(from + at);
            reserve_bytes(w, bytes->len, w->rows + i + 1);
            gm__copy(w->data + w->len, (const char *)bytes->data, bytes->len);
            w->len += bytes->len;
        }
        w->offsets[w->rows + i + 1] = (uint32_t)w->len;
    }
}

#define WRITE_FIXED(type) \
    do { \
        type *values = (type *)w->values + w->rows; \
        if (w->optional) { \
            for (uint32_t i = 0; i < count; i++, row += stride) { \
                bool present = *(const bool *)(const void *)row; \
                values[i] = present ? *(const type *)(const void *)(row + at) : 0; \
                if (!present) \
                    set_null(w, w->rows + i); \
            } \
        } else { \
            for (uint32_t i = 0; i < count; i++, row += stride) \
                values[i] = *(const type *)(const void *)row; \
        } \
    } while (0)

/* Appends what stands at a null. */
static void write_nothing(gm__writer *w) {
    reserve(w, 1);
    if (w->optional)
        set_null(w, w->rows);
    if (width(w->type) > 0)
        memset((char *)w->values + w->rows * width(w->type), 0, width(w->type));
    if (w->type->kind == GM__LIST)
        w->offsets[w->rows + 1] = w->parts[0]->rows;
    else if (gm__is_cut(w->type))
        w->offsets[w->rows + 1] = (uint32_t)w->len;
    if (w->type->kind == GM__STRUCT)
        for (uint32_t i = 0; i < w->parts_count; i++)
            write_nothing(w->parts[i]);
    w->rows++;
}

static void write_list(gm__writer *w, const char *row) {
    struct any_list {
        const void *items;
        size_t len;
    } list;
    memcpy(&list, row, sizeof list);
    if (list.len > UINT32_MAX)
        gm__fail("a list has more elements than can be counted");
    gm__write(w->parts[0], list.items, w->type->inner->size, (uint32_t)list.len);
    w->offsets[w->rows + 1] = w->parts[0]->rows;
}

static void write_struct(gm__writer *w, const char *row, size_t stride, uint32_t count) {
    const gm_field *fields = w->type->fields(&w->parts_count);
    for (uint32_t i = 0; i < w->parts_count; i++)
        gm__write(w->parts[i], row + fields[i].at, stride, count);
}

void gm__write(gm__writer *w, const void *from, size_t stride, uint32_t count) {
    reserve(w, count);
    const char *row = from;
    size_t at = w->at;
    switch (w->type->kind) {
    case GM__BOOLEAN:
        for (uint32_t i = 0; i < count; i++, row += stride) {
            if (w->optional && !*(const bool *)(const void *)row)
                set_null(w, w->rows + i);
            else if (*(const bool *)(const void *)(row + at))
                gm_set_bit(w->values, w->rows + i);
        }
        break;
    case GM__INT64:
    case GM__TIMESTAMP: WRITE_FIXED(int64_t); break;
    case GM__FLOAT64: WRITE_FIXED(double); break;
    case GM__DATE: WRITE_FIXED(int32_t); break;
    case GM__STRING:
    case GM__JSON:
    case GM__REFERENCE: write_strings(w, row, stride, count, at); break;
    case GM__BYTES: write_bytes(w, row, stride, count, at); break;
    case GM__STRUCT:
        if (!w->optional) {
            write_struct(w, row, stride, count);
            break;
        }
        /* fall through */
    case GM__LIST:
        for (uint32_t i = 0; i < count; i++, row += stride) {
            if (w->optional && !*(const bool *)(const void *)row) {
                write_nothing(w);
                continue;
            }
            if (w->type->kind == GM__LIST)
                write_list(w, row + at);
            else
                write_struct(w, row + at, stride, 1);
            w->rows++;
        }
        return;
    case GM__OPTIONAL: return;
    }
    w->rows += count;
}
