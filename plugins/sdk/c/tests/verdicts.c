/* What a validator asks for of a table, and what it says of rows. */

#include "check.h"

#define PART(FIELD) FIELD(gm_string, name)
GM_STRUCT(part, PART)
GM_LIST(part_list, part)
GM_OPTIONAL(opt_part_list, part_list)
#define ROW(COLUMN) \
    COLUMN(gm_string, id, .name = "Id") \
    COLUMN(gm_opt_int64, n) \
    COLUMN(opt_part_list, parts)
GM_ROWS(row, ROW, .table = "things")

#define SETTINGS(SETTING) SETTING(int64_t, most, .default_json = "5")
GM_SETTINGS(settings, SETTINGS)

static const char *check(const gm_context *context) { return gm_settings(context)->most < 0 ? "most is below 0" : NULL; }

static void judge(const row *in, gm_findings *found, const gm_context *context) {
    if (!in->n.present)
        gm_warning(found, "n-missing", "there is no n", NULL);
    else if (in->n.value > gm_settings(context)->most)
        gm_error(found, "n-range", gm_format("more than %lld", (long long)gm_settings(context)->most), "n");
    if (in->parts.present && in->parts.value.len > 1)
        gm_warning(found, "parts", "it has parts", "parts");
}
GM_VALIDATOR(
    row, judge, .name = "v", .version = "1.0.0", .summary = "s", .settings = GM_SETTINGS_OF(settings), .check = check)

typedef gristmill_plugin_schema_data_type_t declared;
typedef gristmill_plugin_schema_output_column_t column;

static gristmill_plugin_schema_struct_field_t part_fields[1];
static declared types[] = {
    {.tag = GRISTMILL_PLUGIN_SCHEMA_DATA_TYPE_SCALAR, .val.scalar = GRISTMILL_PLUGIN_SCHEMA_SCALAR_STRING},
    {.tag = GRISTMILL_PLUGIN_SCHEMA_DATA_TYPE_SCALAR, .val.scalar = GRISTMILL_PLUGIN_SCHEMA_SCALAR_INT64},
    {.tag = GRISTMILL_PLUGIN_SCHEMA_DATA_TYPE_STRUCT, .val.struct_ = {part_fields, 1}},
    {.tag = GRISTMILL_PLUGIN_SCHEMA_DATA_TYPE_LIST, .val.list = 2},
};

static bool opens_for(const char *table_name, const column *columns, size_t count, const char *config, plugin_list_string_t *reads, gm_string *wrong) {
    part_fields[0] = (gristmill_plugin_schema_struct_field_t){.name = gm__abi_text("name"), .type = 0};
    gristmill_plugin_schema_table_t table = {.name = gm__abi_text(table_name), .columns = {(column *)(uintptr_t)columns, count}};
    exports_gristmill_plugin_validate_list_data_type_t all = {types, 4};
    abi_string text = gm__abi_text(config), error = {0};
    abi_context context = {.run_id = gm__abi_text("run"), .started_at = 1};
    bool ok = exports_gristmill_plugin_validate_open(&text, &context, &all, &table, reads, &error);
    *wrong = gm__of_abi(error);
    return ok;
}

static bool says(gm_string wrong, const char *what) { return strstr(gm_format("%.*s", GM_ARG(wrong)).data, what) != NULL; }

