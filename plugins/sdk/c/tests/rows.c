/* Every type of a column, from a batch to a batch. */

#include "check.h"

#define POINT(FIELD) \
    FIELD(double, x) \
    FIELD(gm_opt_string, label, .name = "Label")
GM_STRUCT(point, POINT)
GM_OPTIONAL(opt_point, point)
GM_LIST(point_list, point)
GM_LIST(lists, gm_int64_list)
GM_OPTIONAL(opt_lists, lists)

#define RECORD(INPUT) \
    INPUT(gm_string, id, .capture = "id") \
    INPUT(bool, flag) \
    INPUT(gm_opt_bool, maybe, .steps = {"a.b", "c"}) \
    INPUT(int64_t, whole) \
    INPUT(gm_opt_double, number, .field = "m.number", .mismatch = GM_NULL, .name = "the-number") \
    INPUT(gm_opt_timestamp, time, .update_time = true) \
    INPUT(gm_opt_bytes, bytes) \
    INPUT(gm_json, document, .document = true) \
    INPUT(gm_opt_reference, reference) \
    INPUT(gm_opt_string, type, .type_of_steps = {"a.b"}) \
    INPUT(opt_point, point) \
    INPUT(point_list, points) \
    INPUT(opt_lists, nested)
GM_INPUT(record, RECORD, .documents = "things/{id}")

#define ROW(COLUMN) \
    COLUMN(gm_string, id, .description = "The id.") \
    COLUMN(bool, flag) \
    COLUMN(gm_opt_bool, maybe) \
    COLUMN(int64_t, whole) \
    COLUMN(gm_opt_double, number, .name = "Number") \
    COLUMN(gm_opt_timestamp, time) \
    COLUMN(gm_date, day) \
    COLUMN(gm_opt_bytes, bytes) \
    COLUMN(gm_json, document) \
    COLUMN(gm_opt_reference, reference) \
    COLUMN(opt_point, point) \
    COLUMN(point_list, points) \
    COLUMN(opt_lists, nested)
GM_TABLE(row, ROW, .name = "things", .key = {"id"}, .latest_by = "time", .cluster_by = {"id", "flag"})

static gm_outcome map(const record *in, row *out, const gm_context *context) {
    (void)context;
    *out = (row){in->id,       in->flag,  in->maybe,    in->whole,     in->number, in->time,  {0},
                 in->bytes, in->document, in->reference, in->point,  in->points, in->nested};
    if (in->whole == -1)
        return GM_NO_ROW;
    if (in->whole == -2)
        return gm_refuse("minus-two", gm_format("whole is %lld", (long long)in->whole), "whole");
    out->day = gm_date_of(in->time.present ? in->time.value : (gm_timestamp){0});
    return GM_ROW;
}
GM_PLUGIN(record, row, map, .name = "t", .version = "1.0.0", .summary = "s")

static uint32_t columns[13];
enum { POINT_AT = 10, POINTS_AT, NESTED_AT };

/* Three records: all there; nothing that may be missing; a null in a list of points. `whole` is given. */
static void batch(int64_t first, int64_t second, int64_t third) {
    columns[0] = add(STRINGS(GM_S("a"), GM_S(""), GM_S("\xc3\xa9")), NULL);
    columns[1] = add(BITS(5), NULL);
    columns[2] = add(BITS(1), "100");
    columns[3] = add(INT64S(first, second, third), NULL);
    columns[4] = add(DOUBLES(1.5, 0, -2), "101");
    columns[5] = add(TIMESTAMPS(86400000000, 0, -1), "101");
    columns[6] = add(strings(GRISTMILL_PLUGIN_COLUMNS_VALUES_BYTES, (gm_string[]){GM_TEXT("\xff"), GM_TEXT(""), GM_TEXT("")}, 3), "101");
    columns[7] = add(strings(GRISTMILL_PLUGIN_COLUMNS_VALUES_JSON, (gm_string[]){GM_TEXT("{}"), GM_TEXT("1"), GM_TEXT("null")}, 3), NULL);
    columns[8] = add(STRINGS(GM_S("p/d"), GM_S(""), GM_S("")), "100");
    columns[9] = add(STRINGS(GM_S("map"), GM_S(""), GM_S("null")), "101");

    uint32_t *children = gm_new(uint32_t, 2);
    columns[10] = add((values){.tag = GRISTMILL_PLUGIN_COLUMNS_VALUES_STRUCTS, .val.structs = {3, {children, 2}}}, "100");
    children[0] = add(DOUBLES(0.25, 0, 0), "100");
    children[1] = add(STRINGS(GM_S("here"), GM_S(""), GM_S("")), NULL);

    columns[11] = add(list_of((uint32_t[]){0, 2, 2, 3}, 3, arrays_len + 1), NULL);
    children = gm_new(uint32_t, 2);
    add((values){.tag = GRISTMILL_PLUGIN_COLUMNS_VALUES_STRUCTS, .val.structs = {3, {children, 2}}}, "110");
    children[0] = add(DOUBLES(1, 2, 0), "110");
    children[1] = add(STRINGS(GM_S("one"), GM_S(""), GM_S("")), "100");

    columns[12] = add(list_of((uint32_t[]){0, 2, 2, 3}, 3, arrays_len + 1), "101");
    add(list_of((uint32_t[]){0, 1, 1, 3}, 3, arrays_len + 1), NULL);
    add(INT64S(7, 8, 9), NULL);
}

