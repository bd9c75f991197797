/* A batch through the mapping. */

#include "internal.h"

static gm_context context;
static bool opened;

bool gm__open_context(
    const gm_settings_of *settings, const char *(*check)(const gm_context *), gm_string config, abi_context run, gm_context *made,
    abi_string *wrong) {
    gm__free_kept();
    *made = (gm_context){.run_id = gm__kept(gm__of_abi(run.run_id)), .started_at = {run.started_at}};
    if (settings != NULL) {
        gm_string what;
        made->settings = gm__read_settings(settings, config, &what);
        if (made->settings == NULL) {
            *wrong = gm__abi(what);
            return false;
        }
    }
    const char *refused = check == NULL ? NULL : check(made);
    if (refused != NULL) {
        *wrong = gm__abi_text(refused);
        return false;
    }
    return true;
}

bool gm__open_plugin(gm_string config, abi_context run, abi_description *description, abi_string *wrong) {
    opened = false;
    if (!gm__open_context(gm__plugin.settings, gm__plugin.check, config, run, &context, wrong))
        return false;
    gm__describe(description);
    opened = true;
    return true;
}

static gm_outcome refuse(const char *code, gm_string message, const char *input) {
    gm_refusal *refusal = gm_new(gm_refusal, 1);
    *refusal = (gm_refusal){gm_text(code), message, gm_text(input)};
    return (gm_outcome){GM_VERDICT_REFUSED, refusal};
}
__attribute__((cold)) gm_outcome gm__refuse_text(const char *code, const char *message, const char *input) {
    return refuse(code, gm_text(message), input);
}
__attribute__((cold)) gm_outcome gm__refuse_string(const char *code, gm_string message, const char *input) {
    return refuse(code, message, input);
}

struct gm_refusals {
    abi_rejection *ptr;
    uint32_t len, capacity;
};

void gm__refuse_row(gm_refusals *refusals, uint32_t row, gm_outcome refused) {
    if (refusals->len == refusals->capacity) {
        uint32_t old = refusals->capacity, more = old * 2 + 16;
        refusals->ptr =
            gm__grow(refusals->ptr, old * sizeof(abi_rejection), more * sizeof(abi_rejection), _Alignof(abi_rejection));
        refusals->capacity = more;
    }
    const gm_refusal *why = refused.refusal;
    refusals->ptr[refusals->len++] = (abi_rejection){
        .row = row,
        .code = gm__abi(why->code),
        .input = {.is_some = why->input.data != NULL, .val = gm__abi(why->input)},
        .message = gm__abi(why->message),
    };
}

/* Rows that wait to be written. They stay where they are while a mapping may hold them. */
typedef struct segment {
    char *rows;
    uint32_t used, room;
} segment;

/* A table while it is written. */
typedef struct table {
    const gm_table *declared;
    const gm_column *columns;
    uint32_t columns_count;
    gm__writer **writers;
    segment segments[32]; /* Each has twice the room of the one before it. */
    uint32_t segment;     /* The one that is filled. */
    uint32_t waiting;     /* Rows in all segments. */
    uint32_t mark;        /* As many were there before the record whose turn it is. */
    uint32_t made;        /* Rows that stand. */
    uint32_t *origins;    /* Listed from the first record on of which there is not exactly one row. */
    uint32_t origins_room;
    bool listed;
} table;

struct gm_tables {
    table all[GM_TABLES];
    uint32_t count;
};

static void open_table(table *t, const gm_table *declared, uint32_t rows) {
    *t = (table){.declared = declared};
    t->columns = declared->columns(&t->columns_count);
    t->writers = gm_new(gm__writer *, t->columns_count);
    for (uint32_t i = 0; i < t->columns_count; i++)
        t->writers[i] = gm__writer_of(t->columns[i].type, rows);
    t->segments[0] = (segment){.rows = gm__new(GM_CHUNK, declared->size, 16), .room = GM_CHUNK};
}

/* Takes the last rows back, and makes their places zero again. */
static void take_back(table *t, uint32_t until) {
    while (t->waiting > until) {
        segment *s = &t->segments[t->segment];
        uint32_t rows = t->waiting - until < s->used ? t->waiting - until : s->used;
        s->used -= rows;
        t->waiting -= rows;
        memset(s->rows + (size_t)s->used * t->declared->size, 0, (size_t)rows * t->declared->size);
        if (s->used == 0 && t->segment > 0)
            t->segment--;
    }
}

/* Writes the rows that wait. */
static void flush(table *t) {
    for (uint32_t s = 0; s <= t->segment; s++)
        for (uint32_t i = 0; i < t->columns_count; i++)
            gm__write(t->writers[i], t->segments[s].rows + t->columns[i].at, t->declared->size, t->segments[s].used);
    take_back(t, 0);
    t->mark = 0;
}

