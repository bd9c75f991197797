/* Any number of rows of several tables. */

#include "check.h"

#define RECORD(INPUT) INPUT(int64_t, n)
GM_INPUT(record, RECORD, .documents = "things/{id}")
#define ONE(COLUMN) COLUMN(int64_t, n)
GM_TABLE(one, ONE, .name = "one")
#define MANY(COLUMN) \
    COLUMN(int64_t, n) \
    COLUMN(gm_opt_string, text)
GM_TABLE(many, MANY, .name = "many")

/* n rows of `many`, and one of `one`; below zero as many rows and then a refusal; 5 is no row although there were some. */
static gm_outcome map(const record *in, gm_tables *tables, const gm_context *context) {
    (void)context;
    one *single = gm_add(tables, one);
    int64_t count = in->n < 0 ? -in->n : in->n;
    many *first = NULL;
    for (int64_t i = 0; i < count; i++) {
        many *row = gm_add(tables, many);
        CHECK(row->n == 0 && !row->text.present);
        row->n = i;
        if (i % 2 == 0)
            row->text = (gm_opt_string)GM_SOME(gm_format("%lld", (long long)i));
        first = i == 0 ? row : first;
    }
    /* What was given out stays where it is. */
    if (first != NULL)
        CHECK(first->n == 0 && gm_is(first->text.value, "0"));
    single->n = in->n;
    if (in->n < 0)
        return gm_refuse("negative", "n is below 0", "n");
    return in->n == 5 ? GM_NO_ROW : GM_ROW;
}
GM_PLUGIN_TABLES(record, map, .tables = {GM_TABLE_OF(one), GM_TABLE_OF(many)}, .name = "t", .version = "1.0.0", .summary = "s")

int main(void) {
    abi_description description;
    gm_string wrong;
    abi_output output;
    CHECK(opens("{}", &description, &wrong) && description.tables.len == 2);
    done();
    for (int round = 0; round < 3; round++) {
        uint32_t column = add(INT64S(1, -200, 5, 1000, 0, 2), NULL);
        CHECK(transforms(6, &column, 1, &output, &wrong));
        CHECK(output.tables.len == 2 && output.rejections.len == 1 && output.rejections.ptr[0].row == 1);
        const abi_rows *ones = &output.tables.ptr[0], *manies = &output.tables.ptr[1];
        CHECK(ones->batch.rows == 4 && manies->batch.rows == 1003);
        const int64_t want[] = {1, 1000, 0, 2};
        const uint32_t origins[] = {0, 3, 4, 5};
        CHECK(memcmp(ones->batch.arrays.ptr[0].values.val.int64s.ptr, want, sizeof want) == 0);
        CHECK(memcmp(ones->origins.val.ptr, origins, sizeof origins) == 0);
        const int64_t *numbers = manies->batch.arrays.ptr[0].values.val.int64s.ptr;
        CHECK(numbers[0] == 0 && numbers[1] == 0 && numbers[1000] == 999 && numbers[1001] == 0 && numbers[1002] == 1);
        CHECK(gm_is(string_of(&manies->batch.arrays.ptr[1], 999), "998") && string_of(&manies->batch.arrays.ptr[1], 1000).len == 0);
        CHECK(manies->origins.val.ptr[0] == 0 && manies->origins.val.ptr[1] == 3 && manies->origins.val.ptr[1002] == 5);
        done();
    }
    uint32_t column = add(INT64S(1, 1, 1), NULL);
    CHECK(transforms(3, &column, 1, &output, &wrong) && !output.tables.ptr[1].origins.is_some && !output.tables.ptr[0].origins.is_some);
    done();
    puts("ok");
}
