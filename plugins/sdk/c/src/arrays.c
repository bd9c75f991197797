/* Columns as the contract has them: a list of arrays, each before its parts. */

#include "writer.h"

static uint32_t add_array(gm__arrays *arrays) {
    if (arrays->len == arrays->capacity) {
        uint32_t more = arrays->capacity * 2 + 16;
        arrays->ptr = gm__grow(arrays->ptr, arrays->capacity * sizeof(abi_array), more * sizeof(abi_array), _Alignof(abi_array));
        arrays->capacity = more;
    }
    arrays->ptr[arrays->len] = (abi_array){0};
    return arrays->len++;
}

typedef struct shown {
    const gm_type *type;
    uint32_t rows;
    const uint8_t *validity;
    const void *values;
    const uint32_t *offsets;
    const char *data;
    size_t len;
} shown;

/* The array of what has no parts. */
static void fill(abi_array *array, const shown *c) {
    array->validity.is_some = c->validity != NULL;
    array->validity.val = (abi_bytes){(uint8_t *)(uintptr_t)c->validity, c->validity == NULL ? 0 : gm_bitmap(c->rows)};
    abi_values *values = &array->values;
    void *fixed = (void *)(uintptr_t)c->values;
    gristmill_plugin_columns_varlen_t varlen = {
        {(uint32_t *)(uintptr_t)c->offsets, (size_t)c->rows + 1}, {(uint8_t *)(uintptr_t)c->data, c->len}};
    switch (c->type->kind) {
    case GM__BOOLEAN:
        values->tag = GRISTMILL_PLUGIN_COLUMNS_VALUES_BOOLEANS;
        values->val.booleans = (abi_bytes){fixed, gm_bitmap(c->rows)};
        break;
    case GM__INT64:
        values->tag = GRISTMILL_PLUGIN_COLUMNS_VALUES_INT64S;
        values->val.int64s = (plugin_list_s64_t){fixed, c->rows};
        break;
    case GM__FLOAT64:
        values->tag = GRISTMILL_PLUGIN_COLUMNS_VALUES_FLOAT64S;
        values->val.float64s = (plugin_list_f64_t){fixed, c->rows};
        break;
    case GM__TIMESTAMP:
        values->tag = GRISTMILL_PLUGIN_COLUMNS_VALUES_TIMESTAMPS;
        values->val.timestamps = (plugin_list_s64_t){fixed, c->rows};
        break;
    case GM__DATE:
        values->tag = GRISTMILL_PLUGIN_COLUMNS_VALUES_DATES;
        values->val.dates = (plugin_list_s32_t){fixed, c->rows};
        break;
    case GM__STRING:
    case GM__REFERENCE:
        values->tag = GRISTMILL_PLUGIN_COLUMNS_VALUES_STRINGS;
        values->val.strings = varlen;
        break;
    case GM__BYTES:
        values->tag = GRISTMILL_PLUGIN_COLUMNS_VALUES_BYTES;
        values->val.bytes = varlen;
        break;
    case GM__JSON:
        values->tag = GRISTMILL_PLUGIN_COLUMNS_VALUES_JSON;
        values->val.json = varlen;
        break;
    case GM__LIST:
        values->tag = GRISTMILL_PLUGIN_COLUMNS_VALUES_LISTS;
        values->val.lists.offsets = varlen.offsets;
        break;
    case GM__STRUCT:
        values->tag = GRISTMILL_PLUGIN_COLUMNS_VALUES_STRUCTS;
        values->val.structs.length = c->rows;
        break;
    case GM__OPTIONAL: break;
    }
}

/* Where the parts of an array are, which lie at other places than when it was added. */
static void set_parts(gm__arrays *arrays, uint32_t index, const gm_type *type, uint32_t *parts, uint32_t count) {
    abi_values *values = &arrays->ptr[index].values;
    if (type->kind == GM__LIST)
        values->val.lists.child = parts[0];
    else
        values->val.structs.children = (abi_u32s){parts, count};
}

uint32_t gm__finish(gm__writer *w, gm__arrays *arrays) {
    uint32_t index = add_array(arrays);
    if (w->validity != NULL && w->rows % 8 != 0)
        /* Nobody reads the spare bits; equal columns are equal bytes all the same. */
        w->validity[w->rows / 8] &= (uint8_t)((1u << (w->rows % 8)) - 1);
    shown shown = {w->type, w->rows, w->validity, w->values, w->offsets, w->data, w->len};
    fill(&arrays->ptr[index], &shown);
    if (w->parts_count > 0) {
        uint32_t *parts = gm_new(uint32_t, w->parts_count);
        for (uint32_t i = 0; i < w->parts_count; i++)
            parts[i] = gm__finish(w->parts[i], arrays);
        set_parts(arrays, index, w->type, parts, w->parts_count);
    }
    return index;
}

uint32_t gm__finish_column(const gm_type *type, const void *from, gm__arrays *arrays) {
    if (type->kind == GM__OPTIONAL)
        type = type->inner;
    uint32_t index = add_array(arrays);
    struct head {
        GM__COLUMN_HEAD
        const void *values;
        const void *data;
    } column = {0};
    /* As much of it as this column has. */
    bool offsets = gm__is_cut(type);
    size_t size = sizeof column;
    if (type->kind == GM__STRUCT)
        size = offsetof(struct head, values);
    else if (!offsets || type->kind == GM__LIST)
        size = offsetof(struct head, data);
    memcpy(&column, from, size);
    shown shown = {.type = type, .rows = column.rows, .validity = column.validity};
    if (offsets) {
        static const uint32_t none[1];
        shown.offsets = column.rows == 0 && column.values == NULL ? none : column.values;
        shown.data = column.data;
        shown.len = type->kind == GM__LIST ? 0 : shown.offsets[column.rows];
    } else {
        shown.values = column.values;
    }
    fill(&arrays->ptr[index], &shown);
    if (type->kind == GM__LIST) {
        uint32_t child = gm__finish_column(type->inner, (const char *)from + type->at, arrays);
        set_parts(arrays, index, type, &child, 1);
    } else if (type->kind == GM__STRUCT) {
        uint32_t count;
        const gm_field *fields = type->fields(&count);
        uint32_t *parts = gm_new(uint32_t, count);
        for (uint32_t i = 0; i < count; i++)
            parts[i] = gm__finish_column(fields[i].type, (const char *)from + fields[i].column_at, arrays);
        set_parts(arrays, index, type, parts, count);
    }
    return index;
}
