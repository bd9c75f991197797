/*
 * What of an operating system there is: `printf` and the like, for debugging, become messages of the plugin.
 *
 * wasi-libc would import these of WASI, which a plugin may not. They are weak: where code of the plugin needs more of
 * WASI than this, the library's own take their place, and `gristmill plugin build` says what it was.
 */

#ifdef __wasi__

#include <wasi/api.h>

#include "internal.h"

#define WEAK __attribute__((weak))

enum { STDOUT = 1, STDERR = 2, LONGEST = 1024 };

/* A line that has not ended yet, of each of the two. */
typedef struct line {
    char data[LONGEST];
    size_t len;
} line;
static line lines[2];

static void end_line(line *line, __wasi_fd_t fd) {
    if (line->len > 0) {
        /* The host takes nothing but UTF-8. */
        gm_string text = {line->data, line->len};
        gm_log(fd == STDOUT ? GM_INFO : GM_WARN, "%.*s", GM_ARG(gm_is_utf8(text) ? text : GM_S("a line that is not UTF-8")));
    }
    line->len = 0;
}

WEAK __wasi_errno_t __wasi_fd_write(__wasi_fd_t fd, const __wasi_ciovec_t *parts, size_t count, __wasi_size_t *written) {
    if (fd != STDOUT && fd != STDERR)
        return __WASI_ERRNO_BADF;
    line *line = &lines[fd - STDOUT];
    *written = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t at = 0; at < parts[i].buf_len; at++) {
            char c = (char)parts[i].buf[at];
            /* A character of several bytes is not cut. */
            bool is_full = line->len >= LONGEST - 4 && ((uint8_t)c & 0xc0) != 0x80;
            if (c == '\n' || is_full || line->len == LONGEST)
                end_line(line, fd);
            if (c != '\n')
                line->data[line->len++] = c;
        }
        *written += parts[i].buf_len;
    }
    return __WASI_ERRNO_SUCCESS;
}

WEAK __wasi_errno_t __wasi_fd_close(__wasi_fd_t fd) {
    (void)fd;
    return __WASI_ERRNO_BADF;
}

WEAK __wasi_errno_t __wasi_fd_seek(__wasi_fd_t fd, __wasi_filedelta_t offset, __wasi_whence_t whence, __wasi_filesize_t *at) {
    (void)fd, (void)offset, (void)whence, (void)at;
    return __WASI_ERRNO_SPIPE;
}

/* A terminal, so that stdio writes line by line. */
WEAK __wasi_errno_t __wasi_fd_fdstat_get(__wasi_fd_t fd, __wasi_fdstat_t *stat) {
    if (fd != STDOUT && fd != STDERR)
        return __WASI_ERRNO_BADF;
    *stat = (__wasi_fdstat_t){.fs_filetype = __WASI_FILETYPE_CHARACTER_DEVICE, .fs_rights_base = __WASI_RIGHTS_FD_WRITE};
    return __WASI_ERRNO_SUCCESS;
}

WEAK _Noreturn void __wasi_proc_exit(__wasi_exitcode_t code) {
    (void)code;
    gm__fail("the plugin called exit()");
}

#endif
