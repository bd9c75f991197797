/* What the tests share: batches as a host makes them, and what to do when something is not as it should be. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>

#include "../src/internal.h"

#define CHECK(what) \
    do { \
        if (!(what)) { \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what); \
            exit(1); \
        } \
    } while (0)

typedef gristmill_plugin_columns_values_t values;

/* Arrays of a batch, in memory of the call, as a host's are. */
static abi_array arrays[64];
static uint32_t arrays_len;

__attribute__((unused)) static uint32_t add(values v, const char *validity) {
    abi_array array = {.values = v};
    if (validity != NULL) {
        /* "101": bits by row. */
        size_t rows = strlen(validity);
        uint8_t *bits = gm_new(uint8_t, gm_bitmap((uint32_t)rows));
        for (uint32_t i = 0; i < rows; i++)
            if (validity[i] == '1')
                gm_set_bit(bits, i);
        array.validity.is_some = true;
        array.validity.val = (abi_bytes){bits, gm_bitmap((uint32_t)rows)};
    }
    arrays[arrays_len] = array;
    return arrays_len++;
}

__attribute__((unused)) static values strings(uint8_t tag, const gm_string *all, uint32_t count) {
    uint32_t *offsets = gm_new(uint32_t, count + 1);
    for (uint32_t i = 0; i < count; i++)
        offsets[i + 1] = offsets[i] + (uint32_t)all[i].len;
    uint8_t *data = gm_new(uint8_t, offsets[count]);
    for (uint32_t i = 0; i < count; i++)
        if (all[i].len > 0)
            memcpy(data + offsets[i], all[i].data, all[i].len);
    return (values){.tag = tag, .val.strings = {{offsets, count + 1}, {data, offsets[count]}}};
}

__attribute__((unused)) static values copied(uint8_t tag, const void *all, size_t count, size_t size) {
    void *copy = gm_new(int64_t, count * size / 8 + 1);
    if (count > 0)
        memcpy(copy, all, count * size);
    return (values){.tag = tag, .val.booleans = {copy, count}};
}

__attribute__((unused)) static values list_of(const uint32_t *offsets, uint32_t count, uint32_t child) {
    uint32_t *copy = gm_new(uint32_t, count + 1);
    memcpy(copy, offsets, (count + 1) * sizeof *copy);
    return (values){.tag = GRISTMILL_PLUGIN_COLUMNS_VALUES_LISTS, .val.lists = {{copy, count + 1}, child}};
}

#define STRINGS(...) \
    strings(GRISTMILL_PLUGIN_COLUMNS_VALUES_STRINGS, (gm_string[]){__VA_ARGS__}, sizeof((gm_string[]){__VA_ARGS__}) / sizeof(gm_string))
#define FIXED(tag, type, ...) copied(tag, (type[]){__VA_ARGS__}, sizeof((type[]){__VA_ARGS__}) / sizeof(type), sizeof(type))
#define INT64S(...) FIXED(GRISTMILL_PLUGIN_COLUMNS_VALUES_INT64S, int64_t, __VA_ARGS__)
#define DOUBLES(...) FIXED(GRISTMILL_PLUGIN_COLUMNS_VALUES_FLOAT64S, double, __VA_ARGS__)
#define TIMESTAMPS(...) FIXED(GRISTMILL_PLUGIN_COLUMNS_VALUES_TIMESTAMPS, int64_t, __VA_ARGS__)
#define BITS(...) FIXED(GRISTMILL_PLUGIN_COLUMNS_VALUES_BOOLEANS, uint8_t, __VA_ARGS__)

__attribute__((unused)) static bool opens(const char *config, abi_description *description, gm_string *wrong) {
    abi_string text = gm__abi_text(config), error = {0};
    abi_context context = {.run_id = gm__abi_text("run"), .started_at = 1700000000000000};
    bool ok = exports_gristmill_plugin_transform_open(&text, &context, description, &error);
    *wrong = gm__of_abi(error);
    return ok;
}

__attribute__((unused)) static bool transforms(uint32_t rows, const uint32_t *columns, uint32_t count, abi_output *output, gm_string *wrong) {
    abi_batch batch = {.rows = rows, .arrays = {arrays, arrays_len}, .columns = {(uint32_t *)(uintptr_t)columns, count}};
    abi_string error = {0};
    bool ok = exports_gristmill_plugin_transform_transform(&batch, output, &error);
    *wrong = gm__of_abi(error);
    return ok;
}

/* After a call: what a host does when it has read the result. */
__attribute__((unused)) static void done(void) {
    arrays_len = 0;
    gm__free_call();
}

__attribute__((unused)) static gm_string string_of(const abi_array *array, uint32_t i) {
    const gristmill_plugin_columns_varlen_t *v = &array->values.val.strings;
    return (gm_string){(const char *)v->data.ptr + v->offsets.ptr[i], v->offsets.ptr[i + 1] - v->offsets.ptr[i]};
}

/* Whether a validity is "101". */
__attribute__((unused)) static bool valid(const abi_array *array, const char *bits) {
    for (uint32_t i = 0; bits[i] != 0; i++)
        if ((!array->validity.is_some || gm_bit(array->validity.val.ptr, i)) != (bits[i] == '1'))
            return false;
    return !array->validity.is_some || array->validity.val.len == gm_bitmap((uint32_t)strlen(bits));
}

#endif
