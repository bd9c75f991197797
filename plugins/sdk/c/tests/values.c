/* Times, strings, numbers and settings. */

#include "check.h"

#define NOTHING(INPUT) INPUT(gm_opt_string, x)
GM_INPUT(nothing, NOTHING, .documents = "a/{b}")
#define NOTHING_ROW(COLUMN) COLUMN(gm_opt_string, x)
GM_TABLE(nothing_row, NOTHING_ROW, .name = "nothing")

#define SETTINGS(SETTING) \
    SETTING(double, max_score, .default_json = "0.1") \
    SETTING(bool, on, .default_json = "true") \
    SETTING(int64_t, least, .default_json = "-9223372036854775808") \
    SETTING(gm_string, label, .default_text = "a \"quoted\"\n\\ text") \
    SETTING(gm_json, any, .default_json = "[1, {\"a\": \"]\"}]", .name = "anything")
GM_SETTINGS(settings, SETTINGS)

static const settings *seen;
static const char *check(const gm_context *context) {
    seen = gm_settings(context);
    return seen->max_score < 0 ? "below 0" : NULL;
}
static gm_outcome map(const nothing *in, nothing_row *row, const gm_context *context) {
    (void)context;
    row->x = in->x;
    return GM_ROW;
}
GM_PLUGIN(nothing, nothing_row, map, .name = "n", .version = "1.0.0", .summary = "s", .settings = GM_SETTINGS_OF(settings), .check = check)

static void times(void) {
    static const struct {
        const char *text;
        int64_t micros;
    } known[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2024-02-29T23:59:59.123456Z", 1709251199123456},
        {"2024-02-29t23:59:59.1z", 1709251199100000},
        {"2000-03-01 00:00:00Z", 951868800000000},
        {"1900-03-01T00:00:00Z", -2203891200000000},
        {"0001-01-01T00:00:00Z", -62135596800000000},
        {"0000-12-31T23:00:00-01:00", -62135596800000000},
        {"9999-12-31T23:59:59.999999999Z", 253402300799999999},
        {"1969-12-31T23:59:59.5Z", -500000},
        {"2024-01-01T02:00:00+02:00", 1704067200000000},
        {"2023-12-31T18:30:00-05:30", 1704067200000000},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        gm_timestamp time, again;
        CHECK(gm_parse_timestamp(gm_text(known[i].text), &time) && time.micros == known[i].micros);
        CHECK(gm_parse_timestamp(gm_format_timestamp(time), &again) && again.micros == time.micros);
    }
    static const char *const none[] = {
        "", "2024-01-01", "2024-01-01T00:00:00", "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00.1", "2024-01-01T00:00:00Zx",
        "2024-01-01T00:00:00+0200", "2024-01-01T00:00:00+24:00", "2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z",
        "2024-13-01T00:00:00Z", "2024-00-01T00:00:00Z", "2024-01-00T00:00:00Z", "2024-04-31T00:00:00Z", "2024-01-01T24:00:00Z",
        "2024-01-01T00:60:00Z", "2024-01-01T00:00:60Z", "+024-01-01T00:00:00Z", "2024/01/01T00:00:00Z", "0000-12-31T00:00:00Z",
        "9999-12-31T23:59:59-00:01", "\xd9\xa2\xd9\xa0\xd9\xa2\xd9\xa4-01-01T00:00:00Z",
    };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        gm_timestamp time;
        CHECK(!gm_parse_timestamp(gm_text(none[i]), &time));
    }
    gm_date day, next;
    CHECK(gm_date_from_ymd(0, 1, 1, &day));
    day.days--;
    for (int32_t year = 0; year <= 9999; year++)
        for (int32_t month = 1; month <= 12; month++)
            for (int32_t d = 1; d <= 31; d++)
                if (gm_date_from_ymd(year, month, d, &next)) {
                    CHECK(next.days == day.days + 1);
                    day = next;
                }
    CHECK(day.days == 2932896);
    CHECK(gm_date_of((gm_timestamp){-1}).days == -1 && gm_date_of((gm_timestamp){0}).days == 0);
    CHECK(gm_is(gm_format_timestamp((gm_timestamp){-1}), "1969-12-31T23:59:59.999999Z"));
    done();
}