static void list_origins(table *t, uint32_t record) {
    if (t->listed)
        return;
    /* Until here there was one for each. */
    t->listed = true;
    t->origins_room = record + GM_CHUNK;
    t->origins = gm__alloc(t->origins_room * sizeof(uint32_t), 8);
    for (uint32_t i = 0; i < record; i++)
        t->origins[i] = i;
}

static void made_of(table *t, uint32_t record, uint32_t rows) {
    if (rows != 1)
        list_origins(t, record);
    if (t->listed) {
        if (t->origins_room - t->made < rows) {
            uint32_t more = t->origins_room * 2 + rows;
            t->origins = gm__grow(t->origins, t->origins_room * sizeof(uint32_t), more * sizeof(uint32_t), 8);
            t->origins_room = more;
        }
        for (uint32_t i = 0; i < rows; i++)
            t->origins[t->made + i] = record;
    }
    if (__builtin_add_overflow(t->made, rows, &t->made))
        gm__fail("a table has more rows than can be counted; run with fewer rows a batch");
}

static abi_rows finish_table(table *t) {
    gm__arrays arrays = {0};
    uint32_t *columns = gm_new(uint32_t, t->columns_count);
    for (uint32_t i = 0; i < t->columns_count; i++)
        columns[i] = gm__finish(t->writers[i], &arrays);
    return (abi_rows){
        .batch = {.rows = t->made, .arrays = {arrays.ptr, arrays.len}, .columns = {columns, t->columns_count}},
        .origins = {.is_some = t->listed, .val = {t->origins, t->made}},
    };
}

void *gm__add(gm_tables *tables, const gm_table *declared) {
    table *t = NULL;
    for (uint32_t i = 0; i < tables->count && t == NULL; i++) {
        /* The same list in two files of a plugin makes two declarations of one table. */
        const gm_table *other = tables->all[i].declared;
        if (other == declared || strcmp(other->name, declared->name) == 0)
            t = &tables->all[i];
    }
    if (t == NULL)
        gm__fail("gm_add: a table that .tables of the plugin does not have");
    segment *s = &t->segments[t->segment];
    if (s->used == s->room) {
        segment *next = s + 1;
        if (next->rows == NULL)
            *next = (segment){.rows = gm__new((size_t)s->room * 2, declared->size, 16), .room = s->room * 2};
        s = next;
        t->segment++;
    }
    t->waiting++;
    return s->rows + (size_t)s->used++ * declared->size;
}

/* The columns of the input, opened. */
static const char *open_input(const abi_batch *batch, char *columns, const gm_input *inputs, uint32_t count, uint32_t *wrong) {
    for (uint32_t i = 0; i < count; i++) {
        *wrong = i;
        if (i >= batch->columns.len)
            return "the batch has no such column";
        const char *what = gm__open(inputs[i].type, batch, batch->columns.ptr[i], batch->rows, columns + inputs[i].column_at);
        if (what != NULL)
            return what;
    }
    return NULL;
}

/* A record in which a part is null that may not be. The host cannot know it: the contract has no word for it. */
static gm_outcome missing_part(const gm_input *input) {
    return gm_refuse(
        "missing-part",
        "a list in it has a null element, or a map in it has a null or no field, where the plugin needs a value; "
        "give it one, or make that type an optional in the plugin",
        gm__input_name(input));
}

/* Reads records `start` to `start + count`. Those that lack a part are refused by that. */
static void read_records(
    const char *columns, const gm_input *inputs, uint32_t inputs_count, uint32_t start, uint32_t count, char *records, size_t size,
    gm_outcome *outcomes) {
    for (uint32_t r = 0; r < count; r++)
        outcomes[r] = GM_ROW;
    for (uint32_t i = 0; i < inputs_count; i++) {
        uint8_t lack[GM_CHUNK];
        bool can_lack = gm__can_lack(inputs[i].type);
        if (can_lack)
            memset(lack, 0, sizeof lack);
        gm__read(inputs[i].type, columns + inputs[i].column_at, start, count, records + inputs[i].at, size, can_lack ? lack : NULL);
        for (uint32_t r = 0; can_lack && r < count; r++)
            if (lack[r] && outcomes[r].verdict == GM_VERDICT_ROW)
                outcomes[r] = missing_part(&inputs[i]);
    }
}

static void map_each(
    const char *records, uint32_t start, uint32_t count, gm_outcome *outcomes, gm_tables *tables, gm_refusals *refusals) {
    table *t = &tables->all[0];
    uint32_t made = gm__plugin.each(records, t->segments[0].rows, outcomes, count, &context);
    t->segments[0].used = t->waiting = made;
    flush(t);
    if (made == count && !t->listed) {
        t->made += made;
        return;
    }
    for (uint32_t r = 0; r < count; r++) {
        made_of(t, start + r, outcomes[r].verdict == GM_VERDICT_ROW);
        if (outcomes[r].verdict == GM_VERDICT_REFUSED)
            gm__refuse_row(refusals, start + r, outcomes[r]);
    }
}

