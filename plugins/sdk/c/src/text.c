/* Strings. */

#include <errno.h>
#include <stdlib.h>

#include "internal.h"

gm_string gm_text(const char *text) { return (gm_string){text, text == NULL ? 0 : strlen(text)}; }

gm_string gm__join(gm_string between, const gm_string *parts, size_t count) {
    size_t len = 0;
    for (size_t i = 0; i < count; i++)
        len += parts[i].len + (i > 0 ? between.len : 0);
    char *joined = gm__alloc(len, 1);
    char *to = joined;
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            gm__copy(to, between.data, between.len);
            to += between.len;
        }
        gm__copy(to, parts[i].data, parts[i].len);
        to += parts[i].len;
    }
    return (gm_string){joined, len};
}

bool gm_equal(gm_string a, gm_string b) { return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0); }

bool gm_is(gm_string string, const char *text) { return gm_equal(string, gm_text(text)); }

int gm_compare(gm_string a, gm_string b) {
    size_t both = a.len < b.len ? a.len : b.len;
    int order = both == 0 ? 0 : memcmp(a.data, b.data, both);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

bool gm_starts_with(gm_string string, const char *prefix) {
    gm_string wanted = gm_text(prefix);
    return string.len >= wanted.len && gm_equal((gm_string){string.data, wanted.len}, wanted);
}

bool gm_ends_with(gm_string string, const char *suffix) {
    gm_string wanted = gm_text(suffix);
    return string.len >= wanted.len && gm_equal((gm_string){string.data + string.len - wanted.len, wanted.len}, wanted);
}

bool gm_contains(gm_string string, char ascii) { return string.len > 0 && memchr(string.data, ascii, string.len) != NULL; }

static bool split_at(gm_string string, size_t at, gm_string *before, gm_string *after) {
    if (at == string.len) {
        *before = string;
        *after = (gm_string){"", 0};
        return false;
    }
    *before = (gm_string){string.data, at};
    *after = (gm_string){string.data + at + 1, string.len - at - 1};
    return true;
}

bool gm_split(gm_string string, char ascii, gm_string *before, gm_string *after) {
    size_t at = 0;
    while (at < string.len && string.data[at] != ascii)
        at++;
    return split_at(string, at, before, after);
}

bool gm_split_last(gm_string string, char ascii, gm_string *before, gm_string *after) {
    for (size_t at = string.len; at > 0; at--)
        if (string.data[at - 1] == ascii)
            return split_at(string, at - 1, before, after);
    return split_at(string, string.len, before, after);
}

/* The code point that a string begins with and its bytes; 0 bytes where it is none. */
static size_t first(const uint8_t *text, size_t len, uint32_t *code) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (len == 0)
        return 0;
    size_t bytes = text[0] < 0x80 ? 1 : text[0] < 0xc0 ? 0 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : text[0] < 0xf8 ? 4 : 0;
    if (bytes == 0 || bytes > len)
        return 0;
    *code = bytes == 1 ? text[0] : text[0] & (0x7fu >> bytes);
    for (size_t i = 1; i < bytes; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (text[i] & 0x3f);
    }
    bool surrogate = *code >= 0xd800 && *code < 0xe000;
    return *code >= least[bytes] && *code < 0x110000 && !surrogate ? bytes : 0;
}

bool gm_is_utf8(gm_string string) {
    uint32_t code;
    for (size_t at = 0; at < string.len;) {
        size_t bytes = first((const uint8_t *)string.data + at, string.len - at, &code);
        if (bytes == 0)
            return false;
        at += bytes;
    }
    return true;
}

/* The property White_Space of Unicode. */
static bool is_space(uint32_t code) {
    return (code >= 9 && code <= 13) || code == 0x20 || code == 0x85 || code == 0xa0 || code == 0x1680 ||
           (code >= 0x2000 && code <= 0x200a) || code == 0x2028 || code == 0x2029 || code == 0x202f || code == 0x205f ||
           code == 0x3000;
}

gm_string gm_trim(gm_string string) {
    const uint8_t *text = (const uint8_t *)string.data;
    size_t start = 0, end = string.len, bytes;
    uint32_t code;
    while ((bytes = first(text + start, end - start, &code)) > 0 && is_space(code))
        start += bytes;
    while (end > start) {
        size_t at = end - 1;
        while (at > start && (text[at] & 0xc0) == 0x80)
            at--;
        if (first(text + at, end - at, &code) != end - at || !is_space(code))
            break;
        end = at;
    }
    return (gm_string){string.data + start, end - start};
}

