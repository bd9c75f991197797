/* From columns to records. */

#include "internal.h"

/* What every column struct of a kind begins with. */
typedef struct head {
    GM__COLUMN_HEAD
} head;
typedef struct fixed {
    GM__COLUMN_HEAD
    const void *values;
} fixed;
typedef struct varlen {
    GM__COLUMN_HEAD
    const uint32_t *offsets;
    const void *data;
} varlen;
typedef struct list {
    GM__COLUMN_HEAD
    const uint32_t *offsets;
} list;

bool gm__can_lack(const gm_type *type) {
    type = gm__without_option(type);
    if (type->kind == GM__LIST)
        return type->inner->kind != GM__OPTIONAL || gm__can_lack(type->inner);
    if (type->kind != GM__STRUCT)
        return false;
    uint32_t count;
    const gm_field *fields = type->fields(&count);
    for (uint32_t i = 0; i < count; i++)
        if (fields[i].type->kind != GM__OPTIONAL || gm__can_lack(fields[i].type))
            return true;
    return false;
}

static const char *const WRONG_TYPE = "it has another type than the declared one";
static const char *const WRONG_LENGTH = "its length is not the number of rows";

/* One offset more than there are values, from 0 to the end of what they cut, none below the one before it. */
static const char *check_offsets(abi_u32s offsets, uint32_t rows, size_t end) {
    if (offsets.len != (size_t)rows + 1)
        return WRONG_LENGTH;
    uint32_t falling = offsets.ptr[0] != 0 || offsets.ptr[rows] != end;
    for (uint32_t i = 0; i < rows; i++)
        falling |= offsets.ptr[i] > offsets.ptr[i + 1];
    return falling ? "its offsets do not cut its data" : NULL;
}

static const char *open_fixed(const void *values, size_t len, size_t wanted, fixed *column) {
    column->values = values;
    return len == wanted ? NULL : WRONG_LENGTH;
}

const char *gm__open(const gm_type *type, const abi_batch *batch, uint32_t index, uint32_t rows, void *to) {
    if (index >= batch->arrays.len)
        return "the batch lacks it or a part of it";
    type = gm__without_option(type);
    const abi_array *array = &batch->arrays.ptr[index];
    const abi_values *values = &array->values;
    static const uint8_t tags[] = {
        [GM__BOOLEAN] = GRISTMILL_PLUGIN_COLUMNS_VALUES_BOOLEANS,
        [GM__INT64] = GRISTMILL_PLUGIN_COLUMNS_VALUES_INT64S,
        [GM__FLOAT64] = GRISTMILL_PLUGIN_COLUMNS_VALUES_FLOAT64S,
        [GM__TIMESTAMP] = GRISTMILL_PLUGIN_COLUMNS_VALUES_TIMESTAMPS,
        [GM__DATE] = GRISTMILL_PLUGIN_COLUMNS_VALUES_DATES,
        [GM__STRING] = GRISTMILL_PLUGIN_COLUMNS_VALUES_STRINGS,
        [GM__BYTES] = GRISTMILL_PLUGIN_COLUMNS_VALUES_BYTES,
        [GM__JSON] = GRISTMILL_PLUGIN_COLUMNS_VALUES_JSON,
        [GM__REFERENCE] = GRISTMILL_PLUGIN_COLUMNS_VALUES_STRINGS,
        [GM__LIST] = GRISTMILL_PLUGIN_COLUMNS_VALUES_LISTS,
        [GM__STRUCT] = GRISTMILL_PLUGIN_COLUMNS_VALUES_STRUCTS,
    };
    if (values->tag != tags[type->kind])
        return WRONG_TYPE;
    const uint8_t *validity = NULL;
    if (array->validity.is_some) {
        validity = array->validity.val.ptr;
        if (array->validity.val.len != gm_bitmap(rows))
            return "its validity does not have a bit for each row";
    }

    fixed fixed = {.validity = validity, .rows = rows};
    const char *wrong = NULL;
    switch (type->kind) {
    case GM__BOOLEAN: wrong = open_fixed(values->val.booleans.ptr, values->val.booleans.len, gm_bitmap(rows), &fixed); break;
    case GM__INT64: wrong = open_fixed(values->val.int64s.ptr, values->val.int64s.len, rows, &fixed); break;
    case GM__FLOAT64: wrong = open_fixed(values->val.float64s.ptr, values->val.float64s.len, rows, &fixed); break;
    case GM__TIMESTAMP: wrong = open_fixed(values->val.timestamps.ptr, values->val.timestamps.len, rows, &fixed); break;
    case GM__DATE: wrong = open_fixed(values->val.dates.ptr, values->val.dates.len, rows, &fixed); break;
    case GM__STRING:
    case GM__BYTES:
    case GM__JSON:
    case GM__REFERENCE: {
        const gristmill_plugin_columns_varlen_t *cut = &values->val.strings;
        varlen column = {.validity = validity, .rows = rows, .offsets = cut->offsets.ptr, .data = cut->data.ptr};
        memcpy(to, &column, sizeof column);
        return check_offsets(cut->offsets, rows, cut->data.len);
    }
    case GM__LIST: {
        abi_u32s offsets = values->val.lists.offsets;
        if (offsets.len != (size_t)rows + 1)
            return WRONG_LENGTH;
        uint32_t end = offsets.ptr[rows];
        wrong = check_offsets(offsets, rows, end);
        if (wrong != NULL)
            return wrong;
        if (values->val.lists.child <= index)
            return "a part of it does not come after it";
        list column = {.validity = validity, .rows = rows, .offsets = offsets.ptr};
        memcpy(to, &column, sizeof column);
        return gm__open(type->inner, batch, values->val.lists.child, end, (char *)to + type->at);
    }
    case GM__STRUCT: {
        uint32_t count;
        const gm_field *fields = type->fields(&count);
        abi_u32s children = values->val.structs.children;
        if (values->val.structs.length != rows || children.len != count)
            return WRONG_LENGTH;
        head column = {.validity = validity, .rows = rows};
        memcpy(to, &column, sizeof column);
        for (uint32_t i = 0; i < count; i++) {
            if (children.ptr[i] <= index)
                return "a part of it does not come after it";
            wrong = gm__open(fields[i].type, batch, children.ptr[i], rows, (char *)to + fields[i].column_at);
            if (wrong != NULL)
                return wrong;
        }
        return NULL;
    }
    default: return WRONG_TYPE;
    }
    memcpy(to, &fixed, sizeof fixed);
    return wrong;
}

