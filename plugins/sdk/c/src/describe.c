/* What the host is told of the plugin. */

#include "internal.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

void gm__about(const char *name, const char *version, const char *summary, const gm_settings_of *settings_of, abi_about *about) {
    *about = (abi_about){.name = gm__abi_text(name), .version = gm__abi_text(version), .summary = gm__abi_text(summary)};
    if (settings_of == NULL)
        return;
    uint32_t count;
    const gm_setting *settings = settings_of->settings(&count);
    gristmill_plugin_schema_config_field_t *fields = gm_new(gristmill_plugin_schema_config_field_t, count);
    for (uint32_t i = 0; i < count; i++) {
        gm_string value = gm__setting_default(&settings[i]);
        fields[i] = (gristmill_plugin_schema_config_field_t){
            .name = gm__abi(gm__setting_name(&settings[i])),
            .type = (gristmill_plugin_schema_scalar_t)settings[i].type->kind,
            .default_ = {.is_some = value.data != NULL, .val = gm__abi(value)},
            .description = gm__abi_text(settings[i].description),
        };
    }
    about->config.ptr = fields;
    about->config.len = count;
}

/* The types that a description refers to, each once, and each after those that it refers to itself. */
typedef struct types {
    const gm_type **known;
    gristmill_plugin_schema_data_type_t *declared;
    uint32_t len, capacity;
    bool of_table; /* A reference is a string there. */
    bool *tables;
} types;

static enum gm__kind declared_kind(const gm_type *type, bool of_table) {
    return of_table && type->kind == GM__REFERENCE ? GM__STRING : type->kind;
}

static bool same(const gm_type *a, bool a_of_table, const gm_type *b, bool b_of_table) {
    a = gm__without_option(a);
    b = gm__without_option(b);
    if (a->kind < GM__LIST || b->kind < GM__LIST)
        return declared_kind(a, a_of_table) == declared_kind(b, b_of_table);
    return a == b && a_of_table == b_of_table;
}

static const char *field_name(const gm_field *field) { return field->name != NULL ? field->name : field->member; }

static uint32_t index_of(types *types, const gm_type *type) {
    type = gm__without_option(type);
    for (uint32_t i = 0; i < types->len; i++)
        if (same(types->known[i], types->tables[i], type, types->of_table))
            return i;
    gristmill_plugin_schema_data_type_t declared = {0};
    if (type->kind == GM__LIST) {
        declared.tag = GRISTMILL_PLUGIN_SCHEMA_DATA_TYPE_LIST;
        declared.val.list = index_of(types, type->inner);
    } else if (type->kind == GM__STRUCT) {
        uint32_t count;
        const gm_field *lines = type->fields(&count);
        gristmill_plugin_schema_struct_field_t *fields = gm_new(gristmill_plugin_schema_struct_field_t, count);
        for (uint32_t i = 0; i < count; i++)
            fields[i] = (gristmill_plugin_schema_struct_field_t){
                .name = gm__abi_text(field_name(&lines[i])), .type = index_of(types, lines[i].type)};
        declared.tag = GRISTMILL_PLUGIN_SCHEMA_DATA_TYPE_STRUCT;
        declared.val.struct_.ptr = fields;
        declared.val.struct_.len = count;
    } else {
        declared.tag = GRISTMILL_PLUGIN_SCHEMA_DATA_TYPE_SCALAR;
        declared.val.scalar = (gristmill_plugin_schema_scalar_t)declared_kind(type, types->of_table);
    }
    if (types->len == types->capacity) {
        uint32_t old = types->capacity, more = old * 2 + 16;
        types->known = gm__grow(types->known, old * sizeof *types->known, more * sizeof *types->known, _Alignof(void *));
        types->declared =
            gm__grow(types->declared, old * sizeof *types->declared, more * sizeof *types->declared, _Alignof(void *));
        types->tables = gm__grow(types->tables, old, more, 1);
        types->capacity = more;
    }
    types->known[types->len] = type;
    types->tables[types->len] = types->of_table;
    types->declared[types->len] = declared;
    return types->len++;
}

/* Names up to the first that is not there. */
static plugin_list_string_t names(const char *const *all, size_t most) {
    size_t count = 0;
    while (count < most && all[count] != NULL)
        count++;
    abi_string *list = gm_new(abi_string, count);
    for (size_t i = 0; i < count; i++)
        list[i] = gm__abi_text(all[i]);
    return (plugin_list_string_t){list, count};
}

