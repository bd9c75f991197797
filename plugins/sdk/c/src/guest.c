/* The plugin as the host calls it. */

#include "internal.h"

void exports_gristmill_plugin_transform_identify(abi_about *about) { gm__about(about); }

bool exports_gristmill_plugin_transform_open(
    abi_string *config, abi_context *context, abi_description *description, abi_string *wrong) {
    return gm__open_plugin(gm__of_abi(*config), *context, description, wrong);
}

bool exports_gristmill_plugin_transform_transform(abi_batch *batch, abi_output *output, abi_string *wrong) {
    return gm__transform(batch, output, wrong);
}

void gm_log(enum gm_level level, const char *format, ...) {
    va_list list;
    va_start(list, format);
    abi_string text = gm__abi(gm_format_list(format, list));
    va_end(list);
    gristmill_plugin_log_log((gristmill_plugin_log_level_t)level, &text);
}

#ifdef __wasm__

/* The bindings would free every part of a result by itself. All memory of a call is of the arena, so these take their place. */
#define AFTER(name, function) \
    __attribute__((export_name("cabi_post_gristmill:plugin/transform@0.1.0#" name))) void \
        __wasm_export_exports_gristmill_plugin_transform_##function##_post_return(uint8_t *result); \
    void __wasm_export_exports_gristmill_plugin_transform_##function##_post_return(uint8_t *result) { \
        (void)result; \
        gm__free_call(); \
    }
AFTER("identify", identify)
AFTER("open", open)
AFTER("transform", transform)

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
