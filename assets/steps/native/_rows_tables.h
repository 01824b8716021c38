/*
 * Cells that are the same in every entry that has the same values somewhere: Python says each once, as bytes, and
 * here it is found again by these values. So a column of words about a market costs a search in a table, and no
 * rule about markets or languages stands in C. Included by _rows.c.
 */
enum { MOST_INPUTS = 16, MOST_TOKEN = 1024, MOST_MISSING = 16384 };

/* What is looked at: a value; whether there is one; the best wish, or the best of some markets. */
enum { I_VALUE, I_PRESENT, I_WISH, INPUTS };
typedef struct { int kind, slot; Slices data; } Input;
struct Table { Input *inputs; Py_ssize_t count; };

/* The values of one entry, one after the other, each of a size that it says itself. */
typedef struct { char at[MOST_TOKEN]; size_t size; } Token;

enum { NOT_ASKED, TOLD, MISSING, PYTHONS }; /* of PYTHONS the row is made there */
typedef struct { Slice token, cell; uint64_t hash; int state; } Told;
typedef struct { Told *told; uint64_t mask; } Answers;

/* What Python has said so far; it never changes, who knows more makes another. */
struct Known {
    PyObject_HEAD
    PyObject *keeper;
    Answers *tables; Py_ssize_t count;
};

static uint64_t hash_of(const char *at, size_t size) {
    uint64_t hash = 0, word = 0;
    for (; size >= 8; at += 8, size -= 8) hash = mixed(hash, word_at((const uint8_t *)at));
    for (size_t i = 0; i < size; i++) word |= (uint64_t)(uint8_t)at[i] << 8 * i;
    return mixed(hash, word | (uint64_t)size << 56);
}

static int add_bytes(Token *token, const void *at, size_t size) {
    if (size > MOST_TOKEN - token->size) return 0;
    memcpy(token->at + token->size, at, size);
    token->size += size;
    return 1;
}

static int add_value(Token *token, Value v) {
    uint8_t type = is_absent(v) ? ABSENT : v.type;
    return add_bytes(token, &type, 1) && (!type || add_bytes(token, v.at, v.size));
}

/* The market of the best wish, or of the best among those that the input names. */
static Value wished(const Row *row, const Input *input) {
    for (int i = 0; i < row->wish_count; i++) {
        Value market = row->wishes[row->wish_order[i]].item[P_MARKET];
        if (!input->data.count) return market;
        if (market.type == OBJECT_ID && place_of(&input->data, (Slice){(const char *)market.at, 12}) >= 0) return market;
    }
    return (Value){0};
}

static int token_of(const Row *row, const Table *table, Token *token) {
    token->size = 0;
    for (Py_ssize_t i = 0; i < table->count; i++) {
        const Input *input = &table->inputs[i];
        char there = 0;
        switch (input->kind) {
        case I_VALUE: if (!add_value(token, row->slots[input->slot])) return 0; break;
        case I_PRESENT:
            there = !is_absent(row->slots[input->slot]);
            if (!add_bytes(token, &there, 1)) return 0;
            break;
        default: if (!add_value(token, wished(row, input))) return 0;
        }
    }
    return 1;
}

static const Told *search(const Answers *answers, const char *token, size_t size, uint64_t hash) {
    uint64_t at = hash & answers->mask;
    for (; answers->told[at].state; at = (at + 1) & answers->mask) {
        const Told *told = &answers->told[at];
        if (told->hash == hash && (size_t)told->token.size == size && !memcmp(told->token.at, token, size)) break;
    }
    return &answers->told[at];
}

static int ask(Row *row, int table) {
    Token token;
    if (!token_of(row, &row->kernel->tables[table], &token)) return PYTHONS;
    const Told *told = search(&row->known->tables[table], token.at, token.size, hash_of(token.at, token.size));
    row->same[table] = told->cell;
    return told->state ? told->state : MISSING;
}

/* What Python said of entries with these values; 0 where it said nothing, or that it is its own business. */
static int same_of(Row *row, int table, Slice *cell) {
    if (row->asked[table] == NOT_ASKED) row->asked[table] = (uint8_t)ask(row, table);
    *cell = row->same[table];
    row->missed |= row->asked[table] == MISSING;
    return row->asked[table] == TOLD;
}