/* The steps of a path with dots. */
static plugin_list_string_t path(const char *text) {
    size_t count = 1;
    for (const char *c = text; *c != 0; c++)
        count += *c == '.';
    abi_string *steps = gm_new(abi_string, count);
    gm_string rest = gm_text(text);
    for (size_t i = 0; i < count; i++) {
        gm_string step, after;
        gm_split(rest, '.', &step, &after);
        steps[i] = gm__abi(step);
        rest = after;
    }
    return (plugin_list_string_t){steps, count};
}

static gristmill_plugin_schema_origin_t origin(const gm_input *input) {
    gristmill_plugin_schema_origin_t origin = {0};
    if (input->capture != NULL) {
        origin.tag = GRISTMILL_PLUGIN_SCHEMA_ORIGIN_PATH_CAPTURE;
        origin.val.path_capture = gm__abi_text(input->capture);
    } else if (input->document_name) {
        origin.tag = GRISTMILL_PLUGIN_SCHEMA_ORIGIN_DOCUMENT_NAME;
    } else if (input->document) {
        origin.tag = GRISTMILL_PLUGIN_SCHEMA_ORIGIN_DOCUMENT;
    } else if (input->create_time) {
        origin.tag = GRISTMILL_PLUGIN_SCHEMA_ORIGIN_CREATE_TIME;
    } else if (input->update_time) {
        origin.tag = GRISTMILL_PLUGIN_SCHEMA_ORIGIN_UPDATE_TIME;
    } else if (input->type_of != NULL || input->type_of_steps[0] != NULL) {
        origin.tag = GRISTMILL_PLUGIN_SCHEMA_ORIGIN_FIELD_TYPE;
        origin.val.field_type = input->type_of != NULL ? path(input->type_of) : names(input->type_of_steps, GM_STEPS);
    } else {
        origin.tag = GRISTMILL_PLUGIN_SCHEMA_ORIGIN_FIELD;
        origin.val.field = input->steps[0] != NULL ? names(input->steps, GM_STEPS)
                                                   : path(input->field != NULL ? input->field : input->member);
    }
    return origin;
}

const char *gm__input_name(const gm_input *input) { return input->name != NULL ? input->name : input->member; }

static gristmill_plugin_schema_table_t table(const gm_table *table, types *types) {
    uint32_t count;
    const gm_column *lines = table->columns(&count);
    gristmill_plugin_schema_output_column_t *columns = gm_new(gristmill_plugin_schema_output_column_t, count);
    for (uint32_t i = 0; i < count; i++) {
        columns[i] = (gristmill_plugin_schema_output_column_t){
            .name = gm__abi_text(lines[i].name != NULL ? lines[i].name : lines[i].member),
            .type = index_of(types, lines[i].type),
            .required = lines[i].type->kind != GM__OPTIONAL,
            .description = gm__abi_text(lines[i].description),
        };
    }
    return (gristmill_plugin_schema_table_t){
        .name = gm__abi_text(table->name),
        .description = gm__abi_text(table->description),
        .columns = {columns, count},
        .key = names(table->key, LEN(table->key)),
        .latest_by = {.is_some = table->latest_by != NULL, .val = gm__abi_text(table->latest_by)},
        .partition_by = {.is_some = table->partition_by != NULL, .val = gm__abi_text(table->partition_by)},
        .cluster_by = names(table->cluster_by, LEN(table->cluster_by)),
    };
}

void gm__describe(abi_description *description) {
    const gm_plugin *plugin = &gm__plugin;
    types types = {0};
    uint32_t count;
    const gm_input *lines = plugin->record->inputs(&count);
    gristmill_plugin_schema_input_t *inputs = gm_new(gristmill_plugin_schema_input_t, count);
    for (uint32_t i = 0; i < count; i++) {
        inputs[i] = (gristmill_plugin_schema_input_t){
            .name = gm__abi_text(gm__input_name(&lines[i])),
            .origin = origin(&lines[i]),
            .type = index_of(&types, lines[i].type),
            .required = lines[i].type->kind != GM__OPTIONAL,
            .on_mismatch = (gristmill_plugin_schema_on_mismatch_t)lines[i].mismatch,
        };
    }
    types.of_table = true;
    gristmill_plugin_schema_table_t *tables = gm_new(gristmill_plugin_schema_table_t, GM_TABLES);
    uint32_t made = 0;
    for (; made < GM_TABLES && plugin->tables[made] != NULL; made++)
        tables[made] = table(plugin->tables[made], &types);
    *description = (abi_description){
        .documents = gm__abi_text(plugin->record->documents),
        .types = {types.declared, types.len},
        .inputs = {inputs, count},
        .tables = {tables, made},
    };
}
