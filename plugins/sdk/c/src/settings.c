/* Settings: out of the configuration, which is one JSON object that the host has checked. */

#include "internal.h"

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static gm_string skip_blanks(gm_string text) {
    while (text.len > 0 && is_blank(text.data[0])) {
        text.data++;
        text.len--;
    }
    return text;
}

static gm_string cut_front(gm_string text, size_t bytes) { return (gm_string){text.data + bytes, text.len - bytes}; }

/* The bytes of the string that a text begins with, quotes included; 0 where it begins with none. */
static size_t string_len(gm_string text) {
    if (text.len == 0 || text.data[0] != '"')
        return 0;
    for (size_t i = 1; i < text.len; i++) {
        if (text.data[i] == '\\')
            i++;
        else if (text.data[i] == '"')
            return i + 1;
    }
    return 0;
}

/* The bytes of the value that a text begins with, up to what ends it. */
static size_t value_len(gm_string text) {
    size_t depth = 0;
    for (size_t at = 0; at < text.len; at++) {
        char c = text.data[at];
        if (c == '"') {
            size_t len = string_len(cut_front(text, at));
            if (len == 0)
                return 0;
            at += len - 1;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == ',' || c == '}' || c == ']') {
            if (depth == 0)
                return at;
            if (c != ',')
                depth--;
        }
    }
    return 0;
}

