/* A mapping of whole columns. */

#include "check.h"

#define RECORD(INPUT) \
    INPUT(gm_string, id, .capture = "id") \
    INPUT(gm_opt_double, score) \
    INPUT(gm_opt_int64_list, numbers)
GM_INPUT(record, RECORD, .documents = "things/{id}")
#define ROW(COLUMN) \
    COLUMN(gm_string, id) \
    COLUMN(gm_opt_double, score) \
    COLUMN(gm_opt_int64_list, numbers) \
    COLUMN(gm_string, source) \
    COLUMN(gm_timestamp, time)
GM_TABLE(row, ROW, .name = "things")

static bool all;

static void map(const record_columns *in, row_columns *out, gm_refusals *refusals, const gm_context *context) {
    uint32_t *kept = gm_new(uint32_t, in->rows), count = 0;
    for (uint32_t i = 0; i < in->rows; i++) {
        if (!all && gm_is(gm_string_at(in->id, i), "bad"))
            gm_refuse_row(refusals, i, "bad", "it is bad", NULL);
        else if (all || gm_present(in->score, i))
            kept[count++] = i;
    }
    *out = (row_columns){
        .rows = count,
        .id = in->id,
        .score = in->score,
        .numbers = in->numbers,
        .source = gm_repeat_string(GM_S("\xc3\xa9"), count),
        .time = gm_repeat_timestamp(context->started_at, count),
    };
    if (count < in->rows) {
        out->origins = kept;
        out->id = gm_pick(in->id, kept, count);
        out->score = gm_pick(in->score, kept, count);
        static const uint8_t none[1];
        static const uint32_t offsets[8];
        out->numbers = (gm_column_gm_opt_int64_list){.rows = count, .validity = none, .offsets = offsets};
    }
}
GM_PLUGIN_COLUMNS(record, row, map, .name = "t", .version = "1.0.0", .summary = "s")

static uint32_t columns[3];

static void batch(void) {
    columns[0] = add(STRINGS(GM_S("a"), GM_S("b"), GM_S("bad"), GM_S("\xc3\xa9"), GM_S("e")), NULL);
    columns[1] = add(DOUBLES(1, 2, 3, 4, 0), "11110");
    columns[2] = add(list_of((uint32_t[]){0, 1, 1, 1, 1, 2}, 5, arrays_len + 1), "10001");
    add(INT64S(7, 8), NULL);
}

int main(void) {
    abi_description description;
    gm_string wrong;
    abi_output output;
    CHECK(opens("{}", &description, &wrong));
    done();
    batch();
    CHECK(transforms(5, columns, 3, &output, &wrong));
    const abi_rows *rows = &output.tables.ptr[0];
    CHECK(output.rejections.len == 1 && output.rejections.ptr[0].row == 2 && !output.rejections.ptr[0].input.is_some);
    CHECK(rows->batch.rows == 3 && rows->origins.val.len == 3 && rows->origins.val.ptr[2] == 3);
    const abi_array *made = rows->batch.arrays.ptr;
    CHECK(gm_is(string_of(&made[0], 1), "b") && gm_is(string_of(&made[0], 2), "\xc3\xa9"));
    CHECK(made[1].values.val.float64s.ptr[2] == 4 && valid(&made[1], "111"));
    CHECK(made[2].values.val.lists.child == 3 && made[3].values.val.int64s.len == 0);
    CHECK(gm_is(string_of(&made[4], 2), "\xc3\xa9") && made[5].values.val.timestamps.ptr[2] == 1700000000000000);
    done();

    all = true;
    batch();
    const void *handed_over = arrays[columns[1]].values.val.float64s.ptr;
    CHECK(transforms(5, columns, 3, &output, &wrong));
    rows = &output.tables.ptr[0];
    made = rows->batch.arrays.ptr;
    CHECK(rows->batch.rows == 5 && !rows->origins.is_some && valid(&made[1], "11110"));
    CHECK(made[1].values.val.float64s.ptr == handed_over);
    CHECK(valid(&made[2], "10001") && made[2].values.val.lists.offsets.ptr[5] == 2 && made[3].values.val.int64s.ptr[1] == 8);
    done();
    puts("ok");
}
