/* The plugin as the host calls it. */

#include "internal.h"

void exports_gristmill_plugin_transform_identify(abi_about *about) {
    gm__about(gm__plugin.name, gm__plugin.version, gm__plugin.summary, gm__plugin.settings, about);
}

bool exports_gristmill_plugin_transform_open(
    abi_string *config, abi_context *context, abi_description *description, abi_string *wrong) {
    return gm__open_plugin(gm__of_abi(*config), *context, description, wrong);
}

bool exports_gristmill_plugin_transform_transform(abi_batch *batch, abi_output *output, abi_string *wrong) {
    return gm__transform(batch, output, wrong);
}

void exports_gristmill_plugin_validate_identify(abi_about *about) {
    gm__about(gm__validator.name, gm__validator.version, gm__validator.summary, gm__validator.settings, about);
}

bool exports_gristmill_plugin_validate_open(
    abi_string *config, exports_gristmill_plugin_validate_context_t *context, exports_gristmill_plugin_validate_list_data_type_t *types,
    exports_gristmill_plugin_validate_table_t *table, plugin_list_string_t *columns, abi_string *wrong) {
    return gm__open_validator(gm__of_abi(*config), *context, types->ptr, types->len, table, columns, wrong);
}

bool exports_gristmill_plugin_validate_validate(abi_batch *batch, abi_violations *violations, abi_string *wrong) {
    return gm__validate(batch, violations, wrong);
}

void gm_log(enum gm_level level, const char *format, ...) {
    va_list list;
    va_start(list, format);
    abi_string text = gm__abi(gm_format_list(format, list));
    va_end(list);
    gristmill_plugin_log_log((gristmill_plugin_log_level_t)level, &text);
}

#ifdef __wasm__

/* How the host gets memory for what it hands over. */
__attribute__((export_name("cabi_realloc"))) void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size);
void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
    if (size <= old_size)
        return size == 0 ? (void *)align : old;
    return gm__grow(old, old_size, size, align);
}

#else

/* Outside the sandbox nobody listens. */
__attribute__((weak)) void gristmill_plugin_log_log(gristmill_plugin_log_level_t level, abi_string *message) {
    (void)level;
    (void)message;
}

#endif