static abi_output output;
static gm_string wrong;

static const abi_array *column(uint32_t i) {
    const abi_batch *made = &output.tables.ptr[0].batch;
    return &made->arrays.ptr[made->columns.ptr[i]];
}
static const abi_array *child(const abi_array *of, uint32_t i) {
    const abi_batch *made = &output.tables.ptr[0].batch;
    bool is_list = of->values.tag == GRISTMILL_PLUGIN_COLUMNS_VALUES_LISTS;
    return &made->arrays.ptr[is_list ? of->values.val.lists.child : of->values.val.structs.children.ptr[i]];
}

static void every_type(void) {
    batch(1, 2, 3);
    CHECK(transforms(3, columns, 13, &output, &wrong));
    const abi_rows *rows = &output.tables.ptr[0];
    /* The third has a null among its points, which are no optionals. */
    CHECK(output.rejections.len == 1 && output.rejections.ptr[0].row == 2);
    CHECK(gm_is(gm__of_abi(output.rejections.ptr[0].code), "missing-part"));
    CHECK(gm_is(gm__of_abi(output.rejections.ptr[0].input.val), "points"));
    CHECK(rows->batch.rows == 2 && rows->origins.is_some && rows->origins.val.ptr[0] == 0 && rows->origins.val.ptr[1] == 1);
    CHECK(gm_is(string_of(column(0), 0), "a") && string_of(column(0), 1).len == 0);
    CHECK(column(1)->values.val.booleans.ptr[0] == 1 && !column(1)->validity.is_some);
    CHECK(column(2)->values.val.booleans.ptr[0] == 1 && valid(column(2), "10"));
    CHECK(column(3)->values.val.int64s.ptr[1] == 2);
    CHECK(column(4)->values.val.float64s.ptr[0] == 1.5 && valid(column(4), "10"));
    CHECK(column(6)->values.tag == GRISTMILL_PLUGIN_COLUMNS_VALUES_DATES && column(6)->values.val.dates.ptr[0] == 1);
    CHECK(gm_is(string_of(column(7), 0), "\xff") && valid(column(7), "10"));
    CHECK(column(8)->values.tag == GRISTMILL_PLUGIN_COLUMNS_VALUES_JSON && gm_is(string_of(column(8), 1), "1"));
    CHECK(column(9)->values.tag == GRISTMILL_PLUGIN_COLUMNS_VALUES_STRINGS && gm_is(string_of(column(9), 0), "p/d"));
    CHECK(valid(column(10), "10") && column(10)->values.val.structs.length == 2);
    CHECK(child(column(10), 0)->values.val.float64s.ptr[0] == 0.25 && gm_is(string_of(child(column(10), 1), 0), "here"));
    const abi_array *points = column(11);
    CHECK(points->values.val.lists.offsets.len == 3 && points->values.val.lists.offsets.ptr[2] == 2);
    const abi_array *of_points = child(points, 0);
    CHECK(of_points->values.val.structs.length == 2 && child(of_points, 0)->values.val.float64s.ptr[1] == 2);
    CHECK(valid(child(of_points, 1), "10") && gm_is(string_of(child(of_points, 1), 0), "one"));
    CHECK(valid(column(12), "10") && column(12)->values.val.lists.offsets.ptr[2] == 2);
    const abi_array *inner = child(column(12), 0);
    CHECK(inner->values.val.lists.offsets.len == 3 && inner->values.val.lists.offsets.ptr[2] == 1);
    CHECK(child(inner, 0)->values.val.int64s.len == 1 && child(inner, 0)->values.val.int64s.ptr[0] == 7);
    done();
}