static void texts(void) {
    CHECK(gm_is(gm_join("-", GM_S("a"), GM_S(""), GM_S("\xc3\xa9")), "a--\xc3\xa9"));
    CHECK(gm_is(gm_trim(GM_S(" \t\xe3\x80\x80" "a b\xc2\xa0\n")), "a b"));
    CHECK(gm_trim(GM_S(" \n")).len == 0 && gm_trim(GM_S("")).len == 0 && gm_is(gm_trim(GM_S("\xff ")), "\xff"));
    CHECK(gm_is(gm_prefix(GM_S("a\xc3\xa9"), 2), "a") && gm_is(gm_prefix(GM_S("a\xc3\xa9"), 3), "a\xc3\xa9"));
    CHECK(gm_is_utf8(GM_S("\xf0\x9f\x98\x80 \xc3\xa9")) && !gm_is_utf8(GM_S("\xc3")) && !gm_is_utf8(GM_S("\xed\xa0\x80")));
    CHECK(!gm_is_utf8(GM_S("\xc0\x80")) && !gm_is_utf8(GM_S("\xf4\x90\x80\x80")) && !gm_is_utf8(GM_S("\x80")));
    gm_string before, after;
    CHECK(gm_split(GM_S("a/b/c"), '/', &before, &after) && gm_is(before, "a") && gm_is(after, "b/c"));
    CHECK(gm_split_last(GM_S("a/b/c"), '/', &before, &after) && gm_is(before, "a/b") && gm_is(after, "c"));
    CHECK(!gm_split(GM_S("abc"), '/', &before, &after) && gm_is(before, "abc") && after.len == 0);
    CHECK(gm_starts_with(GM_S("abc"), "ab") && gm_ends_with(GM_S("abc"), "bc") && !gm_ends_with(GM_S("c"), "bc"));
    CHECK(gm_contains(GM_S("a@b"), '@') && !gm_contains(GM_S(""), '@'));
    CHECK(gm_compare(GM_S("a"), GM_S("b")) < 0 && gm_compare(GM_S("ab"), GM_S("a")) > 0 && gm_compare(GM_S(""), GM_S("")) == 0);
    CHECK(gm_is(gm_ascii_lower(GM_S("AbZ\xc3\x89")), "abz\xc3\x89"));
    gm_string made = gm_format("%s|%.*s|%d|%lld|%zu|%u|%x|%c|%%", "s", 2, "abc", -7, INT64_MIN + 0LL, (size_t)9, 4000000000u, 255u, 'c');
    CHECK(gm_is(made, "s|ab|-7|-9223372036854775808|9|4000000000|ff|c|%") && made.data[made.len] == 0);
    gm_reference reference = {GM_TEXT("projects/p/databases/d/documents/teams/t")};
    CHECK(gm_is(gm_reference_path(reference), "teams/t") && gm_is(gm_reference_id(reference), "t"));
    int64_t whole;
    CHECK(gm_parse_int64(GM_S("-9223372036854775808"), &whole) && whole == INT64_MIN);
    CHECK(gm_parse_int64(GM_S("9223372036854775807"), &whole) && whole == INT64_MAX);
    CHECK(!gm_parse_int64(GM_S("9223372036854775808"), &whole) && !gm_parse_int64(GM_S("-"), &whole));
    CHECK(!gm_parse_int64(GM_S("1 "), &whole) && !gm_parse_int64(GM_S(""), &whole));
    double number;
    CHECK(gm_parse_double(GM_S("1e3"), &number) && number == 1000 && !gm_parse_double(GM_S("inf"), &number));
    CHECK(!gm_parse_double(GM_S("1e999"), &number) && !gm_parse_double(GM_S("1.2.3"), &number) && !gm_parse_double(GM_S("e"), &number));
    for (size_t len = 0; len < 100; len++) {
        char from[100], to[101];
        for (size_t i = 0; i < len; i++)
            from[i] = (char)('a' + i % 26);
        to[len] = '!';
        gm__copy(to, from, len);
        CHECK(memcmp(to, from, len) == 0 && to[len] == '!');
    }
    done();
}

static gm_string refusal(const char *config) {
    abi_description description;
    gm_string wrong;
    CHECK(!opens(config, &description, &wrong));
    return wrong;
}

static void configurations(void) {
    abi_description description;
    gm_string wrong;
    CHECK(opens("{}", &description, &wrong));
    CHECK(seen->max_score == 0.1 && seen->on && seen->least == INT64_MIN);
    CHECK(gm_is(seen->label, "a \"quoted\"\n\\ text") && gm_is(seen->any.text, "[1, {\"a\": \"]\"}]"));
    CHECK(opens(" { \"max-score\" : 2 , \"label\":\"a\\u00e9\\ud83d\\ude00\\/\", \"on\":false, \"anything\": {\"b\": [1]} } ", &description, &wrong));
    CHECK(seen->max_score == 2 && !seen->on && gm_is(seen->label, "a\xc3\xa9\xf0\x9f\x98\x80/") && gm_is(seen->any.text, "{\"b\": [1]}"));
    CHECK(gm_is(refusal("{\"label\":7}"), "setting `label` is not a string"));
    CHECK(gm_is(refusal("{\"max-score\":\"x\"}"), "setting `max-score` is not a number"));
    CHECK(gm_is(refusal("{\"max-score\":-1}"), "below 0"));
    CHECK(gm_is(refusal("{\"on\":1}"), "setting `on` is not a boolean"));
    CHECK(gm_is(refusal("{\"least\":1.5}"), "setting `least` is not a whole number of 64 bits"));
    CHECK(gm_is(refusal("{\"label\":\"\\ud800\"}"), "setting `label` is not a string"));
    static const char *const broken[] = {"[]", "", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":\"", "{\"a\":1}x", "{\"a\":[}", "{a:1}"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        CHECK(gm_is(refusal(broken[i]), "the configuration is not a JSON object"));
    abi_about about;
    exports_gristmill_plugin_transform_identify(&about);
    CHECK(about.config.len == 5 && gm_is(gm__of_abi(about.config.ptr[0].name), "max-score"));
    CHECK(gm_is(gm__of_abi(about.config.ptr[3].default_.val), "\"a \\\"quoted\\\"\\u000a\\\\ text\""));
    CHECK(gm_is(gm__of_abi(about.config.ptr[4].name), "anything") && about.config.ptr[4].type == GRISTMILL_PLUGIN_SCHEMA_SCALAR_JSON);
    done();
}

int main(void) {
    abi_output output;
    gm_string wrong;
    CHECK(!transforms(1, NULL, 0, &output, &wrong) && gm_is(wrong, "`transform` was called before `open`"));
    times();
    texts();
    configurations();
    puts("ok");
}
