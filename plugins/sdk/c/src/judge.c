/* Rows of a batch through the rules of a validator. */

#include "internal.h"

static gm_context context;
static bool opened;

static const char *name_of(const gm_field *column) { return column->name != NULL ? column->name : column->member; }

static void find(gm_findings *found, bool is_error, const char *rule, gm_string message, const char *column) {
    if (found->len == found->capacity) {
        uint32_t old = found->capacity, more = old * 2 + 16;
        found->all = gm__grow(found->all, old * sizeof(gm_finding), more * sizeof(gm_finding), _Alignof(gm_finding));
        found->capacity = more;
    }
    found->all[found->len++] = (gm_finding){
        .row = found->row, .is_error = is_error, .rule = gm_text(rule), .message = message, .column = gm_text(column)};
}
__attribute__((cold)) void gm__find_text(gm_findings *found, bool is_error, const char *rule, const char *message, const char *column) {
    find(found, is_error, rule, gm_text(message), column);
}
__attribute__((cold)) void gm__find_string(gm_findings *found, bool is_error, const char *rule, gm_string message, const char *column) {
    find(found, is_error, rule, message, column);
}

/* Whether a type of the table is the one that a member takes. */
static bool is_of(const gristmill_plugin_schema_data_type_t *types, size_t count, uint32_t index, const gm_type *wanted) {
    if (index >= count)
        return false;
    wanted = gm__without_option(wanted);
    const gristmill_plugin_schema_data_type_t *type = &types[index];
    switch (type->tag) {
    case GRISTMILL_PLUGIN_SCHEMA_DATA_TYPE_SCALAR: return wanted->kind < GM__LIST && type->val.scalar == wanted->kind;
    /* What a type refers to comes before it, so this ends. */
    case GRISTMILL_PLUGIN_SCHEMA_DATA_TYPE_LIST:
        return wanted->kind == GM__LIST && type->val.list < index && is_of(types, count, type->val.list, wanted->inner);
    default: break;
    }
    if (wanted->kind != GM__STRUCT)
        return false;
    uint32_t fields_count;
    const gm_field *fields = wanted->fields(&fields_count);
    if (type->val.struct_.len != fields_count)
        return false;
    for (uint32_t i = 0; i < fields_count; i++) {
        const gristmill_plugin_schema_struct_field_t *field = &type->val.struct_.ptr[i];
        if (!gm_is(gm__of_abi(field->name), name_of(&fields[i])) || field->type >= index ||
            !is_of(types, count, field->type, fields[i].type))
            return false;
    }
    return true;
}

bool gm__open_validator(
    gm_string config, abi_context run, const gristmill_plugin_schema_data_type_t *types, size_t types_count,
    const gristmill_plugin_schema_table_t *table, plugin_list_string_t *columns, abi_string *wrong) {
    const gm_validator *validator = &gm__validator;
    opened = false;
    if (!gm__open_context(validator->settings, validator->check, config, run, &context, wrong))
        return false;
    opened = true;
    *columns = (plugin_list_string_t){0};
    if (validator->rows->table != NULL && !gm_is(gm__of_abi(table->name), validator->rows->table))
        return true;
    uint32_t count;
    const gm_field *reads = validator->rows->columns(&count);
    abi_string *names = gm_new(abi_string, count);
    for (uint32_t i = 0; i < count; i++) {
        const char *name = name_of(&reads[i]);
        const gristmill_plugin_schema_output_column_t *column = NULL;
        for (size_t c = 0; c < table->columns.len && column == NULL; c++)
            if (gm_is(gm__of_abi(table->columns.ptr[c].name), name))
                column = &table->columns.ptr[c];
        gm_string what = {0};
        if (column == NULL)
            what = gm_format("it has no column `%s`", name);
        else if (!is_of(types, types_count, column->type, reads[i].type))
            what = gm_format("its column `%s` is of another type than the validator reads", name);
        else if (!column->required && reads[i].type->kind != GM__OPTIONAL)
            what = gm_format("its column `%s` may be null, and the validator's type for it is no optional", name);
        if (what.data != NULL) {
            opened = false;
            *wrong = gm__abi(what);
            return false;
        }
        names[i] = gm__abi_text(name);
    }
    *columns = (plugin_list_string_t){names, count};
    return true;
}

bool gm__validate(const abi_batch *batch, abi_violations *violations, abi_string *wrong) {
    const gm_validator *validator = &gm__validator;
    if (!opened) {
        *wrong = gm__abi_text("`validate` was called before `open`");
        return false;
    }
    uint32_t reads_count;
    const gm_field *reads = validator->rows->columns(&reads_count);
    char *columns = gm__new(1, validator->rows->columns_size, 16);
    memcpy(columns, &batch->rows, sizeof batch->rows);
    for (uint32_t i = 0; i < reads_count; i++) {
        const char *what = i < batch->columns.len
                               ? gm__open(reads[i].type, batch, batch->columns.ptr[i], batch->rows, columns + reads[i].column_at)
                               : "the batch has no such column";
        if (what != NULL) {
            *wrong = gm__abi(gm_format("column `%s` as the host handed it over breaks the contract: %s", name_of(&reads[i]), what));
            return false;
        }
    }
    size_t size = validator->rows->size;
    char *rows = gm__new(GM_CHUNK, size, 16);
    gm_findings found = {0};
    for (uint32_t start = 0; start < batch->rows; start += GM_CHUNK) {
        uint32_t left = batch->rows - start, count = left < GM_CHUNK ? left : GM_CHUNK;
        uint8_t lacking[GM_CHUNK] = {0};
        for (uint32_t i = 0; i < reads_count; i++) {
            uint8_t lack[GM_CHUNK] = {0};
            bool can_lack = gm__can_lack(reads[i].type);
            gm__read(reads[i].type, columns + reads[i].column_at, start, count, rows + reads[i].at, size, can_lack ? lack : NULL);
            for (uint32_t r = 0; can_lack && r < count; r++) {
                if (!lack[r] || lacking[r])
                    continue;
                lacking[r] = 1;
                found.row = start + r;
                gm_error(
                    &found, "missing-part",
                    "a list in it has a null element, or a struct in it a null field, where the validator needs a value",
                    name_of(&reads[i]));
            }
        }
        found.row = start;
        validator->each(rows, lacking, count, &found, &context);
    }
    abi_violation *all = gm_new(abi_violation, found.len);
    for (uint32_t i = 0; i < found.len; i++)
        all[i] = (abi_violation){
            .row = found.all[i].row,
            .rule = gm__abi(found.all[i].rule),
            .column = {.is_some = found.all[i].column.data != NULL, .val = gm__abi(found.all[i].column)},
            .severity = found.all[i].is_error ? EXPORTS_GRISTMILL_PLUGIN_VALIDATE_SEVERITY_ERROR
                                              : EXPORTS_GRISTMILL_PLUGIN_VALIDATE_SEVERITY_WARNING,
            .message = gm__abi(found.all[i].message),
        };
    *violations = (abi_violations){all, found.len};
    return true;
}