static void left_out_and_refused(void) {
    batch(-1, -2, 3);
    CHECK(transforms(2, columns, 13, &output, &wrong) == false && gm_ends_with(wrong, "its length is not the number of rows"));
    done();
    batch(-1, -2, 3);
    CHECK(transforms(3, columns, 13, &output, &wrong));
    CHECK(output.tables.ptr[0].batch.rows == 0 && output.tables.ptr[0].origins.is_some && output.rejections.len == 2);
    CHECK(gm_is(gm__of_abi(output.rejections.ptr[0].message), "whole is -2") && output.rejections.ptr[0].row == 1);
    CHECK(column(0)->values.val.strings.offsets.len == 1 && column(3)->values.val.int64s.len == 0);
    done();
}

static bool refuses(const char *end) {
    bool ok = transforms(3, columns, 13, &output, &wrong);
    bool said = !ok && gm_starts_with(wrong, "input `") && gm_ends_with(wrong, end);
    done();
    return said;
}

static void what_breaks_the_contract(void) {
    batch(1, 2, 3);
    columns[3] = columns[4];
    CHECK(refuses("another type than the declared one"));
    batch(1, 2, 3);
    arrays[columns[3]].values.val.int64s.len = 2;
    CHECK(refuses("its length is not the number of rows"));
    batch(1, 2, 3);
    arrays[columns[0]].values.val.strings.offsets.ptr[1] = 9;
    CHECK(refuses("its offsets do not cut its data"));
    batch(1, 2, 3);
    arrays[columns[2]].validity.val.len = 2;
    CHECK(refuses("its validity does not have a bit for each row"));
    batch(1, 2, 3);
    arrays[columns[11]].values.val.lists.child = columns[11];
    CHECK(refuses("a part of it does not come after it"));
    batch(1, 2, 3);
    arrays[columns[11]].values.val.lists.child = 99;
    CHECK(refuses("the batch lacks it or a part of it"));
    batch(1, 2, 3);
    CHECK(!transforms(3, columns, 12, &output, &wrong) && gm_ends_with(wrong, "the batch has no such column"));
    done();
}

