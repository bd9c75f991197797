/* What the files of the SDK share. Nothing of it is for plugins. */
#ifndef GRISTMILL_INTERNAL_H
#define GRISTMILL_INTERNAL_H

#include <string.h>

#include "bindings/plugin.h"
#include "../include/gristmill.h"

/* What the bindings call at such length. */
typedef plugin_string_t abi_string;
typedef plugin_list_u8_t abi_bytes;
typedef plugin_list_u32_t abi_u32s;
typedef gristmill_plugin_columns_array_t abi_array;
typedef gristmill_plugin_columns_batch_t abi_batch;
typedef gristmill_plugin_columns_values_t abi_values;
typedef exports_gristmill_plugin_transform_output_t abi_output;
typedef exports_gristmill_plugin_transform_rows_t abi_rows;
typedef exports_gristmill_plugin_transform_rejection_t abi_rejection;
typedef exports_gristmill_plugin_validate_violation_t abi_violation;
typedef exports_gristmill_plugin_validate_list_violation_t abi_violations;
typedef gristmill_plugin_schema_about_t abi_about;
typedef gristmill_plugin_schema_context_t abi_context;
typedef gristmill_plugin_schema_description_t abi_description;

/* Records that are read, mapped and written at once. A multiple of 8, so that bits begin with a byte; few enough for a cache. */
enum { GM_CHUNK = 64 };

/* arena.c: memory until the call is over. */
void *gm__alloc(size_t size, size_t align);
/* More room for what was allocated last or before: the same place where that is possible. */
void *gm__grow(void *old, size_t old_size, size_t size, size_t align);
/* Memory until the plugin is configured again, zeroed. */
void *gm__keep(size_t size);
void gm__free_kept(void);
void gm__free_call(void);
/* Says so and does not return. */
_Noreturn void gm__fail(const char *what);

/* Copies of short strings, which are most, without a call. */
static inline void gm__copy(char *to, const char *from, size_t len) {
    if (len > 64) {
        memcpy(to, from, len);
    } else if (len >= 16) {
        for (size_t i = 0; i < len - 16; i += 16)
            memcpy(to + i, from + i, 16);
        memcpy(to + len - 16, from + len - 16, 16);
    } else if (len >= 8) {
        memcpy(to, from, 8);
        memcpy(to + len - 8, from + len - 8, 8);
    } else if (len >= 4) {
        memcpy(to, from, 4);
        memcpy(to + len - 4, from + len - 4, 4);
    } else if (len > 0) {
        to[0] = from[0];
        to[len / 2] = from[len / 2];
        to[len - 1] = from[len - 1];
    }
}

static inline abi_string gm__abi(gm_string text) { return (abi_string){(uint8_t *)(uintptr_t)text.data, text.len}; }
static inline abi_string gm__abi_text(const char *text) { return gm__abi(gm_text(text)); }
static inline gm_string gm__of_abi(abi_string text) { return (gm_string){(const char *)text.ptr, text.len}; }
gm_string gm__kept(gm_string text);
static inline const gm_type *gm__without_option(const gm_type *type) { return type->kind == GM__OPTIONAL ? type->inner : type; }
/* Whether a column of it has offsets. */
static inline bool gm__is_cut(const gm_type *type) {
    return type->kind == GM__LIST || (type->kind >= GM__STRING && type->kind <= GM__REFERENCE);
}

/* settings.c */
/* The settings of a configuration, kept; NULL and what is wrong. */
const void *gm__read_settings(const gm_settings_of *of, gm_string config, gm_string *wrong);
/* The name of a setting: the member's in kebab case, where it has no other. */
gm_string gm__setting_name(const gm_setting *setting);
/* The default as JSON; no data where there is none. */
gm_string gm__setting_default(const gm_setting *setting);

/* describe.c */
void gm__about(const char *name, const char *version, const char *summary, const gm_settings_of *settings, abi_about *about);
void gm__describe(abi_description *description);
const char *gm__input_name(const gm_input *input);

/* read.c */
/* Whether a value can have a part that is null and may not be. */
bool gm__can_lack(const gm_type *type);
/* Shows the array as the column struct of its type. What is wrong with it, or NULL. */
const char *gm__open(const gm_type *type, const abi_batch *batch, uint32_t index, uint32_t rows, void *column);
/* Values `start` to `start + count` of a column, `stride` bytes apart. Sets those of `lack`, where it is given, that have such a part. */
void gm__read(const gm_type *type, const void *column, uint32_t start, uint32_t count, void *to, size_t stride, uint8_t *lack);

/* write.c */
typedef struct gm__writer gm__writer;
gm__writer *gm__writer_of(const gm_type *type, uint32_t rows);
/* Appends values that are `stride` bytes apart. */
void gm__write(gm__writer *writer, const void *from, size_t stride, uint32_t count);
/* arrays.c */
typedef struct gm__arrays {
    abi_array *ptr;
    uint32_t len, capacity;
} gm__arrays;
/* Adds a column, then its parts; its index. */
uint32_t gm__finish(gm__writer *writer, gm__arrays *arrays);
/* The same of a column struct that a plugin filled. */
uint32_t gm__finish_column(const gm_type *type, const void *column, gm__arrays *arrays);

/* run.c */
/* What is the same for every record, kept; false and what is wrong with the settings. */
bool gm__open_context(
    const gm_settings_of *settings, const char *(*check)(const gm_context *), gm_string config, abi_context run, gm_context *context,
    abi_string *wrong);
bool gm__open_plugin(gm_string config, abi_context run, abi_description *description, abi_string *wrong);
bool gm__transform(const abi_batch *batch, abi_output *output, abi_string *wrong);

/* judge.c */
bool gm__open_validator(
    gm_string config, abi_context run, const gristmill_plugin_schema_data_type_t *types, size_t types_count,
    const gristmill_plugin_schema_table_t *table, plugin_list_string_t *columns, abi_string *wrong);
bool gm__validate(const abi_batch *batch, abi_violations *violations, abi_string *wrong);

#endif
