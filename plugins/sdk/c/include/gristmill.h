/*
 * Write gristmill plugins in C: a list of what is read of a document, a list of what is written to a table, and a
 * function from one to the other.
 *
 *     #include "gristmill.h"
 *
 *     #define USER(INPUT)                                            \
 *         INPUT(gm_string, user, .capture = "user")                  \
 *         INPUT(gm_opt_string, email, .field = "contact.email")
 *     GM_INPUT(user, USER, .documents = "users/{user}")
 *
 *     #define USER_ROW(COLUMN)                                       \
 *         COLUMN(gm_string, user)                                    \
 *         COLUMN(gm_opt_string, email, .description = "As it was typed.")
 *     GM_TABLE(user_row, USER_ROW, .name = "users", .key = {"user"})
 *
 *     static gm_outcome map(const user *in, user_row *row, const gm_context *context) {
 *         (void)context;
 *         if (in->email.present && !gm_contains(in->email.value, '@'))
 *             return gm_refuse("email-invalid", "an e-mail address has an @", "email");
 *         *row = (user_row){.user = in->user, .email = in->email};
 *         return GM_ROW;
 *     }
 *
 *     GM_PLUGIN(user, user_row, map, .name = "users", .version = "0.1.0", .summary = "Users and their addresses.")
 *
 * A list makes a struct with a member for each line, and what the host is told of it, so that one cannot lack what the
 * other has. `gristmill plugin build` compiles all `*.c` of a folder and makes a component of them.
 *
 * Memory: what `gm_new`, `gm_join`, `gm_format` and the like give is there until the batch is done, and is then freed as
 * a whole. Nothing is ever null for want of memory: the call traps, and the host goes on with fewer records.
 *
 * Names that begin with `gm__` are the SDK's own.
 */
#ifndef GRISTMILL_H
#define GRISTMILL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#error "the SDK is for C; its lists are designated initialisers in any order, which C++ does not have"
#endif

#define GM__UNUSED __attribute__((unused))

/* Types of values ------------------------------------------------------------------------------------------------- */

/* UTF-8. Ends with `len`, not with a zero. */
typedef struct gm_string {
    const char *data;
    size_t len;
} gm_string;

typedef struct gm_bytes {
    const uint8_t *data;
    size_t len;
} gm_bytes;

/* A JSON text. Read, it is the value in the typed form of Firestore's REST API: {"integerValue":"7"}. */
typedef struct gm_json {
    gm_string text;
} gm_json;

/* The resource name that a reference holds. A table stores it as a string. */
typedef struct gm_reference {
    gm_string name;
} gm_reference;

/* Microseconds since 1970-01-01T00:00:00Z, UTC. */
typedef struct gm_timestamp {
    int64_t micros;
} gm_timestamp;

/* Days since 1970-01-01. For tables only: Firestore has no dates. */
typedef struct gm_date {
    int32_t days;
} gm_date;

/* What the SDK knows of a type. The scalars have the numbers that the contract gives them. */
enum gm__kind {
    GM__BOOLEAN,
    GM__INT64,
    GM__FLOAT64,
    GM__TIMESTAMP,
    GM__DATE,
    GM__STRING,
    GM__BYTES,
    GM__JSON,
    GM__REFERENCE,
    GM__LIST,
    GM__STRUCT,
    GM__OPTIONAL,
};

struct gm_field;

typedef struct gm_type {
    enum gm__kind kind;
    uint32_t size;          /* Of a value. */
    uint32_t column_size;   /* Of the struct that shows a column of it. */
    uint32_t at;            /* Of an optional: where its value lies in it. Of a list: where its elements' column lies in its own. */
    const struct gm_type *inner; /* Of an optional and of a list. */
    const struct gm_field *(*fields)(uint32_t *count);
} gm_type;

/* A column as it lies in memory. `validity` has a bit for each row, least significant first, and is null where there is
   no null. Where `offsets` are, value i is offsets[i] to offsets[i + 1]. */
#define GM__COLUMN_HEAD \
    const uint8_t *validity; \
    uint32_t rows;