gm_string gm_ascii_lower(gm_string string) {
    char *lower = gm__alloc(string.len, 1);
    for (size_t i = 0; i < string.len; i++) {
        char c = string.data[i];
        lower[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    return (gm_string){lower, string.len};
}

gm_string gm_prefix(gm_string string, size_t bytes) {
    if (string.len <= bytes)
        return string;
    while (bytes > 0 && ((uint8_t)string.data[bytes] & 0xc0) == 0x80)
        bytes--;
    return (gm_string){string.data, bytes};
}

bool gm_parse_int64(gm_string string, int64_t *value) {
    bool minus = string.len > 0 && string.data[0] == '-';
    size_t at = minus || (string.len > 0 && string.data[0] == '+');
    if (at == string.len)
        return false;
    /* Below zero there is one number more. */
    int64_t sum = 0;
    for (; at < string.len; at++) {
        char c = string.data[at];
        if (c < '0' || c > '9' || __builtin_mul_overflow(sum, 10, &sum) || __builtin_sub_overflow(sum, c - '0', &sum))
            return false;
    }
    if (!minus && sum == INT64_MIN)
        return false;
    *value = minus ? sum : -sum;
    return true;
}

bool gm_parse_double(gm_string string, double *value) {
    bool digit = false;
    for (size_t i = 0; i < string.len; i++) {
        char c = string.data[i];
        digit |= c >= '0' && c <= '9';
        if (!(c >= '0' && c <= '9') && c != '+' && c != '-' && c != '.' && c != 'e' && c != 'E')
            return false;
    }
    if (!digit)
        return false;
    char *text = gm__alloc(string.len + 1, 1);
    memcpy(text, string.data, string.len);
    text[string.len] = 0;
    char *end;
    double parsed = strtod(text, &end);
    if (end != text + string.len || parsed > 1.7976931348623157e308 || parsed < -1.7976931348623157e308)
        return false;
    *value = parsed;
    return true;
}

gm_string gm_reference_path(gm_reference reference) {
    static const char mark[] = "/documents/";
    const size_t len = sizeof mark - 1;
    gm_string name = reference.name;
    for (size_t at = 0; at + len <= name.len; at++)
        if (memcmp(name.data + at, mark, len) == 0)
            return (gm_string){name.data + at + len, name.len - at - len};
    return name;
}

gm_string gm_reference_id(gm_reference reference) {
    gm_string before, id;
    return gm_split_last(reference.name, '/', &before, &id) ? id : reference.name;
}

/* A string that is made piece by piece. */
typedef struct text {
    char *data;
    size_t len, room;
} text;

static void append(text *to, const char *from, size_t len) {
    if (to->room - to->len <= len) {
        size_t room = (to->len + len) * 2 + 64;
        to->data = gm__grow(to->data, to->room, room, 1);
        to->room = room;
    }
    gm__copy(to->data + to->len, from, len);
    to->len += len;
}

static void append_number(text *to, uint64_t value, bool minus, unsigned base) {
    char digits[21];
    size_t at = sizeof digits;
    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value > 0);
    if (minus)
        digits[--at] = '-';
    append(to, digits + at, sizeof digits - at);
}

gm_string gm_format_list(const char *format, va_list list) {
    text made = {0};
    append(&made, "", 0);
    for (const char *at = format; *at != 0;) {
        if (*at != '%') {
            const char *plain = at;
            while (*at != 0 && *at != '%')
                at++;
            append(&made, plain, (size_t)(at - plain));
            continue;
        }
        at++;
        int precision = -1;
        if (at[0] == '.' && at[1] == '*') {
            precision = va_arg(list, int);
            at += 2;
        }
        int size = 0;
        for (; *at == 'l' || *at == 'z'; at++)
            size += *at == 'z' ? 4 : 1;
        switch (*at++) {
        case 's': {
            const char *string = va_arg(list, const char *);
            append(&made, string, precision >= 0 ? (size_t)precision : strlen(string));
            break;
        }
        case 'c': {
            char c = (char)va_arg(list, int);
            append(&made, &c, 1);
            break;
        }
        case 'd': {
            int64_t value = size == 0   ? va_arg(list, int)
                            : size == 1 ? va_arg(list, long)
                            : size == 4 ? va_arg(list, ptrdiff_t)
                                        : va_arg(list, long long);
            append_number(&made, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0, 10);
            break;
        }
        case 'u':
        case 'x': {
            uint64_t value = size == 0   ? va_arg(list, unsigned)
                             : size == 1 ? va_arg(list, unsigned long)
                             : size == 4 ? va_arg(list, size_t)
                                         : va_arg(list, unsigned long long);
            append_number(&made, value, false, at[-1] == 'x' ? 16 : 10);
            break;
        }
        case '%': append(&made, "%", 1); break;
        default: gm__fail("gm_format: a conversion that it does not know");
        }
    }
    made.data[made.len] = 0;
    return (gm_string){made.data, made.len};
}

gm_string gm_format(const char *format, ...) {
    va_list list;
    va_start(list, format);
    gm_string made = gm_format_list(format, list);
    va_end(list);
    return made;
}