static void map_one(
    const char *records, uint32_t start, uint32_t count, gm_outcome *outcomes, gm_tables *tables, gm_refusals *refusals) {
    for (uint32_t r = 0; r < count; r++) {
        if (outcomes[r].verdict == GM_VERDICT_ROW)
            outcomes[r] = gm__plugin.one(records + r * gm__plugin.record->size, tables, &context);
        bool stands = outcomes[r].verdict == GM_VERDICT_ROW;
        for (uint32_t i = 0; i < tables->count; i++) {
            table *t = &tables->all[i];
            if (!stands)
                take_back(t, t->mark);
            made_of(t, start + r, t->waiting - t->mark);
            t->mark = t->waiting;
            if (t->waiting >= GM_CHUNK / 2)
                flush(t);
        }
        if (outcomes[r].verdict == GM_VERDICT_REFUSED)
            gm__refuse_row(refusals, start + r, outcomes[r]);
    }
}

static void map_columns(const char *in, abi_output *output, gm_refusals *refusals) {
    const gm_table *declared = gm__plugin.tables[0];
    char *out = gm__new(1, declared->columns_size, 16);
    gm__plugin.all(in, out, refusals, &context);
    struct head {
        uint32_t rows;
        const uint32_t *origins;
    } made;
    memcpy(&made, out, sizeof made);
    gm__arrays arrays = {0};
    uint32_t count;
    const gm_column *lines = declared->columns(&count);
    uint32_t *columns = gm_new(uint32_t, count);
    for (uint32_t i = 0; i < count; i++)
        columns[i] = gm__finish_column(lines[i].type, out + lines[i].column_at, &arrays);
    output->tables.ptr = gm_new(abi_rows, 1);
    output->tables.len = 1;
    output->tables.ptr[0] = (abi_rows){
        .batch = {.rows = made.rows, .arrays = {arrays.ptr, arrays.len}, .columns = {columns, count}},
        .origins = {.is_some = made.origins != NULL, .val = {(uint32_t *)(uintptr_t)made.origins, made.rows}},
    };
}

bool gm__transform(const abi_batch *batch, abi_output *output, abi_string *wrong) {
    if (!opened) {
        *wrong = gm__abi_text("`transform` was called before `open`");
        return false;
    }
    const gm_plugin *plugin = &gm__plugin;
    uint32_t inputs_count, at;
    const gm_input *inputs = plugin->record->inputs(&inputs_count);
    char *columns = gm__new(1, plugin->record->columns_size, 16);
    memcpy(columns, &batch->rows, sizeof batch->rows);
    const char *what = open_input(batch, columns, inputs, inputs_count, &at);
    if (what != NULL) {
        const char *name = gm__input_name(&inputs[at]);
        *wrong = gm__abi(gm_format("input `%s` as the host handed it over breaks the contract: %s", name, what));
        return false;
    }
    *output = (abi_output){0};
    gm_refusals refusals = {0};
    if (plugin->all != NULL) {
        map_columns(columns, output, &refusals);
        output->rejections.ptr = refusals.ptr;
        output->rejections.len = refusals.len;
        return true;
    }

    gm_tables *tables = gm_new(gm_tables, 1);
    while (tables->count < GM_TABLES && plugin->tables[tables->count] != NULL) {
        open_table(&tables->all[tables->count], plugin->tables[tables->count], batch->rows);
        tables->count++;
    }
    size_t size = plugin->record->size;
    char *records = gm__new(GM_CHUNK, size, 16);
    gm_outcome outcomes[GM_CHUNK];
    for (uint32_t start = 0; start < batch->rows; start += GM_CHUNK) {
        uint32_t left = batch->rows - start, count = left < GM_CHUNK ? left : GM_CHUNK;
        read_records(columns, inputs, inputs_count, start, count, records, size, outcomes);
        if (plugin->each != NULL)
            map_each(records, start, count, outcomes, tables, &refusals);
        else
            map_one(records, start, count, outcomes, tables, &refusals);
    }
    output->tables.ptr = gm_new(abi_rows, tables->count);
    output->tables.len = tables->count;
    for (uint32_t i = 0; i < tables->count; i++) {
        flush(&tables->all[i]);
        output->tables.ptr[i] = finish_table(&tables->all[i]);
    }
    output->rejections.ptr = refusals.ptr;
    output->rejections.len = refusals.len;
    return true;
}