#define GM__FIXED(type, element, kind_) \
    typedef struct gm_column_##type { \
        GM__COLUMN_HEAD \
        const element *values; \
    } gm_column_##type; \
    static const gm_type gm_type_##type GM__UNUSED = {.kind = kind_, .size = sizeof(type), .column_size = sizeof(gm_column_##type)};
#define GM__VARLEN(type, element, kind_) \
    typedef struct gm_column_##type { \
        GM__COLUMN_HEAD \
        const uint32_t *offsets; \
        const element *data; \
    } gm_column_##type; \
    static const gm_type gm_type_##type GM__UNUSED = {.kind = kind_, .size = sizeof(type), .column_size = sizeof(gm_column_##type)};

GM__FIXED(int64_t, int64_t, GM__INT64)
GM__FIXED(double, double, GM__FLOAT64)
GM__FIXED(gm_timestamp, int64_t, GM__TIMESTAMP)
GM__FIXED(gm_date, int32_t, GM__DATE)
GM__VARLEN(gm_string, char, GM__STRING)
GM__VARLEN(gm_bytes, uint8_t, GM__BYTES)
GM__VARLEN(gm_json, char, GM__JSON)
GM__VARLEN(gm_reference, char, GM__REFERENCE)
/* `bool` is a macro in some compilers, and what it stands for in others. `values` are bits, as in `validity`. */
GM__FIXED(_Bool, uint8_t, GM__BOOLEAN)
typedef gm_column__Bool gm_column_bool;
static const gm_type gm_type_bool GM__UNUSED = {.kind = GM__BOOLEAN, .size = sizeof(_Bool), .column_size = sizeof(gm_column__Bool)};