/* Takes four hexadecimal digits. */
static bool unit(gm_string *text, uint32_t *value) {
    if (text->len < 4)
        return false;
    *value = 0;
    for (size_t i = 0; i < 4; i++) {
        char c = text->data[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (digit < 0)
            return false;
        *value = *value << 4 | (uint32_t)digit;
    }
    *text = cut_front(*text, 4);
    return true;
}

static size_t encode(uint32_t code, char *to) {
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    size_t bytes = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = bytes - 1; i > 0; i--) {
        to[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    to[0] = (char)((0xf00u >> bytes & 0xff) | code);
    return bytes;
}

/* The text of a JSON string. */
static bool unquote(gm_string json, gm_string *string) {
    if (json.len < 2 || string_len(json) != json.len)
        return false;
    gm_string rest = {json.data + 1, json.len - 2};
    char *made = gm__alloc(rest.len, 1);
    size_t len = 0;
    while (rest.len > 0) {
        char c = rest.data[0];
        rest = cut_front(rest, 1);
        if (c != '\\') {
            made[len++] = c;
            continue;
        }
        c = rest.data[0];
        rest = cut_front(rest, 1);
        uint32_t code, low;
        switch (c) {
        case '"':
        case '\\':
        case '/': made[len++] = c; break;
        case 'b': made[len++] = '\b'; break;
        case 'f': made[len++] = '\f'; break;
        case 'n': made[len++] = '\n'; break;
        case 'r': made[len++] = '\r'; break;
        case 't': made[len++] = '\t'; break;
        case 'u':
            if (!unit(&rest, &code) || (code >= 0xdc00 && code < 0xe000))
                return false;
            if (code >= 0xd800 && code < 0xdc00) {
                if (rest.len < 2 || rest.data[0] != '\\' || rest.data[1] != 'u')
                    return false;
                rest = cut_front(rest, 2);
                if (!unit(&rest, &low) || low < 0xdc00 || low >= 0xe000)
                    return false;
                code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            }
            len += encode(code, made + len);
            break;
        default: return false;
        }
    }
    *string = (gm_string){made, len};
    return true;
}

/* The JSON text of a member; no data where there is none. False where the object is no object. */
static bool member(gm_string object, gm_string name, gm_string *value) {
    *value = (gm_string){NULL, 0};
    gm_string rest = skip_blanks(object);
    if (rest.len == 0 || rest.data[0] != '{')
        return false;
    rest = skip_blanks(cut_front(rest, 1));
    if (rest.len > 0 && rest.data[0] == '}')
        return skip_blanks(cut_front(rest, 1)).len == 0;
    for (;;) {
        size_t len = string_len(rest);
        gm_string key;
        if (len == 0 || !unquote((gm_string){rest.data, len}, &key))
            return false;
        rest = skip_blanks(cut_front(rest, len));
        if (rest.len == 0 || rest.data[0] != ':')
            return false;
        rest = skip_blanks(cut_front(rest, 1));
        len = value_len(rest);
        if (len == 0)
            return false;
        if (gm_equal(key, name) && value->data == NULL)
            *value = gm_trim((gm_string){rest.data, len});
        rest = cut_front(rest, len);
        if (rest.data[0] == '}')
            return skip_blanks(cut_front(rest, 1)).len == 0;
        if (rest.data[0] != ',')
            return false;
        rest = skip_blanks(cut_front(rest, 1));
    }
}

gm_string gm__setting_name(const gm_setting *setting) {
    if (setting->name != NULL)
        return gm_text(setting->name);
    gm_string member = gm_text(setting->member);
    char *name = gm__alloc(member.len, 1);
    for (size_t i = 0; i < member.len; i++)
        name[i] = member.data[i] == '_' ? '-' : member.data[i];
    return (gm_string){name, member.len};
}

gm_string gm__setting_default(const gm_setting *setting) {
    if (setting->default_text == NULL)
        return gm_text(setting->default_json);
    gm_string text = gm_text(setting->default_text);
    char *json = gm__alloc(text.len * 6 + 2, 1);
    size_t len = 0;
    json[len++] = '"';
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if ((uint8_t)c < 0x20) {
            memcpy(json + len, "\\u00", 4);
            json[len + 4] = "01"[c >> 4];
            json[len + 5] = "0123456789abcdef"[c & 15];
            len += 6;
            continue;
        }
        if (c == '"' || c == '\\')
            json[len++] = '\\';
        json[len++] = c;
    }
    json[len++] = '"';
    return (gm_string){json, len};
}

/* What a setting has to be, where it is not; NULL where it is read. */
static const char *read_value(const gm_type *type, gm_string json, void *to) {
    switch (type->kind) {
    case GM__BOOLEAN:
        if (!gm_is(json, "true") && !gm_is(json, "false"))
            return "a boolean";
        *(bool *)to = gm_is(json, "true");
        return NULL;
    case GM__INT64: {
        bool plus = json.len > 0 && json.data[0] == '+';
        return !plus && gm_parse_int64(json, to) ? NULL : "a whole number of 64 bits";
    }
    case GM__FLOAT64: {
        bool number = json.len > 0 && json.data[0] != '+' && json.data[0] != '.';
        return number && gm_parse_double(json, to) ? NULL : "a number";
    }
    case GM__STRING: {
        gm_string text;
        if (!unquote(json, &text))
            return "a string";
        *(gm_string *)to = gm__kept(text);
        return NULL;
    }
    case GM__JSON: ((gm_json *)to)->text = gm__kept(json); return NULL;
    default: return "of a type that a setting can have; the plugin has to declare it otherwise";
    }
}

const void *gm__read_settings(const gm_settings_of *of, gm_string config, gm_string *wrong) {
    uint32_t count;
    const gm_setting *settings = of->settings(&count);
    char *read = gm__keep(of->size);
    for (uint32_t i = 0; i < count; i++) {
        gm_string name = gm__setting_name(&settings[i]), json;
        if (!member(config, name, &json)) {
            *wrong = GM_S("the configuration is not a JSON object");
            return NULL;
        }
        if (json.data == NULL)
            json = gm__setting_default(&settings[i]);
        if (json.data == NULL) {
            *wrong = gm_format("setting `%.*s` is missing and has no default", GM_ARG(name));
            return NULL;
        }
        const char *wanted = read_value(settings[i].type, json, read + settings[i].at);
        if (wanted != NULL) {
            *wrong = gm_format("setting `%.*s` is not %s", GM_ARG(name), wanted);
            return NULL;
        }
    }
    return read;
}
