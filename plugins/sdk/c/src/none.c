/*
 * What stands where a plugin has no GM_PLUGIN, or no GM_VALIDATOR. Those of a plugin take their place.
 *
 * In a file of their own: clang takes a constant that is weak for the one that it will be, in the file that defines it.
 */

#include "internal.h"

__attribute__((weak)) const gm_plugin gm__plugin = {0};
__attribute__((weak)) const gm_validator gm__validator = {0};