/* GM_OPTIONAL(name, type): a type of that name that may be missing or null. A value is there where `present`. */
#define GM_OPTIONAL(name_, type) \
    typedef struct name_ { \
        _Bool present; \
        type value; \
    } name_; \
    typedef gm_column_##type gm_column_##name_; \
    static const gm_type gm_type_##name_ GM__UNUSED = { \
        .kind = GM__OPTIONAL, \
        .size = sizeof(name_), \
        .column_size = sizeof(gm_column_##name_), \
        .at = offsetof(name_, value), \
        .inner = &gm_type_##type};

GM_OPTIONAL(gm_opt_bool, _Bool)
GM_OPTIONAL(gm_opt_int64, int64_t)
GM_OPTIONAL(gm_opt_double, double)
GM_OPTIONAL(gm_opt_timestamp, gm_timestamp)
GM_OPTIONAL(gm_opt_date, gm_date)
GM_OPTIONAL(gm_opt_string, gm_string)
GM_OPTIONAL(gm_opt_bytes, gm_bytes)
GM_OPTIONAL(gm_opt_json, gm_json)
GM_OPTIONAL(gm_opt_reference, gm_reference)

/* An optional with a value: `row->load_ts = GM_SOME(context->started_at)`. */
#define GM_SOME(...) {.present = true, .value = __VA_ARGS__}
/* An optional without one. */
#define GM_NONE {.present = false}

/* GM_LIST(name, type): an array of the document, or a column of lists. */
#define GM_LIST(name_, type) \
    typedef struct name_ { \
        const type *items; \
        size_t len; \
    } name_; \
    typedef struct gm_column_##name_ { \
        GM__COLUMN_HEAD \
        const uint32_t *offsets; \
        gm_column_##type elements; \
    } gm_column_##name_; \
    static const gm_type gm_type_##name_ GM__UNUSED = { \
        .kind = GM__LIST, \
        .size = sizeof(name_), \
        .column_size = sizeof(gm_column_##name_), \
        .at = offsetof(gm_column_##name_, elements), \
        .inner = &gm_type_##type};

GM_LIST(gm_string_list, gm_string)
GM_LIST(gm_int64_list, int64_t)
GM_LIST(gm_double_list, double)
GM_OPTIONAL(gm_opt_string_list, gm_string_list)
GM_OPTIONAL(gm_opt_int64_list, gm_int64_list)
GM_OPTIONAL(gm_opt_double_list, gm_double_list)

/* A line of any list: the member, its type and where it lies. What else a line says is of its own kind. */
#define GM__MEMBER(type, member, ...) type member;
#define GM__COLUMN_MEMBER(type, member, ...) gm_column_##type member;
#define GM__LINE(type_, member_, ...) \
    {.member = #member_, .type = &gm_type_##type_, .at = offsetof(gm__self, member_), \
     .column_at = offsetof(gm__self_columns, member_), __VA_ARGS__},
#define GM__SETTING_LINE(type_, member_, ...) \
    {.member = #member_, .type = &gm_type_##type_, .at = offsetof(gm__self, member_), __VA_ARGS__},
#define GM__LINES(function, line, name_, columns, LIST) \
    GM__UNUSED static const line *function(uint32_t *gm__count) { \
        typedef name_ gm__self; \
        typedef columns gm__self_columns; \
        static const line gm__lines[] = {LIST(GM__LINE)}; \
        *gm__count = sizeof gm__lines / sizeof gm__lines[0]; \
        return gm__lines; \
    }

#define GM__LINE_HEAD \
    const char *member; \
    const gm_type *type; \
    uint32_t at, column_at;

/* A line of a GM_STRUCT, and of GM_ROWS. */
typedef struct gm_field {
    GM__LINE_HEAD
    const char *name; /* Where the field, or the column, has another name than the member. */
} gm_field;

/* GM_STRUCT(name, LIST): a map of the document, or a column with columns of its own. */
#define GM_STRUCT(name_, LIST) \
    typedef struct name_ { \
        LIST(GM__MEMBER) \
    } name_; \
    typedef struct gm_column_##name_ { \
        GM__COLUMN_HEAD \
        LIST(GM__COLUMN_MEMBER) \
    } gm_column_##name_; \
    GM__LINES(gm__fields_##name_, gm_field, name_, gm_column_##name_, LIST) \
    static const gm_type gm_type_##name_ GM__UNUSED = { \
        .kind = GM__STRUCT, \
        .size = sizeof(name_), \
        .column_size = sizeof(gm_column_##name_), \
        .fields = gm__fields_##name_};

/* What is read ---------------------------------------------------------------------------------------------------- */

enum { GM_STEPS = 16, GM_NAMES = 16, GM_TABLES = 16 };

/* What becomes of a record whose field holds another type than the declared one. */
enum gm_mismatch {
    GM_REJECT, /* It goes to the dead letters. */
    GM_NULL,   /* The input is not present. */
};

/* A line of a GM_INPUT. One of these says where the value is from; without any it is the field that is called as the member. */
typedef struct gm_input {
    GM__LINE_HEAD
    const char *capture;         /* What `{…}` of the pattern stands for: gm_string. */
    const char *field;           /* A field of the document: "contact.email" is the field `email` of the map `contact`. */
    const char *steps[GM_STEPS]; /* The same, step by step, for names with dots. */
    const char *type_of;         /* The type that a field holds, in Firestore's words: gm_opt_string. Missing is not present. */
    const char *type_of_steps[GM_STEPS];
    bool document_name; /* projects/P/databases/D/documents/…: gm_string. */
    bool document;      /* The whole document: gm_json. */
    bool create_time;   /* gm_opt_timestamp. Binary exports do not hold it. */
    bool update_time;   /* The same. */
    enum gm_mismatch mismatch;
    const char *name; /* In messages and refusals, where it is not the member's. */
} gm_input;

typedef struct gm_record {
    const char *documents; /* Which documents are taken: "teams/{team}/reports/{report}". */
    uint32_t size, columns_size;
    const gm_input *(*inputs)(uint32_t *count);
} gm_record;

/* GM_INPUT(name, LIST, .documents = "…"): what is read. Makes the struct `name`, and `name_columns` for whole columns. */
#define GM_INPUT(name_, LIST, ...) \
    typedef struct name_ { \
        LIST(GM__MEMBER) \
    } name_; \
    typedef struct name_##_columns { \
        uint32_t rows; \
        LIST(GM__COLUMN_MEMBER) \
    } name_##_columns; \
    GM__LINES(gm__inputs_##name_, gm_input, name_, name_##_columns, LIST) \
    static const gm_record gm__record_##name_ GM__UNUSED = { \
        .size = sizeof(name_), .columns_size = sizeof(name_##_columns), .inputs = gm__inputs_##name_, __VA_ARGS__};

/* What is written ------------------------------------------------------------------------------------------------- */

/* A line of a GM_TABLE. */
typedef struct gm_column {
    GM__LINE_HEAD
    const char *description;
    const char *name; /* Where the column has another name than the member. */
} gm_column;

typedef struct gm_table {
    const char *name;
    const char *description;
    const char *key[GM_NAMES];        /* Columns in which two rows agree when they are the same row. */
    const char *latest_by;            /* An input: of rows with one key the one where it is greatest stays. */
    const char *partition_by;         /* A column. */
    const char *cluster_by[GM_NAMES]; /* Columns. */
    uint32_t size, columns_size;
    const gm_column *(*columns)(uint32_t *count);
} gm_table;

/* GM_TABLE(name, LIST, .name = "…", .key = {"…"}): what is written. Makes the struct `name`, and `name_columns`. */
#define GM_TABLE(name_, LIST, ...) \
    typedef struct name_ { \
        LIST(GM__MEMBER) \
    } name_; \
    typedef struct name_##_columns { \
        uint32_t rows; \
        const uint32_t *origins; \
        LIST(GM__COLUMN_MEMBER) \
    } name_##_columns; \
    GM__LINES(gm__columns_##name_, gm_column, name_, name_##_columns, LIST) \
    static const gm_table gm__table_##name_ GM__UNUSED = { \
        .size = sizeof(name_), .columns_size = sizeof(name_##_columns), .columns = gm__columns_##name_, __VA_ARGS__};
#define GM_TABLE_OF(name_) (&gm__table_##name_)

/* Settings -------------------------------------------------------------------------------------------------------- */

/* A line of GM_SETTINGS. Of type bool, int64_t, double, gm_string, or gm_json for anything else. Without a default, whoever
   runs the plugin must give a value. */
typedef struct gm_setting {
    GM__LINE_HEAD
    const char *default_json; /* "1.0", "true", "[1, 2]" */
    const char *default_text; /* Of a string, without quotes. */
    const char *description;
    const char *name; /* Where it is not the member's in kebab case. */
} gm_setting;

typedef struct gm_settings_of {
    uint32_t size;
    const gm_setting *(*settings)(uint32_t *count);
} gm_settings_of;

/* What is the same for every record of a run. */
typedef struct gm_context {
    gm_string run_id;
    gm_timestamp started_at; /* The one time that a run knows, and a rerun of it has the same. */
    const void *settings;    /* See `gm_settings`. */
} gm_context;

/* GM_SETTINGS(name, LIST): what can be configured. Makes the struct `name`, and `gm_settings(context)`, which gives it. */
#define GM_SETTINGS(name_, LIST) \
    typedef struct name_ { \
        LIST(GM__MEMBER) \
    } name_; \
    GM__UNUSED static const gm_setting *gm__settings_lines_##name_(uint32_t *gm__count) { \
        typedef name_ gm__self; \
        static const gm_setting gm__lines[] = {LIST(GM__SETTING_LINE)}; \
        *gm__count = sizeof gm__lines / sizeof gm__lines[0]; \
        return gm__lines; \
    } \
    static const gm_settings_of gm__settings_##name_ GM__UNUSED = {.size = sizeof(name_), .settings = gm__settings_lines_##name_}; \
    GM__UNUSED static inline const name_ *gm_settings(const gm_context *gm__context) { return gm__context->settings; }
#define GM_SETTINGS_OF(name_) (&gm__settings_##name_)

/* Outcomes -------------------------------------------------------------------------------------------------------- */

/* Why a record is refused. */
typedef struct gm_refusal {
    gm_string code, message;
    gm_string input; /* Without data: none. */
} gm_refusal;

/* What becomes of a record: GM_ROW, GM_NO_ROW, or what `gm_refuse` gives. */
typedef struct gm_outcome {
    enum gm_verdict { GM_VERDICT_ROW, GM_VERDICT_NO_ROW, GM_VERDICT_REFUSED } verdict;
    const gm_refusal *refusal;
} gm_outcome;

/* The record is a row. Of a mapping to several tables: what it added stands. */
#define GM_ROW ((gm_outcome){.verdict = GM_VERDICT_ROW})
/* The record is none of the table's, on purpose. It is counted as filtered. */
#define GM_NO_ROW ((gm_outcome){.verdict = GM_VERDICT_NO_ROW})

/* The record goes to the dead letters, and those beside it go on. `code` is for counting: lower-case letters, digits, `-` and
   `.`, at most 64. `message`, a text or a gm_string, is for people: what is wrong and what to do, at most 4,096 bytes. `input`
   is the name of the input at fault, or NULL. */
#define gm_refuse(code, message, input) \
    _Generic((message), gm_string: gm__refuse_string, default: gm__refuse_text)((code), (message), (input))
gm_outcome gm__refuse_text(const char *code, const char *message, const char *input);
gm_outcome gm__refuse_string(const char *code, gm_string message, const char *input);

/* Rows of several tables, while they are made. */
typedef struct gm_tables gm_tables;

/* gm_add(tables, row): a new row of that type, all zero, which makes every optional not present. To be filled before the mapping returns. */
#define gm_add(tables, row) ((row *)gm__add((tables), GM_TABLE_OF(row)))
void *gm__add(gm_tables *tables, const gm_table *table);

/* Refusals of a mapping of columns. */
typedef struct gm_refusals gm_refusals;
/* Refuses a row of the input, of which no row may be made then. The last three are those of `gm_refuse`. */
#define gm_refuse_row(refusals, row, code, message, input) gm__refuse_row((refusals), (row), gm_refuse(code, message, input))
void gm__refuse_row(gm_refusals *refusals, uint32_t row, gm_outcome refused);

/* Judging rows ---------------------------------------------------------------------------------------------------- */

/* What a validator reads of a table. */
typedef struct gm_rows {
    const char *table; /* The one table whose rows are judged; NULL: every table, and each must have the columns. */
    uint32_t size, columns_size;
    const gm_field *(*columns)(uint32_t *count);
} gm_rows;

/* GM_ROWS(name, LIST, .table = "…"): the columns that are read. Makes the struct `name`. A type that is no `gm_opt_…` is for a
   column that is required. */
#define GM_ROWS(name_, LIST, ...) \
    typedef struct name_ { \
        LIST(GM__MEMBER) \
    } name_; \
    typedef struct name_##_columns { \
        uint32_t rows; \
        LIST(GM__COLUMN_MEMBER) \
    } name_##_columns; \
    GM__LINES(gm__reads_##name_, gm_field, name_, name_##_columns, LIST) \
    static const gm_rows gm__rows_##name_ GM__UNUSED = { \
        .size = sizeof(name_), .columns_size = sizeof(name_##_columns), .columns = gm__reads_##name_, __VA_ARGS__};

/* A rule that a row breaks. */
typedef struct gm_finding {
    uint32_t row;
    bool is_error; /* Whether it refuses the row. */
    gm_string rule, message;
    gm_string column; /* Without data: none. */
} gm_finding;

/* What is found of the rows of a batch: nothing of a row that is as it should be. A test begins with `gm_findings found = {0}`. */
typedef struct gm_findings {
    gm_finding *all;
    uint32_t len, capacity;
    uint32_t row; /* The one that is judged. */
} gm_findings;

/* gm_error refuses the row that is judged: it goes to the dead letters, and those beside it go on. gm_warning counts it, and it
   goes on. `rule` is for counting: lower-case letters, digits, `-` and `.`, at most 64. `message`, a text or a gm_string, is for
   people: what is wrong and what to do, at most 4,096 bytes. `column` is the one at fault, by its name in the table and one of
   those that are read, or NULL. */
#define gm_error(found, rule, message, column) gm__find((found), true, (rule), message, (column))
#define gm_warning(found, rule, message, column) gm__find((found), false, (rule), message, (column))
#define gm__find(found, is_error, rule, message, column) \
    _Generic((message), gm_string: gm__find_string, default: gm__find_text)(found, is_error, rule, (message), column)
void gm__find_text(gm_findings *found, bool is_error, const char *rule, const char *message, const char *column);
void gm__find_string(gm_findings *found, bool is_error, const char *rule, gm_string message, const char *column);

typedef struct gm_validator {
    const char *name;    /* Letters, digits, `-` and `_`. */
    const char *version; /* As in semantic versioning. */
    const char *summary; /* One line. */
    const gm_settings_of *settings;
    /* Why settings cannot be used, or NULL. */
    const char *(*check)(const gm_context *context);
    const gm_rows *rows;
    void (*each)(const void *rows, const uint8_t *lacking, uint32_t count, gm_findings *found, const gm_context *context);
} gm_validator;

extern const gm_validator gm__validator;

/* GM_VALIDATOR(rows, judge, .name = "…", .version = "…", .summary = "…"), in a file `validator.c`: says what is wrong with a row.
       void judge(const rows *row, gm_findings *found, const gm_context *context);
   More: .settings = GM_SETTINGS_OF(…), .check = … */
#define GM_VALIDATOR(rows_, judge, ...) \
    static void gm__judge( \
        const void *gm__rows, const uint8_t *gm__lacking, uint32_t gm__count, gm_findings *gm__found, const gm_context *gm__context) { \
        const rows_ *gm__all = gm__rows; \
        for (uint32_t gm__i = 0; gm__i < gm__count; gm__i++, gm__found->row++) \
            if (!gm__lacking[gm__i]) \
                judge(&gm__all[gm__i], gm__found, gm__context); \
    } \
    const gm_validator gm__validator = {.rows = &gm__rows_##rows_, .each = gm__judge, __VA_ARGS__};

/* The plugin ------------------------------------------------------------------------------------------------------ */

typedef struct gm_plugin {
    const char *name;    /* Letters, digits, `-` and `_`. */
    const char *version; /* As in semantic versioning. */
    const char *summary; /* One line. */
    const gm_settings_of *settings;
    /* Why settings cannot be used, or NULL. */
    const char *(*check)(const gm_context *context);
    const gm_table *tables[GM_TABLES];
    const gm_record *record;
    uint32_t (*each)(const void *records, void *rows, gm_outcome *outcomes, uint32_t count, const gm_context *context);
    gm_outcome (*one)(const void *record, gm_tables *tables, const gm_context *context);
    void (*all)(const void *in, void *out, gm_refusals *refusals, const gm_context *context);
} gm_plugin;

extern const gm_plugin gm__plugin;

/* GM_PLUGIN(input, row, map, .name = "…", .version = "…", .summary = "…"), in a file `plugin.c`: a record is a row, or none.
       gm_outcome map(const input *in, row *row, const gm_context *context);
   `row` is all zero at first, which makes every optional not present. More: .settings = GM_SETTINGS_OF(…), .check = … */
#define GM_PLUGIN(input_, row_, map, ...) \
    static uint32_t gm__each( \
        const void *gm__records, void *gm__rows, gm_outcome *gm__outcomes, uint32_t gm__count, const gm_context *gm__context) { \
        const input_ *gm__in = gm__records; \
        row_ *gm__made = gm__rows; \
        for (uint32_t gm__i = 0; gm__i < gm__count; gm__i++) { \
            if (gm__outcomes[gm__i].verdict != GM_VERDICT_ROW) \
                continue; \
            gm__outcomes[gm__i] = map(&gm__in[gm__i], gm__made, gm__context); \
            if (gm__outcomes[gm__i].verdict == GM_VERDICT_ROW) \
                gm__made++; \
            else \
                *gm__made = (row_){0}; \
        } \
        return (uint32_t)(gm__made - (row_ *)gm__rows); \
    } \
    const gm_plugin gm__plugin = { \
        .record = &gm__record_##input_, .tables = {&gm__table_##row_}, .each = gm__each, __VA_ARGS__};

/* GM_PLUGIN_TABLES(input, map, .tables = {GM_TABLE_OF(…), …}, .name = …): a record is any number of rows of any of the tables.
       gm_outcome map(const input *in, gm_tables *tables, const gm_context *context);
   Of a record that is refused, or is GM_NO_ROW, nothing that was added stays. */
#define GM_PLUGIN_TABLES(input_, map, ...) \
    static gm_outcome gm__one(const void *gm__record, gm_tables *gm__tables, const gm_context *gm__context) { \
        const input_ *gm__in = gm__record; \
        return map(gm__in, gm__tables, gm__context); \
    } \
    const gm_plugin gm__plugin = {.record = &gm__record_##input_, .one = gm__one, __VA_ARGS__};

/* GM_PLUGIN_COLUMNS(input, row, map, .name = …): a batch at once.
       void map(const input_columns *in, row_columns *out, gm_refusals *refusals, const gm_context *context);
   `out` is all zero. `rows` and every column are to be set; a column of `in` may be one of `out` as it is. `origins` says of
   which row of the input each row was made, rising; NULL where there is one for each. */
#define GM_PLUGIN_COLUMNS(input_, row_, map, ...) \
    static void gm__all(const void *gm__in_columns, void *gm__out_columns, gm_refusals *gm__refusals, const gm_context *gm__context) { \
        const input_##_columns *gm__in = gm__in_columns; \
        row_##_columns *gm__out = gm__out_columns; \
        map(gm__in, gm__out, gm__refusals, gm__context); \
    } \
    const gm_plugin gm__plugin = { \
        .record = &gm__record_##input_, .tables = {&gm__table_##row_}, .all = gm__all, __VA_ARGS__};

/* Memory ---------------------------------------------------------------------------------------------------------- */

/* gm_new(type, count): zeroed, and there until the batch is done. */
#define gm_new(type, count) ((type *)gm__new((count), sizeof(type), _Alignof(type)))
void *gm__new(size_t count, size_t size, size_t align);

/* Strings --------------------------------------------------------------------------------------------------------- */

/* A literal as a gm_string. In an initialiser of a constant, GM_TEXT. */
#define GM_TEXT(literal) {"" literal, sizeof(literal) - 1}
#define GM_S(literal) ((gm_string)GM_TEXT(literal))
/* For `%.*s`. */
#define GM_ARG(string) (int)(string).len, (string).data

/* A text that ends with a zero. */
gm_string gm_text(const char *text);
/* gm_join("-", a, b, c): gm_strings with a text between them. */
#define gm_join(between, ...) \
    gm__join(gm_text(between), (const gm_string[]){__VA_ARGS__}, sizeof((const gm_string[]){__VA_ARGS__}) / sizeof(gm_string))
gm_string gm__join(gm_string between, const gm_string *parts, size_t count);
/* Knows %s, %.*s, %c, %d, %u, %ld, %lu, %lld, %llu, %zu, %x and %%, and nothing else. A zero follows the string, so that `.data` is a text. */
__attribute__((format(printf, 1, 2))) gm_string gm_format(const char *format, ...);
gm_string gm_format_list(const char *format, va_list list);

bool gm_equal(gm_string a, gm_string b);
/* Whether a string is this text. */
bool gm_is(gm_string string, const char *text);
/* By bytes, which in UTF-8 is by code points: below 0, 0, above 0. */
int gm_compare(gm_string a, gm_string b);
bool gm_starts_with(gm_string string, const char *prefix);
bool gm_ends_with(gm_string string, const char *suffix);
bool gm_contains(gm_string string, char ascii);
/* Parts at the first and at the last such character; false, and the whole as the first part, where there is none. */
bool gm_split(gm_string string, char ascii, gm_string *before, gm_string *after);
bool gm_split_last(gm_string string, char ascii, gm_string *before, gm_string *after);
/* Without white space of Unicode at both ends. */
gm_string gm_trim(gm_string string);
/* ASCII letters; others stay. */
gm_string gm_ascii_lower(gm_string string);
/* The longest beginning of at most so many bytes that cuts no character. */
gm_string gm_prefix(gm_string string, size_t bytes);
/* Whether it is UTF-8. What the host hands over is; what is made of bytes may not be, and the host takes nothing else as a string. */
bool gm_is_utf8(gm_string string);
/* Whole numbers and decimal ones, with nothing before or after them; false where it is none, or too large. */
bool gm_parse_int64(gm_string string, int64_t *value);
bool gm_parse_double(gm_string string, double *value);

/* Of a reference: the path of the document, and its id. */
gm_string gm_reference_path(gm_reference reference);
gm_string gm_reference_id(gm_reference reference);

/* Time ------------------------------------------------------------------------------------------------------------ */

/* An instant of RFC 3339, of years 1 to 9999, cut to microseconds; false where it is none. `T`, `t` or a blank, `Z`, `z` or an offset. */
bool gm_parse_timestamp(gm_string string, gm_timestamp *timestamp);
/* 2024-01-01T00:00:00.000000Z */
gm_string gm_format_timestamp(gm_timestamp timestamp);
/* The day of an instant, UTC. */
gm_date gm_date_of(gm_timestamp timestamp);
/* False where there is no such day in years 0 to 9999. */
bool gm_date_from_ymd(int32_t year, int32_t month, int32_t day, gm_date *date);

/* Columns --------------------------------------------------------------------------------------------------------- */

/* Bit i of a bitmap. */
static inline bool gm_bit(const uint8_t *bits, uint32_t i) { return bits[i / 8] >> (i % 8) & 1; }
/* Whether row i of any column has a value. */
#define gm_present(column, i) ((column).validity == NULL || gm_bit((column).validity, (i)))
/* Bits of a new bitmap are 0. */
static inline void gm_set_bit(uint8_t *bits, uint32_t i) { bits[i / 8] |= (uint8_t)(1u << (i % 8)); }
/* Bytes of a bitmap. */
static inline uint32_t gm_bitmap(uint32_t rows) { return (rows + 7) / 8; }
/* The string in row i. */
static inline gm_string gm_string_at(gm_column_gm_string column, uint32_t i) {
    return (gm_string){column.data + column.offsets[i], column.offsets[i + 1] - column.offsets[i]};
}
/* gm_pick(column, rows, count): a column of these rows of a column of int64_t, double, gm_timestamp, gm_string or optionals of them. */
#define gm_pick(column, rows, count) \
    _Generic((column), \
        gm_column_int64_t: gm__pick_int64, \
        gm_column_double: gm__pick_double, \
        gm_column_gm_timestamp: gm__pick_timestamp, \
        gm_column_gm_string: gm__pick_string)((column), (rows), (count))
gm_column_int64_t gm__pick_int64(gm_column_int64_t column, const uint32_t *rows, uint32_t count);
gm_column_double gm__pick_double(gm_column_double column, const uint32_t *rows, uint32_t count);
gm_column_gm_timestamp gm__pick_timestamp(gm_column_gm_timestamp column, const uint32_t *rows, uint32_t count);
gm_column_gm_string gm__pick_string(gm_column_gm_string column, const uint32_t *rows, uint32_t count);
/* The same value in every row. */
gm_column_gm_string gm_repeat_string(gm_string value, uint32_t rows);
gm_column_gm_timestamp gm_repeat_timestamp(gm_timestamp value, uint32_t rows);

/* Messages to the people who run the plugin ----------------------------------------------------------------------- */

/* As `gm_format`. The host limits their number and length. Keep the content of records out of them. */
enum gm_level { GM_DEBUG, GM_INFO, GM_WARN, GM_ERROR };
__attribute__((format(printf, 2, 3))) void gm_log(enum gm_level level, const char *format, ...);

#endif
