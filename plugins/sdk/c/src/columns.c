/* For mappings of whole columns. */

#include "internal.h"

static const uint8_t *pick_validity(const uint8_t *validity, const uint32_t *rows, uint32_t count) {
    if (validity == NULL)
        return NULL;
    uint8_t *picked = gm_new(uint8_t, gm_bitmap(count));
    for (uint32_t i = 0; i < count; i++)
        if (gm_bit(validity, rows[i]))
            gm_set_bit(picked, i);
    return picked;
}

#define PICK(name, type, element) \
    type gm__pick_##name(type column, const uint32_t *rows, uint32_t count) { \
        element *values = gm_new(element, count); \
        for (uint32_t i = 0; i < count; i++) \
            values[i] = column.values[rows[i]]; \
        return (type){.validity = pick_validity(column.validity, rows, count), .rows = count, .values = values}; \
    }
PICK(int64, gm_column_int64_t, int64_t)
PICK(double, gm_column_double, double)
PICK(timestamp, gm_column_gm_timestamp, int64_t)

gm_column_gm_string gm__pick_string(gm_column_gm_string column, const uint32_t *rows, uint32_t count) {
    uint32_t *offsets = gm_new(uint32_t, (size_t)count + 1);
    for (uint32_t i = 0; i < count; i++)
        offsets[i + 1] = offsets[i] + (uint32_t)gm_string_at(column, rows[i]).len;
    char *data = gm__alloc(offsets[count], 1);
    for (uint32_t i = 0; i < count;) {
        /* Rows that follow each other are copied at once. */
        uint32_t end = i + 1;
        while (end < count && rows[end] == rows[end - 1] + 1)
            end++;
        gm__copy(data + offsets[i], column.data + column.offsets[rows[i]], offsets[end] - offsets[i]);
        i = end;
    }
    return (gm_column_gm_string){
        .validity = pick_validity(column.validity, rows, count), .rows = count, .offsets = offsets, .data = data};
}

gm_column_gm_string gm_repeat_string(gm_string value, uint32_t rows) {
    size_t bytes;
    if (__builtin_mul_overflow(value.len, (size_t)rows, &bytes) || bytes > UINT32_MAX)
        gm__fail("a column of the batch holds more than 4 GiB; run with fewer rows a batch");
    uint32_t *offsets = gm_new(uint32_t, (size_t)rows + 1);
    char *data = gm__alloc(bytes, 1);
    for (uint32_t i = 0; i < rows; i++) {
        gm__copy(data + offsets[i], value.data, value.len);
        offsets[i + 1] = offsets[i] + (uint32_t)value.len;
    }
    return (gm_column_gm_string){.rows = rows, .offsets = offsets, .data = data};
}

gm_column_gm_timestamp gm_repeat_timestamp(gm_timestamp value, uint32_t rows) {
    int64_t *values = gm_new(int64_t, rows);
    for (uint32_t i = 0; i < rows; i++)
        values[i] = value.micros;
    return (gm_column_gm_timestamp){.rows = rows, .values = values};
}