/* Many rows, in chunks, some without a row: what is read of a string is written, wherever it lies. */
static void many(uint32_t rows) {
    gm_string *ids = gm_new(gm_string, rows), *empty = gm_new(gm_string, rows);
    int64_t *wholes = gm_new(int64_t, rows);
    uint8_t *bits = gm_new(uint8_t, gm_bitmap(rows));
    uint32_t *offsets = gm_new(uint32_t, rows + 1);
    double *numbers = gm_new(double, rows);
    char *validity = gm_new(char, rows + 1), *none = gm_new(char, rows + 1);
    for (uint32_t i = 0; i < rows; i++) {
        ids[i] = gm_format("%.*s%u", (int)(i % 90), "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", i);
        empty[i] = GM_S("");
        wholes[i] = i % 7 == 3 ? -1 : (int64_t)i;
        validity[i] = i % 5 == 0 ? '0' : '1';
        none[i] = '0';
        numbers[i] = i;
        if (i % 3 == 0)
            gm_set_bit(bits, i);
    }
    values texts = strings(GRISTMILL_PLUGIN_COLUMNS_VALUES_STRINGS, ids, rows);
    columns[0] = add(texts, NULL);
    columns[1] = add(copied(GRISTMILL_PLUGIN_COLUMNS_VALUES_BOOLEANS, bits, gm_bitmap(rows), 1), NULL);
    columns[2] = add(copied(GRISTMILL_PLUGIN_COLUMNS_VALUES_BOOLEANS, bits, gm_bitmap(rows), 1), validity);
    columns[3] = add(copied(GRISTMILL_PLUGIN_COLUMNS_VALUES_INT64S, wholes, rows, 8), NULL);
    columns[4] = add(copied(GRISTMILL_PLUGIN_COLUMNS_VALUES_FLOAT64S, numbers, rows, 8), validity);
    columns[5] = add(copied(GRISTMILL_PLUGIN_COLUMNS_VALUES_TIMESTAMPS, wholes, rows, 8), NULL);
    columns[6] = add(strings(GRISTMILL_PLUGIN_COLUMNS_VALUES_BYTES, ids, rows), validity);
    columns[7] = add(strings(GRISTMILL_PLUGIN_COLUMNS_VALUES_JSON, ids, rows), NULL);
    columns[8] = columns[9] = add(strings(GRISTMILL_PLUGIN_COLUMNS_VALUES_STRINGS, empty, rows), none);
    uint32_t *children = gm_new(uint32_t, 2);
    columns[10] = add((values){.tag = GRISTMILL_PLUGIN_COLUMNS_VALUES_STRUCTS, .val.structs = {rows, {children, 2}}}, validity);
    children[0] = add(copied(GRISTMILL_PLUGIN_COLUMNS_VALUES_FLOAT64S, numbers, rows, 8), NULL);
    children[1] = add(texts, NULL);
    for (uint32_t i = 0; i <= rows; i++)
        offsets[i] = i;
    columns[11] = add(list_of(offsets, rows, columns[10]), NULL);
    columns[11] = add(list_of(offsets, rows, arrays_len + 1), NULL);
    children = gm_new(uint32_t, 2);
    add((values){.tag = GRISTMILL_PLUGIN_COLUMNS_VALUES_STRUCTS, .val.structs = {rows, {children, 2}}}, NULL);
    children[0] = add(copied(GRISTMILL_PLUGIN_COLUMNS_VALUES_FLOAT64S, numbers, rows, 8), NULL);
    children[1] = add(texts, NULL);
    memset(offsets, 0, (rows + 1) * sizeof *offsets);
    columns[12] = add(list_of(offsets, rows, arrays_len + 1), none);
    add(list_of(offsets, 0, arrays_len + 1), NULL);
    add(copied(GRISTMILL_PLUGIN_COLUMNS_VALUES_INT64S, wholes, 0, 8), NULL);

    CHECK(transforms(rows, columns, 13, &output, &wrong));
    const abi_rows *made = &output.tables.ptr[0];
    uint32_t want = 0;
    for (uint32_t i = 0; i < rows; i++) {
        if (i % 7 == 3)
            continue;
        CHECK(!made->origins.is_some || made->origins.val.ptr[want] == i);
        bool present = i % 5 != 0;
        CHECK(gm_equal(string_of(column(0), want), ids[i]) && gm_equal(string_of(column(8), want), ids[i]));
        CHECK(gm_bit(column(1)->values.val.booleans.ptr, want) == (i % 3 == 0));
        CHECK(gm_bit(column(2)->values.val.booleans.ptr, want) == (i % 3 == 0 && present));
        CHECK(column(4)->values.val.float64s.ptr[want] == (present ? i : 0));
        CHECK((!column(4)->validity.is_some || gm_bit(column(4)->validity.val.ptr, want)) == present);
        CHECK(gm_equal(string_of(column(7), want), present ? ids[i] : empty[i]));
        CHECK((!column(10)->validity.is_some || gm_bit(column(10)->validity.val.ptr, want)) == present);
        CHECK(gm_equal(string_of(child(column(10), 1), want), present ? ids[i] : empty[i]));
        CHECK(gm_equal(string_of(child(child(column(11), 0), 1), want), ids[i]));
        want++;
    }
    CHECK(made->batch.rows == want && made->origins.is_some == (want != rows));
    done();
}

int main(void) {
    abi_description description;
    CHECK(opens("{}", &description, &wrong));
    CHECK(description.inputs.len == 13 && description.tables.len == 1);
    CHECK(gm_is(gm__of_abi(description.inputs.ptr[2].origin.val.field.ptr[0]), "a.b") && description.inputs.ptr[2].origin.val.field.len == 2);
    CHECK(description.inputs.ptr[4].origin.val.field.len == 2 && gm_is(gm__of_abi(description.inputs.ptr[4].name), "the-number"));
    CHECK(description.inputs.ptr[4].on_mismatch == GRISTMILL_PLUGIN_SCHEMA_ON_MISMATCH_NULL && !description.inputs.ptr[4].required);
    CHECK(description.inputs.ptr[9].origin.tag == GRISTMILL_PLUGIN_SCHEMA_ORIGIN_FIELD_TYPE);
    CHECK(gm_is(gm__of_abi(description.inputs.ptr[3].origin.val.field.ptr[0]), "whole") && description.inputs.ptr[3].required);
    /* Every type once, after those that it refers to; a reference is a string in a table. */
    for (uint32_t i = 0; i < description.types.len; i++)
        if (description.types.ptr[i].tag == GRISTMILL_PLUGIN_SCHEMA_DATA_TYPE_LIST)
            CHECK(description.types.ptr[i].val.list < i);
    CHECK(description.tables.ptr[0].columns.ptr[9].type == description.tables.ptr[0].columns.ptr[0].type);
    CHECK(description.tables.ptr[0].cluster_by.len == 2 && description.tables.ptr[0].key.len == 1);
    done();
    every_type();
    left_out_and_refused();
    what_breaks_the_contract();
    static const uint32_t sizes[] = {1, 2, 3, 7, 8, 63, 64, 65, 127, 200, 1000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        many(sizes[i]);
    puts("ok");
}
