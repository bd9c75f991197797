/* What only a component of the world `transformer` has. */

#ifdef __wasm__

#include "../internal.h"

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

#endif