int main(void) {
    plugin_list_string_t reads;
    gm_string wrong;
    column columns[] = {
        {.name = gm__abi_text("other"), .type = 0, .required = true},
        {.name = gm__abi_text("parts"), .type = 3},
        {.name = gm__abi_text("Id"), .type = 0, .required = true},
        {.name = gm__abi_text("n"), .type = 1, .required = true},
    };
    abi_violations said;
    abi_string error;
    CHECK(!exports_gristmill_plugin_validate_validate(&(abi_batch){0}, &said, &error) && says(gm__of_abi(error), "before `open`"));
    abi_about about;
    exports_gristmill_plugin_validate_identify(&about);
    CHECK(gm_is(gm__of_abi(about.name), "v") && about.config.len == 1 && gm_is(gm__of_abi(about.config.ptr[0].name), "most"));
    done();

    CHECK(opens_for("elsewhere", columns, 4, "{\"most\":5}", &reads, &wrong) && reads.len == 0);
    CHECK(!opens_for("things", columns, 3, "{\"most\":5}", &reads, &wrong) && says(wrong, "no column `n`"));
    columns[2].required = false;
    CHECK(!opens_for("things", columns, 4, "{\"most\":5}", &reads, &wrong) && says(wrong, "`Id` may be null"));
    columns[2].required = true;
    columns[2].type = 1;
    CHECK(!opens_for("things", columns, 4, "{\"most\":5}", &reads, &wrong) && says(wrong, "`Id` is of another type"));
    columns[2].type = 0;
    types[3].val.list = 0;
    CHECK(!opens_for("things", columns, 4, "{\"most\":5}", &reads, &wrong) && says(wrong, "`parts` is of another type"));
    types[3].val.list = 2;
    CHECK(!opens_for("things", columns, 4, "{\"most\":-1}", &reads, &wrong) && says(wrong, "most is below 0"));
    done();
    CHECK(opens_for("things", columns, 4, "{\"most\":5}", &reads, &wrong));
    CHECK(reads.len == 3 && gm_is(gm__of_abi(reads.ptr[0]), "Id") && gm_is(gm__of_abi(reads.ptr[2]), "parts"));
    done();

    /* More rows than are read at once: the second is too large, every third has no number, and the last lacks a part. */
    enum { ROWS = 100 };
    gm_string ids[ROWS];
    int64_t numbers[ROWS];
    uint32_t offsets[ROWS + 1] = {0};
    char present[ROWS + 1] = {0};
    for (uint32_t i = 0; i < ROWS; i++) {
        ids[i] = GM_S("id");
        numbers[i] = i == 1 ? 6 : 5;
        present[i] = i % 3 == 2 ? '0' : '1';
        offsets[i + 1] = i == ROWS - 1 ? 2 : 0;
    }
    uint32_t batch_columns[3];
    batch_columns[0] = add(strings(GRISTMILL_PLUGIN_COLUMNS_VALUES_STRINGS, ids, ROWS), NULL);
    batch_columns[1] = add(copied(GRISTMILL_PLUGIN_COLUMNS_VALUES_INT64S, numbers, ROWS, sizeof *numbers), present);
    batch_columns[2] = add(list_of(offsets, ROWS, arrays_len + 1), NULL);
    uint32_t name = arrays_len + 1;
    add((values){.tag = GRISTMILL_PLUGIN_COLUMNS_VALUES_STRUCTS, .val.structs = {.length = 2, .children = {&name, 1}}}, NULL);
    add(STRINGS(GM_S("a"), GM_S("b")), "10");
    abi_batch batch = {.rows = ROWS, .arrays = {arrays, arrays_len}, .columns = {batch_columns, 3}};
    CHECK(exports_gristmill_plugin_validate_validate(&batch, &said, &error));
    /* 33 without a number, one too large, one that lacks a part and is asked nothing else. */
    CHECK(said.len == 35);
    uint32_t missing = 0;
    for (size_t i = 0; i < said.len; i++) {
        const abi_violation *v = &said.ptr[i];
        bool is_error = v->severity == EXPORTS_GRISTMILL_PLUGIN_VALIDATE_SEVERITY_ERROR;
        if (v->row == 1)
            CHECK(is_error && gm_is(gm__of_abi(v->message), "more than 5") && gm_is(gm__of_abi(v->column.val), "n"));
        else if (v->row == ROWS - 1)
            CHECK(is_error && gm_is(gm__of_abi(v->rule), "missing-part") && gm_is(gm__of_abi(v->column.val), "parts"));
        else {
            missing += v->row % 3 == 2;
            CHECK(!is_error && !v->column.is_some && gm_is(gm__of_abi(v->rule), "n-missing"));
        }
    }
    CHECK(missing == 33);

    batch.columns.len = 2;
    CHECK(!exports_gristmill_plugin_validate_validate(&batch, &said, &error) && says(gm__of_abi(error), "`parts`"));
    done();
    puts("ok");
}
