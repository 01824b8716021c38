/*
 * The keys by which rows are merged or sorted: bytes that sort as the values do (assets/steps/arrange.py, `packed`).
 * Included by _rows.c.
 */
typedef struct { Buffer bytes; uint32_t (*ends)[2]; } Keys; /* of each row where its leading parts end, and all */

static void high_first(char *at, uint64_t number) { put_word(at, __builtin_bswap64(number)); }

static void put_high_first(Buffer *b, uint64_t number) {
    char text[8];
    high_first(text, number);
    put(b, text, 8);
}

/* A double, what is left of a whole number beside it behind it; both in the order of their values. */
static void put_number(Buffer *b, double number, int64_t rest) {
    uint64_t bits;
    number += 0.0; /* of two zeros one */
    memcpy(&bits, &number, 8);
    put_high_first(b, bits >> 63 ? ~bits : bits | 1ull << 63);
    put_high_first(b, (uint64_t)rest ^ 1ull << 63);
}

static void put_whole(Buffer *b, int64_t number) {
    double near = (double)number;
    /* 2^63, to which the highest are rounded, is no int64_t. */
    put_number(b, near, near >= 9223372036854775808.0 ? number - INT64_MAX - 1 : number - (int64_t)near);
}

/* A number, and what has none behind those that have; 0 where only Python knows whether it is one. */
static int put_number_last(Buffer *b, Value v) {
    double number = 0;
    if (v.type == DOUBLE) {
        uint64_t bits = (uint64_t)int64_at(v.at);
        memcpy(&number, &bits, 8);
    }
    int lacks = is_absent(v) || number != number;
    put(b, lacks ? "\1" : "\0", 1);
    if (lacks) put_whole(b, 0);
    else if (v.type == DOUBLE) put_number(b, number, 0);
    else if (v.type == INT32) put_whole(b, int32_at(v.at));
    else if (v.type == INT64) put_whole(b, int64_at(v.at));
    else return 0;
    return 1;
}

static int put_part(Buffer *b, Row *row, const KeyPart *part) {
    Slice cell;
    switch (part->kind) {
    case K_REGISTERED: {
        char text[KEY];
        high_first(text, (uint64_t)int64_at(row->slots[S_CREATED].at) ^ 1ull << 63);
        memcpy(text + 8, row->slots[S_ID].at, 12);
        put(b, text, sizeof text);
        return 1;
    }
    case K_ID: {
        char hex[26] = {0};
        put_hex(hex, row->slots[S_ID].at, 12);
        put(b, hex, sizeof hex);
        return 1;
    }
    case K_SAME:
        if (!same_of(row, part->slot, &cell)) return 0;
        put(b, cell.at, (size_t)cell.size);
        return 1;
    case K_USER: cell = row->user->cells[part->slot]; put(b, cell.at, (size_t)cell.size); return 1;
    case K_NUMBER: return put_number_last(b, row->slots[part->slot]);
    case K_HAS_CODE: put(b, has_code(row, &part->data) ? "\0" : "\1", 1); return 1;
    default: return 0;
    }
}

/* The key of a row behind those before it; 0 where Python has to say it. */
static int put_key(Keys *keys, Row *row, Py_ssize_t at) {
    const Kernel *k = row->kernel;
    size_t before = keys->bytes.size;
    for (Py_ssize_t i = 0; i < k->key_count; i++) {
        if (i == k->lead) keys->ends[at][0] = (uint32_t)keys->bytes.size;
        if (!put_part(&keys->bytes, row, &k->keys[i])) { keys->bytes.size = before; return 0; }
    }
    if (k->lead >= k->key_count) keys->ends[at][0] = (uint32_t)keys->bytes.size;
    keys->ends[at][1] = (uint32_t)keys->bytes.size;
    return 1;
}