#define READ_FIXED(type) \
    do { \
        fixed column; \
        memcpy(&column, from, sizeof column); \
        const type *values = (const type *)column.values + start; \
        for (uint32_t i = 0; i < count; i++, to += stride) \
            *(type *)(void *)to = values[i]; \
    } while (0)

#define READ_VARLEN(type, element) \
    do { \
        varlen column; \
        memcpy(&column, from, sizeof column); \
        const uint32_t *offsets = column.offsets + start; \
        const element *data = column.data; \
        for (uint32_t i = 0; i < count; i++, to += stride) \
            *(type *)(void *)to = (type){data + offsets[i], offsets[i + 1] - offsets[i]}; \
    } while (0)

/* Reads values whether or not there is a null, except that nobody looks for parts that a null lacks. */
static void read_values(
    const gm_type *type, const void *from, uint32_t start, uint32_t count, char *to, size_t stride, uint8_t *lack) {
    switch (type->kind) {
    case GM__BOOLEAN: {
        fixed column;
        memcpy(&column, from, sizeof column);
        for (uint32_t i = 0; i < count; i++, to += stride)
            *(bool *)(void *)to = gm_bit(column.values, start + i);
        return;
    }
    case GM__INT64:
    case GM__TIMESTAMP: READ_FIXED(int64_t); return;
    case GM__FLOAT64: READ_FIXED(double); return;
    case GM__DATE: READ_FIXED(int32_t); return;
    case GM__STRING:
    case GM__JSON:
    case GM__REFERENCE: READ_VARLEN(gm_string, char); return;
    case GM__BYTES: READ_VARLEN(gm_bytes, uint8_t); return;
    case GM__LIST: {
        list column;
        memcpy(&column, from, sizeof column);
        uint32_t first = column.offsets[start], elements = column.offsets[start + count] - first;
        size_t size = type->inner->size;
        char *items = gm__new(elements, size, 16);
        uint8_t *lacking = lack != NULL ? gm__new(elements, 1, 1) : NULL;
        gm__read(type->inner, (const char *)from + type->at, first, elements, items, size, lacking);
        struct any_list {
            const void *items;
            size_t len;
        };
        for (uint32_t i = 0; i < count; i++, to += stride) {
            uint32_t at = column.offsets[start + i] - first, end = column.offsets[start + i + 1] - first;
            struct any_list made = {items + at * size, end - at};
            memcpy(to, &made, sizeof made);
            for (uint32_t e = at; lack != NULL && e < end; e++)
                lack[i] |= lacking[e];
        }
        return;
    }
    case GM__STRUCT: {
        uint32_t fields_count;
        const gm_field *fields = type->fields(&fields_count);
        for (uint32_t f = 0; f < fields_count; f++)
            gm__read(fields[f].type, (const char *)from + fields[f].column_at, start, count, to + fields[f].at, stride, lack);
        return;
    }
    case GM__OPTIONAL: return;
    }
}

void gm__read(const gm_type *type, const void *from, uint32_t start, uint32_t count, void *to, size_t stride, uint8_t *lack) {
    head column;
    memcpy(&column, from, sizeof column);
    if (type->kind != GM__OPTIONAL) {
        read_values(type, from, start, count, to, stride, lack);
        if (lack != NULL && column.validity != NULL)
            for (uint32_t i = 0; i < count; i++)
                lack[i] |= !gm_bit(column.validity, start + i);
        return;
    }
    uint8_t *inner = lack != NULL && gm__can_lack(type->inner) ? gm__new(count, 1, 1) : NULL;
    read_values(type->inner, from, start, count, (char *)to + type->at, stride, inner);
    char *record = to;
    for (uint32_t i = 0; i < count; i++, record += stride) {
        bool present = column.validity == NULL || gm_bit(column.validity, start + i);
        *(bool *)(void *)record = present;
        if (inner != NULL)
            lack[i] |= present && inner[i];
    }
}
