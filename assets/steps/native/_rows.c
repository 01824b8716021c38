/*
 * Entries from raw BSON to CSV records, without a Python object of any value.
 *
 * It knows the usual case only. Whatever is unusual - an old schema, an odd type, a text that must be
 * cleaned, a value that would be refused - makes it give the document back, and the Python path, which
 * states every rule, makes the row. So nothing here decides what an odd value means.
 *
 * Safety: a document is walked whole, each length against the end of what holds it, before any value
 * is used; what is used later are pointers found by that walk. The walk is as strict as PyMongo's
 * decoder or stricter, so a document that is undecodable there is never a row here.
 */
#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { MOST_TABLES = 64, MOST_DEPTH = 48, MOST_PREFERENCES = 32, MOST_ITEMS = 64, MOST_CELL = 8000, MOST_NODES = 2048, KEY = 20,
       LETTERS = 0x20000 };

/* BSON types (bsonspec.org) that the usual document holds. */
enum {
    ABSENT = 0x00, DOUBLE = 0x01, TEXT = 0x02, BLOCK = 0x03, LIST = 0x04, BINARY = 0x05,
    OBJECT_ID = 0x07, TRUTH = 0x08, DATE = 0x09, NOTHING = 0x0A, INT32 = 0x10, INT64 = 0x12
};
enum { LONGER = -1, OTHER = -2 }; /* says its size itself; is for Python */

/* Slots that the walk fills for every plan; Python counts on from there (fields.py, _FIXED). */
enum { S_ID, S_CREATED, S_USER, S_VERSION, S_FIXED };

/* Lists whose items the walk keeps, and the fields of each (fields.py, _ITEMS). */
enum { L_PREFERENCES, L_CONSENTS, L_ANSWERS, L_CODES, LISTS, ITEM_FIELDS = 4 };
enum { P_MARKET, P_RANK, P_EVENTS, P_QUANTITY };
enum { C_KEY, C_PROMOTER, C_GRANTED, C_WITHDRAWN };
enum { A_KEY, A_VERSION, A_VALUE };
enum { O_STATE, O_SENT };

enum {
    OP_UNLESS_ABSENT, OP_VALUE, OP_PRESENT, OP_MARKET, OP_WISHES, OP_WISH_MARKET, OP_WISH_EVENTS,
    OP_WISH_QUANTITY, OP_GRANTED, OP_GRANTED_TO, OP_ANSWER, OP_USER, OP_BAND, OP_SAME, OP_ELSE, OP_HAS_CODE,
    OP_LAST_CODE, OP_RANK_OF, OP_LINK, OPS
};
enum {
    F_NONE, F_ID, F_TEXT, F_ENUM, F_EMAIL, F_PHONE, F_DIGITS, F_LOCAL, F_UTC, F_TRUTH, F_INTEGER,
    F_LIST, F_LOCALE, F_COUNTRY, F_DAY, F_TRUE_FALSE, F_HASH, FORMATS
};
enum { M_NONE, M_EMAIL, M_PHONE, M_NAME, M_POSTAL, M_DIGEST, M_KEYED, MASKS };
enum {
    R_ABSENT, R_NOT_TEXT, R_NOT_FALSE, R_NOT_ERASED_USER, R_ONE_OF, R_FROM, R_BEFORE, R_HAS_CODE,
    R_NO_FLAG, R_MARKETS, R_SAME, R_USER, R_KNOWN_USER, R_EMAIL, R_NOT_STOPPED, R_GRANTED, RULES
};
enum { K_REGISTERED, K_ID, K_SAME, K_USER, K_NUMBER, K_HAS_CODE, KEYS }; /* parts of a sort key */
enum { USER_ERASED = 1, USER_FLAGGED = 2, USER_UNUSUAL = 4, MOST_USER_CELLS = 16 };

#include "_rows_sha256.h"

typedef struct { const uint8_t *at; uint32_t size; uint8_t type; } Value;
typedef struct { const char *at; Py_ssize_t size; } Slice;
typedef struct { PyObject *keeper; Slice *items; Py_ssize_t count; char *wide; } Slices; /* `wide`: see `widened` */

typedef struct {
    Slice name;
    uint64_t first, hash; /* of its name (name_at) */
    uint32_t types;       /* bit n: BSON type n may stand here */
    int slot, each;       /* where the value goes or -1; EACH_KEPT + n: a list whose items are kept */
    int parent, children, place; /* the place among its siblings */
    int in_item;          /* IN_KEPT: its slot is one of an item; IN_BLOCK: it has none */
} Node;
enum { EACH_NONE, EACH_BLOCK, EACH_KEPT };
enum { IN_ENTRY, IN_KEPT, IN_BLOCK };

typedef struct Row Row;
typedef struct Column Column;
typedef struct { char *at; size_t size, room; int failed; } Buffer;
typedef int Write(Row *, Buffer *, Value, const Column *); /* a value that is not absent as a cell, 0 if that is Python's */
struct Column { int op, slot, format, length, guard, mask, table; Write *write; Slices data; };
typedef struct { int kind, slot; int64_t number; Slices data; } Rule;
typedef struct { int kind, slot; Slices data; } KeyPart;
typedef struct Table Table;
typedef struct Known Known;

typedef struct {
    PyObject_HEAD
    PyObject *spec;       /* keeps every Slice alive */
    Node *nodes; int node_count, slot_count;
    int *found; uint64_t found_mask; /* nodes by the hash of their names; -1 where none is */
    Column *columns; Py_ssize_t column_count;
    Rule *rules; Py_ssize_t rule_count;
    Table *tables; Py_ssize_t table_count;
    KeyPart *keys; Py_ssize_t key_count; int lead; /* of the parts, those that one row alone has */
    int user_cells;
    Slices markets;       /* ids */
    Slices *events;       /* per market: event id, date, event id, date ... */
    Slices questions;     /* keys of the answers that are looked at */
    Slices counted;       /* "1" where an answer to the question is noted */
    Slices overridden;    /* ids of entries that Python must make */
    const uint8_t *simple; /* bit per code point below LETTERS: what text keeps as it is */
    const uint8_t *marks; /* the same of marks, which it keeps behind a simple letter */
    uint32_t (*pairs)[3]; Py_ssize_t pair_count; /* letters that are composed of two, sorted by these, and the letter */
    int64_t *since; int32_t *offsets; Py_ssize_t spans; /* the zone, second by second */
    Keyed pseudonyms; /* what ids become in files of hashes */
    int most_markets, quote_all;
    char delimiter;
} Kernel;

/* Sixteen bytes, signed; compared each of them is all ones or none. */
typedef int8_t Wide __attribute__((vector_size(16)));
/* A text of at most SHORT bytes is looked at and copied as if it had so many: lengths follow no pattern. */
enum { WIDE = sizeof(Wide), SHORT = 2 * WIDE };
/* What is rare, or deep, keeps its registers for itself. */
#define APART __attribute__((noinline))

/*
 * A head that was met: a type, a name and the zero behind it. Documents of one collection have the same fields in the
 * same order nearly always: the heads that followed before are compared before any is looked up, several of them as
 * some fields are optional, and others have values of several types.
 */
enum { STEP_HEAD = SHORT, STEPS = 1024, STEP_TRIES = 8, FOLLOWING = 4 };
/* Bytes that are sent for at once before it is a document's turn: most are shorter, and the processor goes on by itself. */
enum { SENT_FOR = 1536, CACHE_LINE = 64 };
typedef struct Mould Mould;
typedef struct Step Step;
typedef struct { Step *met[FOLLOWING]; } Following; /* the last one first */
struct Step {
    Wide head[STEP_HEAD / WIDE];
    uint32_t size, mask; /* of the head, 0 where none was met; a bit for each byte of it */
    int fixed;           /* the size of a value that is sound whatever it is, or LONGER */
    int slot;            /* as a Node has it */
    uint64_t bit;        /* its place among its siblings; 0: nobody asks for it */
    Following next;      /* what came behind it */
    int node, child;     /* in which block; what it is if it is one itself, -1: nothing is wanted of it */
    int each;            /* as a Node has it */
    uint8_t type, holds; /* whether there are elements in it */
};

typedef struct { int known, bits; Slice *cells; } User;
typedef struct { const Value *item; int32_t rank; int ranked; } Wish;
enum { DAYS = 128 };
typedef struct { int64_t number; char text[10]; } Day; /* its text begins with 0 where none is known */

enum { SEEN = 32, LOCALES = 16 };
typedef struct { uint8_t id[12]; Py_ssize_t at; } Seen; /* among the markets of the plan */

struct Row {
    const Kernel *kernel;
    Value *slots;
    Value items[LISTS][MOST_ITEMS][ITEM_FIELDS];
    int counts[LISTS];
    Wish wishes[MOST_PREFERENCES];
    int wish_order[MOST_PREFERENCES];
    int wish_count, unknown_locales;
    Value *answers; int64_t *versions; uint8_t *answered;
    const uint8_t *last; /* from where SHORT bytes can be read, of the document or of the whole batch */
    Step *steps;       /* STEPS of them, by the hash of their names */
    Mould *moulds;     /* MOULDS of them, by how blocks begin */
    Following *firsts; /* of each node what came first in it */
    Step nowhere, stranger; /* what stands nowhere, and what there is no room for */
    const User *user;
    const Known *known;
    Slice same[MOST_TABLES]; uint8_t asked[MOST_TABLES]; /* what each table says of the row */
    int missed;
    Day days[DAYS];  /* that were written last */
    Seen seen[SEEN]; /* the markets that were looked for last, by their last bytes */
    Py_ssize_t questions[SEEN]; /* the same of questions, by the sizes of their keys */
    Py_ssize_t span;             /* of the zone, that was looked at last */
    Py_ssize_t locales[LOCALES]; /* the same of spellings, by some of their letters */
    char composed[MOST_CELL];
};

#include "_rows_walk.h"

/* The next value of a list that was walked; 0 at its end. */
typedef struct { const uint8_t *p, *end; } Cursor;

static Cursor inside(Value held) { return (Cursor){held.at + 4, held.at + held.size - 1}; }

static inline int next(Cursor *c, Value *value) {
    if (c->p >= c->end) return 0;
    value->type = *c->p++;
    while (*c->p++) continue; /* its number */
    value->at = c->p;
    value->size = (uint32_t)value_size(value->type, c->p, (size_t)(c->end - c->p));
    c->p += value->size;
    return 1;
}

static int is_absent(Value v) { return (v.type == ABSENT) | (v.type == NOTHING); } /* no branch: some are as often either */
static Slice text_of(Value v) { return (Slice){(const char *)v.at + 4, (Py_ssize_t)v.size - 5}; }

/* Whether two texts of a size are the same: most are short, and a call would take longer than to compare them. */
static inline int are_same(const char *a, const char *b, size_t size) {
    uint32_t ours[2], theirs[2];
    if (size > 16) return !memcmp(a, b, size);
    if (size >= 8) {
        const uint8_t *one = (const uint8_t *)a, *other = (const uint8_t *)b;
        return !((word_at(one) ^ word_at(other)) | (word_at(one + size - 8) ^ word_at(other + size - 8)));
    }
    if (size < 4) return (!size || *a == *b) && (size < 2 || (a[1] == b[1] && a[size - 1] == b[size - 1]));
    memcpy(ours, a, 4), memcpy(ours + 1, a + size - 4, 4), memcpy(theirs, b, 4), memcpy(theirs + 1, b + size - 4, 4);
    return ours[0] == theirs[0] && ours[1] == theirs[1];
}
static inline int equal(Slice a, Slice b) { return a.size == b.size && are_same(a.at, b.at, (size_t)a.size); }

static Py_ssize_t place_of(const Slices *all, Slice wanted) {
    for (Py_ssize_t i = 0; i < all->count; i++) if (equal(all->items[i], wanted)) return i;
    return -1;
}

/* ----------------------------------------------------------------------------------- the cells */

static int is_lower(char c) { return c >= 'a' && c <= 'z'; }
static int is_upper(char c) { return c >= 'A' && c <= 'Z'; }
static int is_letter(char c) { return is_lower(c) || is_upper(c); }
static int is_digit(char c) { return c >= '0' && c <= '9'; }

APART static int grow(Buffer *b, size_t size) {
    size_t room = b->room * 2 + size + 4096;
    char *grown = b->failed ? NULL : realloc(b->at, room);
    if (!grown) { b->failed = 1; return 0; }
    b->at = grown, b->room = room;
    return 1;
}

/* Whether so many bytes more can be written. */
static inline int has_room(Buffer *b, size_t size) { return b->room - b->size >= size || grow(b, size); }

static inline void put(Buffer *b, const char *text, size_t size) {
    if (!size || !has_room(b, size)) return;
    memcpy(b->at + b->size, text, size);
    b->size += size;
}

static inline Wide copied_wide(char *to, const char *text) {
    Wide wide = wide_at(text);
    memcpy(to, &wide, WIDE);
    return wide == '"';
}

/* Copy a text, the last bytes of it twice where they fill no word; whether a quote is in it. */
static inline int copied(char *to, const char *text, size_t size) {
    if (size >= WIDE) {
        Wide quotes = copied_wide(to + size - WIDE, text + size - WIDE);
        for (size_t i = 0; i < size - WIDE; i += WIDE) quotes |= copied_wide(to + i, text + i);
        return high_bits(quotes) != 0;
    }
    uint64_t first = 0, last = 0;
    if (size >= 8) {
        memcpy(&first, text, 8), memcpy(&last, text + size - 8, 8);
        memcpy(to, &first, 8), memcpy(to + size - 8, &last, 8);
    } else if (size >= 4) {
        memcpy(&first, text, 4), memcpy(&last, text + size - 4, 4);
        memcpy(to, &first, 4), memcpy(to + size - 4, &last, 4);
    } else {
        for (size_t i = 0; i < size; i++) to[i] = text[i], first = first << 8 | (uint8_t)text[i];
    }
    return (zeros(first ^ ALL('"')) | zeros(last ^ ALL('"'))) != 0;
}

/* A cell in quotes, those in it doubled. */
APART static void put_doubled(Buffer *b, const char *text, size_t size) {
    put(b, "\"", 1);
    for (const char *quote; size && (quote = memchr(text, '"', size));) {
        size_t upto = (size_t)(quote - text) + 1;
        put(b, text, upto);
        put(b, "\"", 1);
        text += upto, size -= upto;
    }
    put(b, text, size);
    put(b, "\"", 1);
}

/* One cell as the dialect writes it (RFC 4180 2.5 to 2.7). */
static inline void put_cell(Buffer *b, const Kernel *k, const char *text, size_t size) {
    int quoted = k->quote_all;
    for (size_t i = 0; !quoted && i < size; i++)
        quoted = text[i] == k->delimiter || text[i] == '"' || text[i] == '\r' || text[i] == '\n';
    if (!quoted) { put(b, text, size); return; }
    if (!has_room(b, size + 2)) return;
    char *to = b->at + b->size;
    if (copied(to + 1, text, size)) { put_doubled(b, text, size); return; }
    *to = to[size + 1] = '"';
    b->size += size + 2;
}

static inline uint32_t first_bits(size_t size) { return (uint32_t)((1ull << size) - 1); }

/* Whether one of the first bytes of SHORT is a delimiter. */
static inline int is_divided(const Kernel *k, const char *text, size_t size) {
    uint32_t found = high_bits(wide_at(text) == k->delimiter) | high_bits(wide_at(text + WIDE) == k->delimiter) << WIDE;
    return (found & first_bits(size)) != 0;
}

/* One of at most SHORT bytes, printable and without a quote, where so many can be read. */
static inline void put_short(Buffer *b, const Kernel *k, const char *text, size_t size) {
    if (!has_room(b, SHORT + 2)) return;
    char *to = b->at + b->size;
    if (!k->quote_all && !is_divided(k, text, size)) {
        memcpy(to, text, SHORT);
        b->size += size;
        return;
    }
    *to = '"';
    memcpy(to + 1, text, SHORT);
    to[size + 1] = '"';
    b->size += size + 2;
}

/*
 * Where a cell of at most SHORT bytes is made, in which no delimiter can be: beside and copied it would wait, as what
 * is read sixteen bytes at once must not just have been written in smaller pieces. NULL where there is no memory.
 */
static inline char *cell_at(Buffer *b, const Kernel *k) {
    if (!has_room(b, SHORT + 2)) return NULL;
    char *to = b->at + b->size;
    *to = '"';
    return to + k->quote_all;
}

/* Whether a cell that is made there may hold a sign: it is a number, an instant, an id or a country. */
static int is_in_made_cells(char sign) {
    return is_letter(sign) || is_digit(sign) || sign == '-' || sign == ':' || sign == ' ';
}

/* End a cell of `size` bytes that was made there. */
static inline void end_cell(Buffer *b, const Kernel *k, char *to, size_t size) {
    to[size] = '"';
    b->size += size + 2 * (size_t)k->quote_all;
}

static void put_empty(Buffer *b, const Kernel *k) {
    if (k->quote_all) put(b, "\"\"", 2);
}

#include "_rows_text.h"

static int is_dangerous(char c) { return c == '=' || c == '+' || c == '-' || c == '@' || c == '\''; }

/*
 * A cell of simple text, an apostrophe before what a spreadsheet could run (guards.py). What begins with an
 * apostrophe is for Python; letters beyond ASCII are none that a spreadsheet skips (letters.py).
 */
static int put_guarded(Buffer *b, const Kernel *k, Slice s, int guard) {
    char text[MOST_CELL + 1];
    if (!guard || !s.size || !is_dangerous(*s.at)) {
        put_cell(b, k, s.at, (size_t)s.size);
        return 1;
    }
    if (*s.at == '\'' || s.size > MOST_CELL) return 0;
    *text = '\'';
    memcpy(text + 1, s.at, (size_t)s.size);
    put_cell(b, k, text, (size_t)s.size + 1);
    return 1;
}

#define TENFOLD(first) first "0" first "1" first "2" first "3" first "4" first "5" first "6" first "7" first "8" first "9"
static const char HUNDRED[] = TENFOLD("0") TENFOLD("1") TENFOLD("2") TENFOLD("3") TENFOLD("4") TENFOLD("5") TENFOLD("6")
    TENFOLD("7") TENFOLD("8") TENFOLD("9");

static void put_two(char *at, int number) { memcpy(at, HUNDRED + 2 * number, 2); }

/* `YYYY-MM-DD` of days since the epoch (days to civil: Howard Hinnant). */
APART static void put_date(char *at, int64_t days) {
    int64_t z = days + 719468, era = z / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    int64_t month = mp < 10 ? mp + 3 : mp - 9, year = yoe + era * 400 + (month <= 2);
    put_two(at, (int)(year / 100)), put_two(at + 2, (int)(year % 100));
    at[4] = '-', put_two(at + 5, (int)month), at[7] = '-', put_two(at + 8, (int)(doy - (153 * mp + 2) / 5 + 1));
}

/* `HH:MM:SS` of the seconds of a day: three numbers below 100 side by side, then the tens of each before its ones. */
static inline uint64_t clock_of(uint32_t seconds) {
    uint64_t numbers = seconds / 3600 | (uint64_t)(seconds / 60 % 60) << 24 | (uint64_t)(seconds % 60) << 48;
    uint64_t tens = numbers * 103 >> 10 & 0x000F00000F00000Full; /* n / 10 is n * 103 / 1024 there */
    return (tens | (numbers - tens * 10) << 8) + 0x30303A30303A3030ull;
}

/* `YYYY-MM-DD?HH:MM:SS` of seconds since the epoch; the rows of a batch share few days. */
static void put_instant(Row *row, char *at, int64_t seconds, char between) {
    int64_t days = seconds / 86400;
    int rest = (int)(seconds % 86400);
    Day *day = &row->days[(uint64_t)days % DAYS];
    if (!day->text[0] || day->number != days) put_date(day->text, day->number = days);
    memcpy(at, day->text, sizeof day->text);
    at[10] = between;
    put_word(at + 11, clock_of((uint32_t)rest));
}

/* Whether an instant is in the years that the plan knows. */
static int is_known_time(const Kernel *k, int64_t seconds) {
    return k->spans > 1 && seconds >= k->since[0] && seconds < k->since[k->spans - 1];
}

/* The offset of the zone at an instant in these years. */
static int32_t offset_at(Row *row, int64_t seconds) {
    const Kernel *k = row->kernel;
    if (seconds < k->since[row->span] || seconds >= k->since[row->span + 1]) { /* not where it was last time */
        Py_ssize_t low = 0, high = k->spans;
        while (high - low > 1) {
            Py_ssize_t middle = (low + high) / 2;
            if (k->since[middle] <= seconds) low = middle; else high = middle;
        }
        row->span = low;
    }
    return k->offsets[row->span];
}

static int write_time(Row *row, Buffer *b, Value v, const Column *column) {
    int local = column->format == F_LOCAL;
    if (v.type != DATE) return 0;
    int64_t millis = int64_at(v.at), seconds = (int64_t)((uint64_t)millis / 1000);
    if (millis < 0 || !is_known_time(row->kernel, seconds)) return 0; /* before 1970 cutting is not dividing */
    char *to = cell_at(b, row->kernel);
    if (!to) return 1;
    put_instant(row, to, seconds + (local ? offset_at(row, seconds) : 0), local ? ' ' : 'T');
    to[19] = 'Z';
    end_cell(b, row->kernel, to, local ? 19 : 20);
    return 1;
}

/* The digits of four bytes: for each half of a byte a `0` and that many more, from ten on those from `:` to `a`, too. */
static inline uint64_t digits_of(const uint8_t *at) {
    uint64_t bytes = (uint32_t)int32_at(at);
    bytes = (bytes | bytes << 16) & 0x0000FFFF0000FFFFull;
    bytes = (bytes | bytes << 8) & 0x00FF00FF00FF00FFull;
    uint64_t half = (bytes >> 4 | bytes << 8) & ALL(15);
    return half + ALL('0') + ((half + ALL(6)) >> 4 & ALL(1)) * ('a' - ':');
}

/* The digits of so many bytes, four at a time. */
static inline void put_hex(char *hex, const uint8_t *at, int size) {
    for (int i = 0; i < size; i += 4) put_word(hex + 2 * i, digits_of(at + i));
}

/* An id as text; `hex` has room for the digits of one of MongoDB's own. */
static int id_of(Value v, char *hex, Slice *id) {
    if (v.type == OBJECT_ID) {
        put_hex(hex, v.at, 12);
        *id = (Slice){hex, 24};
        return 1;
    }
    if (v.type != TEXT) return 0;
    Slice s = *id = text_of(v);
    if (s.size > 200 || s.size == 36) return 0; /* of 36 it may be a UUID, whose case is its own */
    for (Py_ssize_t i = 0; i < s.size; i++)
        if (!(is_letter(s.at[i]) || is_digit(s.at[i]) || (i && strchr("_.:~-", s.at[i]) && s.at[i]))) return 0;
    return 1;
}

static int write_id(Row *row, Buffer *b, Value v, const Column *column) {
    Slice id;
    (void)column;
    if (v.type == OBJECT_ID) {
        char *to = cell_at(b, row->kernel);
        if (!to) return 1;
        put_hex(to, v.at, 12);
        end_cell(b, row->kernel, to, 24);
        return 1;
    }
    if (!id_of(v, NULL, &id)) return 0;
    put_cell(b, row->kernel, id.at, (size_t)id.size);
    return 1;
}

static int write_enum(Row *row, Buffer *b, Value v, const Column *column) {
    const Kernel *k = row->kernel;
    (void)column;
    if (v.type != TEXT) return 0;
    Slice s = text_of(v);
    if (is_short(row, s) && is_letter(*s.at) && !WHERE(unlike_a_word, s)) {
        put_short(b, k, s.at, (size_t)s.size);
        return 1;
    }
    if (!s.size || s.size > MOST_CELL || !is_letter(*s.at)) return 0;
    for (Py_ssize_t i = 1; i < s.size; i++)
        if (!(is_letter(s.at[i]) || is_digit(s.at[i]) || s.at[i] == '_')) return 0;
    put_cell(b, k, s.at, (size_t)s.size);
    return 1;
}

/* Room for what a mask makes: an address with its first letter and three stars, a number with stars. */
enum { MOST_ADDRESS = 512 };
/* What an address may be long (RFC 5321 4.5.3.1, RFC 1035 2.3.4). */
enum { MOST_PLAIN = 254, MOST_LOCAL = 64, MOST_LABEL = 63 };

/* An address with its domain in lower case, in `text` if it was not. */
static int address_of(Row *row, Value v, char *text, Slice *address) {
    Slice s;
    if (!line_of(row, v, 0, &s) || s.size > MOST_ADDRESS) return 0;
    Py_ssize_t at = s.size;
    int upper = 0;
    for (; at && s.at[at - 1] != '@'; at--) {
        if ((uint8_t)s.at[at - 1] >= 0x80) return 0;
        upper |= is_upper(s.at[at - 1]);
    }
    *address = s;
    if (!at || !upper) return 1;
    memcpy(text, s.at, (size_t)s.size);
    for (Py_ssize_t i = at; i < s.size; i++) if (is_upper(text[i])) text[i] = (char)(text[i] + 32);
    address->at = text;
    return 1;
}

static int phone_of(const Row *row, Value v, Slice *phone) {
    if (v.type != TEXT) return 0;
    Slice s = *phone = text_of(v);
    if (s.size < 9 || s.size > WIDE || *s.at != '+') return 0;
    if (is_short(row, s)) return !(high_bits(~is_digits(wide_at(s.at))) & first_bits((size_t)s.size) & ~1u);
    for (Py_ssize_t i = 1; i < s.size; i++) if (!is_digit(s.at[i])) return 0;
    return 1;
}

/* The bytes of the first characters of a text. */
static Py_ssize_t leading(Slice s, int characters) {
    const uint8_t *start = (const uint8_t *)s.at, *p = start;
    while (characters-- && p < start + s.size) character_at(&p);
    return p - start;
}

/* What is left of the first letter of a name: `Z***`. */
static Slice masked_name(Slice s, char *text) {
    Py_ssize_t size = leading(s, 1);
    memcpy(text, s.at, (size_t)size);
    memcpy(text + size, "***", 3);
    return (Slice){text, size ? size + 3 : 0};
}

/* What masks.py leaves of an address; with letters beyond ASCII in front their case is for Python. */
static int masked_address(Slice s, char *text, Slice *left) {
    Py_ssize_t at = s.size;
    while (at && s.at[at - 1] != '@') at--;
    if (!at) { *left = masked_name(s, text); return 1; }
    if ((uint8_t)*s.at >= 0x80) return 0;
    int shown = at > 1;
    *text = (char)(is_upper(*s.at) ? *s.at + 32 : *s.at);
    memcpy(text + shown, "***@", 4);
    memcpy(text + shown + 4, s.at + at, (size_t)(s.size - at));
    *left = (Slice){text, shown + 4 + s.size - at};
    return 1;
}

/* A copy in lower case; 0 where it is long or has letters beyond ASCII. */
static int lowered(Slice s, char *text, Slice *low) {
    if (s.size > MOST_ADDRESS) return 0;
    for (Py_ssize_t i = 0; i < s.size; i++) {
        if ((uint8_t)s.at[i] >= 0x80) return 0;
        text[i] = (char)(is_upper(s.at[i]) ? s.at[i] + 32 : s.at[i]);
    }
    *low = (Slice){text, s.size};
    return 1;
}

/* The digest of a text in hexadecimal, in `text`; of no text none. */
static Slice digest_of(const Keyed *keyed, Slice s, char *text) {
    uint8_t digest[SHA_SIZE];
    if (!s.size) return s;
    if (keyed) keyed_digest(keyed, s.at, (size_t)s.size, digest);
    else sha256(s.at, (size_t)s.size, digest);
    put_hex(text, digest, SHA_SIZE);
    return (Slice){text, 2 * SHA_SIZE};
}

static int is_digest(Slice s) {
    for (Py_ssize_t i = 0; i < s.size; i++) if (!is_digit(s.at[i]) && !(s.at[i] >= 'a' && s.at[i] <= 'f')) return 0;
    return s.size == 2 * SHA_SIZE;
}

/* The digest that others compare: of an address in lower case, or of a number; what is one already stays. */
static int write_hash(Row *row, Buffer *b, Value v, const Column *column) {
    char text[MOST_ADDRESS], hex[2 * SHA_SIZE];
    Slice s;
    (void)column;
    if (!line_of(row, v, 0, &s) || !lowered(s, text, &s)) return 0;
    if (s.size && !is_digest(s)) {
        Slice phone;
        if (!memchr(s.at, '@', (size_t)s.size) && !phone_of(row, v, &phone)) return 0;
        s = digest_of(NULL, s, hex);
    }
    put_cell(b, row->kernel, s.at, (size_t)s.size);
    return 1;
}

/* A text as its format makes it, before a mask; `whole` has room for an address. */
static int plain_of(Row *row, Value v, const Column *column, char *whole, Slice *s) {
    switch (column->format) {
    case F_ID: return id_of(v, whole, s);
    case F_TEXT: return line_of(row, v, column->length, s);
    case F_EMAIL: return address_of(row, v, whole, s);
    case F_PHONE: return phone_of(row, v, s);
    default: return 0;
    }
}

/* Text that passes through a mask before it is guarded (formats.py, `transformed`). */
static int write_masked(Row *row, Buffer *b, Value v, const Column *column) {
    const Kernel *k = row->kernel;
    char whole[MOST_ADDRESS], text[MOST_ADDRESS + 8];
    Slice s;
    if (!plain_of(row, v, column, whole, &s)) return 0;
    switch (column->mask) {
    case M_EMAIL: if (!masked_address(s, text, &s)) return 0; break;
    case M_PHONE:
        if (column->format != F_PHONE) return 0;
        memcpy(text, s.at, (size_t)s.size);
        memset(text + 2, '*', (size_t)s.size - 6);
        s.at = text;
        break;
    case M_NAME: s = masked_name(s, text); break;
    case M_DIGEST: if (!lowered(s, whole, &s)) return 0; s = digest_of(NULL, s, text); break;
    case M_KEYED: s = digest_of(&k->pseudonyms, s, text); break;
    default: s.size = leading(s, 3);
    }
    return put_guarded(b, k, s, column->guard);
}

static int write_email(Row *row, Buffer *b, Value v, const Column *column) {
    char text[MOST_ADDRESS];
    Slice s;
    if (v.type == TEXT && is_plain(row, s = text_of(v), 0) && !WHERE(is_capital, s)) {
        put_short(b, row->kernel, s.at, (size_t)s.size);
        return 1;
    }
    return address_of(row, v, text, &s) && put_guarded(b, row->kernel, s, column->guard);
}

static int write_text(Row *row, Buffer *b, Value v, const Column *column) {
    Slice s;
    if (v.type == TEXT && is_plain_text(row, s = text_of(v), column->length)) {
        put_short(b, row->kernel, s.at, (size_t)s.size);
        return 1;
    }
    return line_of(row, v, column->length, &s) && put_guarded(b, row->kernel, s, column->guard);
}

static int write_phone(Row *row, Buffer *b, Value v, const Column *column) {
    Slice s;
    int start = column->format == F_DIGITS;
    if (!phone_of(row, v, &s)) return 0;
    put_cell(b, row->kernel, s.at + start, (size_t)(s.size - start));
    return 1;
}

static int write_integer(Row *row, Buffer *b, Value v, const Column *column) {
    (void)column;
    if (v.type != INT32 && v.type != INT64) return 0;
    int64_t number = v.type == INT32 ? int32_at(v.at) : int64_at(v.at);
    uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    size_t size = 1 + (number < 0), at;
    for (uint64_t rest = left; rest >= 10; rest /= 10) size++;
    char *to = cell_at(b, row->kernel);
    if (!to) return 1;
    *to = '-', at = size;
    do to[--at] = (char)('0' + left % 10); while (left /= 10);
    end_cell(b, row->kernel, to, size);
    return 1;
}

/* Items of one line each, a bar between them; a bar of their own becomes a slash. */
typedef struct { char at[MOST_CELL]; size_t size; int count; } Items;

static int add_item(Row *row, Items *items, Value v, int length) {
    Slice line = {"", 0};
    if (v.type != NOTHING && !line_of(row, v, length, &line)) return 0;
    if (items->size + (size_t)line.size + 1 > MOST_CELL) return 0;
    if (items->count++) items->at[items->size++] = '|';
    for (Py_ssize_t i = 0; i < line.size; i++) items->at[items->size++] = line.at[i] == '|' ? '/' : line.at[i];
    return 1;
}

static int write_items(const Kernel *k, Buffer *b, const Items *items, int guard) {
    return put_guarded(b, k, (Slice){items->at, (Py_ssize_t)items->size}, guard);
}

static int write_list(Row *row, Buffer *b, Value v, const Column *column) {
    Items items = {.size = 0, .count = 0};
    Value item;
    if (v.type != LIST) return 0;
    for (Cursor c = inside(v); next(&c, &item);) if (!add_item(row, &items, item, column->length)) return 0;
    return write_items(row->kernel, b, &items, column->guard);
}

/* A calendar day as text; what is none, or is written in another way, is for Python to judge. */
static int write_day(Row *row, Buffer *b, Value v, const Column *column) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    (void)column;
    if (v.type != TEXT) return 0;
    Slice s = text_of(v);
    if (s.size != 10 || s.at[4] != '-' || s.at[7] != '-') return 0;
    for (int i = 0; i < 10; i++) if (i != 4 && i != 7 && !is_digit(s.at[i])) return 0;
    int month = (s.at[5] - '0') * 10 + s.at[6] - '0', day = (s.at[8] - '0') * 10 + s.at[9] - '0';
    if (month < 1 || month > 12 || day < 1 || day > days[month - 1] || !memcmp(s.at, "0000", 4)) return 0;
    put_cell(b, row->kernel, s.at, 10);
    return 1;
}

/* Whether a tag is in its usual capitals: a language, `-` or `_`, a region. */
static int is_locale(Slice s) {
    return s.size == 5 && is_lower(s.at[0]) && is_lower(s.at[1]) && (s.at[2] == '-' || s.at[2] == '_')
        && is_upper(s.at[3]) && is_upper(s.at[4]);
}

/* Of `known` the first is the tag that stands for unknown ones; then spellings and their tags by turns. */
static int write_locale(Row *row, Buffer *b, Value v, const Column *column) {
    const Slices *known = &column->data;
    if (v.type != TEXT) return 0;
    Slice spelled = text_of(v);
    const uint8_t *letters = v.at + 4; /* `en-US`: by three of them most are told from each other */
    Py_ssize_t *last = &row->locales[spelled.size == 5 ? (letters[1] ^ letters[2] ^ letters[4] * 5u) % LOCALES : 0];
    Py_ssize_t at = *last;
    if (at + 1 >= known->count || !equal(known->items[at], spelled))
        for (at = 1; at + 1 < known->count && !equal(known->items[at], spelled);) at += 2;
    const Slice *tag = &known->items[at + 1];
    if (at + 1 < known->count) *last = at;
    else {
        if (!is_locale(spelled)) return 0;
        tag = known->items, row->unknown_locales++;
    }
    put_cell(b, row->kernel, tag->at, (size_t)tag->size);
    return 1;
}

static void put_truth(Buffer *b, const Kernel *k, int format, int said) {
    static const char words[][SHORT] = {"N", "Y", "false", "true"};
    said = said != 0;
    if (format == F_TRUE_FALSE) put_short(b, k, words[2 + said], 5 - (size_t)said);
    else put_short(b, k, words[said], 1);
}

static int write_truth(Row *row, Buffer *b, Value v, const Column *column) {
    if (v.type != TRUTH) return 0;
    put_truth(b, row->kernel, column->format, *v.at);
    return 1;
}

static int write_country(Row *row, Buffer *b, Value v, const Column *column) {
    (void)column;
    if (v.type != TEXT || v.size != 7 || !is_letter((char)v.at[4]) || !is_letter((char)v.at[5])) return 0;
    char *to = cell_at(b, row->kernel);
    if (!to) return 1;
    to[0] = (char)(v.at[4] & ~32), to[1] = (char)(v.at[5] & ~32);
    end_cell(b, row->kernel, to, 2);
    return 1;
}

/* Of what has no format none is written but the empty cell. */
static int write_none(Row *row, Buffer *b, Value v, const Column *column) {
    (void)row, (void)b, (void)v, (void)column;
    return 0;
}

/* A number below 100. */
static void put_small(Buffer *b, const Kernel *k, int number) {
    char *to = cell_at(b, k);
    if (!to) return;
    to[0] = HUNDRED[2 * number + (number < 10)], to[1] = HUNDRED[2 * number + 1];
    end_cell(b, k, to, number < 10 ? 1 : 2);
}

static Write *const WRITERS[FORMATS] = {
    [F_NONE] = write_none, [F_ID] = write_id, [F_TEXT] = write_text, [F_ENUM] = write_enum, [F_EMAIL] = write_email,
    [F_PHONE] = write_phone, [F_DIGITS] = write_phone, [F_LOCAL] = write_time, [F_UTC] = write_time, [F_TRUTH] = write_truth,
    [F_INTEGER] = write_integer, [F_LIST] = write_list, [F_LOCALE] = write_locale, [F_COUNTRY] = write_country,
    [F_DAY] = write_day, [F_TRUE_FALSE] = write_truth, [F_HASH] = write_hash
};

static inline int write_value(Row *row, Buffer *b, Value v, const Column *column) {
    if (!is_absent(v)) return column->write(row, b, v, column);
    put_empty(b, row->kernel);
    return 1;
}

/* ----------------------------------------------------------------------------- what a row means */

#include "_rows_tables.h"

static int read_wishes(Row *row) {
    Value v;
    if (row->counts[L_PREFERENCES] > MOST_PREFERENCES) return 0;
    for (row->wish_count = 0; row->wish_count < row->counts[L_PREFERENCES];) {
        Wish *wish = &row->wishes[row->wish_count];
        const Value *item = wish->item = row->items[L_PREFERENCES][row->wish_count];
        if (!is_absent(item[P_RANK]) && item[P_RANK].type != INT32) return 0;
        wish->ranked = item[P_RANK].type == INT32, wish->rank = wish->ranked ? int32_at(item[P_RANK].at) : 0;
        if (item[P_EVENTS].type == LIST)
            for (Cursor in = inside(item[P_EVENTS]); next(&in, &v);) if (v.type != TEXT) return 0;
        /* Into its place by rank, those without one last, equal ones as they stand. */
        int at = row->wish_count++;
        for (; at > 0; at--) {
            Wish *before = &row->wishes[row->wish_order[at - 1]];
            if (before->ranked ? !wish->ranked || before->rank <= wish->rank : !wish->ranked) break;
            row->wish_order[at] = row->wish_order[at - 1];
        }
        row->wish_order[at] = row->wish_count - 1;
    }
    return 1;
}

/* The place of a question, -1 where nobody looks at it; that of another of this size was looked for last. */
static Py_ssize_t question_of(Row *row, Slice key) {
    const Slices *questions = &row->kernel->questions;
    Py_ssize_t *last = &row->questions[key.size % SEEN];
    if (*last < 0 || !equal(questions->items[*last], key)) *last = place_of(questions, key);
    return *last;
}

static int read_answers(Row *row) {
    const Kernel *k = row->kernel;
    if (!k->questions.count) return 1;
    memset(row->answers, 0, sizeof *row->answers * (size_t)k->questions.count);
    memset(row->answered, 0, (size_t)k->questions.count);
    for (int i = 0; i < row->counts[L_ANSWERS]; i++) {
        Value key = row->items[L_ANSWERS][i][A_KEY], value = row->items[L_ANSWERS][i][A_VALUE];
        Value stated = row->items[L_ANSWERS][i][A_VERSION];
        if (key.type != TEXT || (!is_absent(stated) && stated.type != INT32)) return 0;
        int64_t version = stated.type == INT32 ? int32_at(stated.at) : 0;
        Py_ssize_t at = question_of(row, text_of(key));
        if (at < 0) continue;
        int holds = (value.type == TEXT) | (value.type == LIST), given = !(is_absent(value) | (holds & (value.size == 5)));
        row->answered[at] |= (uint8_t)(given << 1);
        if (!(row->answered[at] & 1) || version > row->versions[at])
            row->answers[at] = value, row->versions[at] = version;
        row->answered[at] |= 1;
    }
    return 1;
}

/* Whether a consent in force has this key and no promoter, or is to this promoter. */
static int is_granted(const Row *row, Slice wanted, int to_promoter) {
    int found = 0;
    for (int i = 0; i < row->counts[L_CONSENTS]; i++) {
        const Value *consent = row->items[L_CONSENTS][i], *key = &consent[C_KEY], *promoter = &consent[C_PROMOTER];
        int is_meant = to_promoter ? promoter->type == OBJECT_ID && !memcmp(promoter->at, wanted.at, 12)
            : is_absent(*promoter) && key->type == TEXT && equal(text_of(*key), wanted);
        if (is_meant && consent[C_GRANTED].type == TRUTH) found |= *consent[C_GRANTED].at & is_absent(consent[C_WITHDRAWN]);
    }
    return found;
}

/* The place of a market among those of the plan, -1 where it is none of them. */
static Py_ssize_t market_of(Row *row, Value id) {
    if (id.type != OBJECT_ID) return -1;
    Seen *seen = &row->seen[id.at[11] % SEEN];
    if (memcmp(seen->id, id.at, sizeof seen->id)) {
        memcpy(seen->id, id.at, sizeof seen->id);
        seen->at = place_of(&row->kernel->markets, (Slice){(const char *)id.at, 12});
    }
    return seen->at;
}

/* A cell as Python wrote it, where SHORT bytes can be read if it has no more. */
static inline void put_ready(Buffer *b, Slice cell) {
    if (cell.size > SHORT) put(b, cell.at, (size_t)cell.size);
    else if (has_room(b, SHORT)) memcpy(b->at + b->size, cell.at, SHORT), b->size += (size_t)cell.size;
}

static int write_market(Row *row, Buffer *b, Value id, const Column *column) {
    const Kernel *k = row->kernel;
    Py_ssize_t at = market_of(row, id);
    if (at < 0) put_empty(b, k);
    else put_ready(b, column->data.items[at]);
    return 1;
}

/* Dates of the chosen events in the market's order, then the ids of unknown ones. */
APART static int write_events(Row *row, Buffer *b, const Wish *wish, const Column *column) {
    const Kernel *k = row->kernel;
    Items items = {.size = 0, .count = 0};
    Value id;
    Py_ssize_t at = market_of(row, wish->item[P_MARKET]);
    Value events = wish->item[P_EVENTS];
    const Slices *known = at < 0 ? NULL : &k->events[at];
    for (Py_ssize_t i = 0; known && events.type == LIST && i < known->count; i += 2)
        for (Cursor c = inside(events); next(&c, &id);)
            if (equal(text_of(id), known->items[i])) {
                Slice day = known->items[i + 1];
                if (items.size + (size_t)day.size + 1 > MOST_CELL) return 0;
                if (items.count++) items.at[items.size++] = '|';
                memcpy(items.at + items.size, day.at, (size_t)day.size);
                items.size += (size_t)day.size;
                break;
            }
    if (events.type == LIST)
        for (Cursor c = inside(events); next(&c, &id);) {
            int is_known = 0;
            for (Py_ssize_t i = 0; known && i < known->count; i += 2) is_known |= equal(text_of(id), known->items[i]);
            if (!is_known && !add_item(row, &items, id, column->length)) return 0;
        }
    return write_items(k, b, &items, column->guard);
}

/* Whether any code is in one of these states. */
static int has_code(const Row *row, const Slices *states) {
    int has = 0;
    for (int i = 0; i < row->counts[L_CODES]; i++) {
        Value state = row->items[L_CODES][i][O_STATE];
        if (state.type == TEXT) has |= place_of(states, text_of(state)) >= 0;
    }
    return has;
}

/* A text; where it is blank, what the table says. */
APART static int write_else(Row *row, Buffer *b, const Column *column) {
    Value v = row->slots[column->slot];
    Slice line, cell;
    if (!is_absent(v)) {
        if (!line_of(row, v, 0, &line)) return 0;
        if (line.size) return write_value(row, b, v, column);
    }
    if (!same_of(row, column->table, &cell)) return 0;
    put(b, cell.at, (size_t)cell.size);
    return 1;
}

/*
 * A link to the entry that is signed (links.py): of the column's data the site, the path before the id, and the key.
 * The signature is in the alphabet of RFC 4648 5, without padding.
 */
APART static int write_link(const Row *row, Buffer *b, const Column *column) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    enum { SIGNED = 43 };
    char text[MOST_ADDRESS];
    uint8_t digest[SHA_SIZE + 1] = {0};
    Slice site = column->data.items[0], path = column->data.items[1], key = column->data.items[2];
    Keyed keyed;
    size_t size = (size_t)(site.size + path.size) + 24;
    if (size + 3 + SIGNED > sizeof text || size + 3 + SIGNED > (size_t)column->length) return 0;
    memcpy(text, site.at, (size_t)site.size);
    memcpy(text + site.size, path.at, (size_t)path.size);
    put_hex(text + site.size + path.size, row->slots[S_ID].at, 12);
    keyed_begin(&keyed, (const uint8_t *)key.at, (size_t)key.size);
    keyed_digest(&keyed, text + site.size, size - (size_t)site.size, digest);
    memcpy(text + size, "?s=", 3);
    for (int i = 0; i < SIGNED; i++) {
        int bit = 6 * i, word = digest[bit / 8] << 8 | digest[bit / 8 + 1];
        text[size + 3 + (size_t)i] = letters[word >> (10 - bit % 8) & 63];
    }
    put_cell(b, row->kernel, text, size + 3 + SIGNED);
    return 1;
}

/* The place of a market among the wishes, from 1 on; nothing where it is none of them. */
APART static int write_rank_of(const Row *row, Buffer *b, Slice market) {
    for (int i = 0; market.size == 12 && i < row->wish_count; i++) {
        Value wished = row->wishes[row->wish_order[i]].item[P_MARKET];
        if (wished.type != OBJECT_ID || memcmp(wished.at, market.at, 12)) continue;
        put_small(b, row->kernel, i + 1);
        return 1;
    }
    put_empty(b, row->kernel);
    return 1;
}

static int write_column(Row *row, Buffer *b, const Column *column) {
    const Kernel *k = row->kernel;
    const Wish *wish;
    Value v;
    Slice cell;
    int said, at;
    switch (column->op) {
    case OP_UNLESS_ABSENT:
        if (!is_absent(row->slots[column->slot])) return 0;
        put_empty(b, k);
        return 1;
    case OP_VALUE: return write_value(row, b, row->slots[column->slot], column);
    case OP_PRESENT: put_truth(b, k, column->format, !is_absent(row->slots[column->slot])); return 1;
    case OP_MARKET:
        v = row->slots[column->slot];
        return (is_absent(v) || v.type == OBJECT_ID) && write_market(row, b, v, column);
    case OP_WISHES: put_small(b, k, row->wish_count); return 1;
    case OP_WISH_MARKET: case OP_WISH_EVENTS: case OP_WISH_QUANTITY:
        if (column->slot > row->wish_count) { put_empty(b, k); return 1; }
        wish = &row->wishes[row->wish_order[column->slot - 1]];
        if (column->op == OP_WISH_MARKET) return write_market(row, b, wish->item[P_MARKET], column);
        if (column->op == OP_WISH_EVENTS) return write_events(row, b, wish, column);
        return write_value(row, b, wish->item[P_QUANTITY], column);
    case OP_GRANTED: case OP_GRANTED_TO:
        said = is_granted(row, column->data.items[0], column->op == OP_GRANTED_TO);
        put_truth(b, k, column->format, said);
        return 1;
    case OP_ANSWER: return write_value(row, b, row->answers[column->slot], column);
    case OP_USER: cell = row->user->cells[column->slot]; put(b, cell.at, (size_t)cell.size); return 1;
    case OP_SAME:
        if (!same_of(row, column->table, &cell)) return 0;
        put(b, cell.at, (size_t)cell.size);
        return 1;
    case OP_ELSE: return write_else(row, b, column);
    case OP_HAS_CODE: put_truth(b, k, column->format, has_code(row, &column->data)); return 1;
    case OP_LAST_CODE:
        at = row->counts[L_CODES] - 1;
        return write_value(row, b, at < 0 ? (Value){0} : row->items[L_CODES][at][column->slot], column);
    case OP_LINK: return write_link(row, b, column);
    case OP_RANK_OF: return same_of(row, column->table, &cell) && write_rank_of(row, b, cell);
    case OP_BAND: /* the override beats the score, and an empty one is none */
        v = row->slots[column->slot];
        if (is_absent(v) || (v.type == TEXT && v.size == 5)) v = row->slots[column->slot + 1];
        else if (v.type != TEXT) return 0;
        return write_value(row, b, v, column);
    default: return 0;
    }
}

/*
 * Whether a text is surely an address (audiences.py): letters, digits and a few signs, one @ in it, then labels.
 * Of what else may be one Python judges.
 */
static int is_plain_address(Value v) {
    if (v.type != TEXT || v.size > MOST_PLAIN + 5) return 0;
    Slice s = text_of(v);
    Py_ssize_t at = -1, label = 0;
    int dots = 0;
    for (Py_ssize_t i = 0; i < s.size; i++) {
        char c = s.at[i], before = i ? s.at[i - 1] : '.';
        int inner = c == '-' || c == '.' || (c == '@' && at < 0);
        if (inner && (before == '-' || before == '.' || before == '@')) return 0;
        if (!inner && !is_letter(c) && !is_digit(c) && (at >= 0 || !(c == '_' || c == '+'))) return 0;
        if (c == '@') { if (i > MOST_LOCAL) return 0; at = i; }
        dots += at >= 0 && c == '.';
        label = c == '.' || c == '@' ? 0 : label + 1;
        if (at >= 0 && label > MOST_LABEL) return 0;
    }
    return at > 0 && dots && label && s.at[s.size - 1] != '-';
}

/* Whether an address is one of many, of which the first bytes of a digest are kept, sorted (id_set.py). */
static int is_stopped(const Slice *kept, Slice address) {
    char text[MOST_ADDRESS], hex[2 * SHA_SIZE];
    uint8_t digest[SHA_SIZE];
    Py_ssize_t low = 0, high = kept->size / 8;
    lowered(address, text, &address); /* a plain one is short and of ASCII */
    digest_of(NULL, address, hex);
    sha256(hex, sizeof hex, digest);
    while (low < high) {
        Py_ssize_t middle = (low + high) / 2;
        int order = memcmp(kept->at + 8 * middle, digest, 8);
        if (!order) return 1;
        if (order < 0) low = middle + 1; else high = middle;
    }
    return 0;
}

/* 1: stays, 0: is filtered, -1: Python judges. */
static int passes(Row *row, const Rule *rule) {
    Value v = rule->slot < 0 ? (Value){0} : row->slots[rule->slot];
    Slice said;
    switch (rule->kind) {
    case R_ABSENT: return is_absent(v);
    case R_NOT_TEXT: return !(v.type == TEXT && place_of(&rule->data, text_of(v)) >= 0);
    case R_NOT_FALSE: return !(v.type == TRUTH && !*v.at);
    case R_NOT_ERASED_USER: return !(row->user->known && row->user->bits & USER_ERASED);
    case R_NO_FLAG: return !(row->user->known && row->user->bits & USER_FLAGGED);
    case R_ONE_OF:
        if (is_absent(v)) return 0;
        return v.type != TEXT ? -1 : place_of(&rule->data, text_of(v)) >= 0;
    case R_FROM: return int64_at(row->slots[S_CREATED].at) >= rule->number;
    case R_BEFORE: return int64_at(row->slots[S_CREATED].at) < rule->number;
    case R_MARKETS:
        for (int i = 0; i < row->wish_count; i++)
            if (row->wishes[i].item[P_MARKET].type == OBJECT_ID
                && place_of(&rule->data, (Slice){(const char *)row->wishes[i].item[P_MARKET].at, 12}) >= 0) return 1;
        return 0;
    case R_HAS_CODE: return has_code(row, &rule->data) == (rule->number != 0);
    case R_SAME: return same_of(row, (int)rule->number, &said) && said.size == 1 ? *said.at == '1' : -1;
    case R_USER: return !(row->user->bits & rule->number);
    case R_KNOWN_USER: return row->user->known || is_absent(row->slots[S_USER]);
    case R_GRANTED: return is_granted(row, rule->data.items[0], 0);
    case R_EMAIL: return is_plain_address(v) ? 1 : -1;
    case R_NOT_STOPPED: return is_plain_address(v) ? !is_stopped(&rule->data.items[0], text_of(v)) : -1;
    default: return -1;
    }
}

#include "_rows_keys.h"

enum { UNUSUAL = -1, WRITTEN = -2 };

/* What is counted of written rows, then the answers to each question (kernel.py, _NOTES). */
enum { N_USER, N_WISHES, N_LOCALE, N_ANSWERED };

/* The place of the rule that filters the row, WRITTEN, or UNUSUAL. */
static int convert(Row *row, Buffer *b, Keys *keys, Py_ssize_t at, int64_t *notes) {
    const Kernel *k = row->kernel;
    size_t before = b->size;
    row->unknown_locales = 0;
    if (row->user->known && row->user->bits & USER_UNUSUAL) return UNUSUAL;
    for (Py_ssize_t i = 0; i < k->rule_count; i++) {
        int stays = passes(row, &k->rules[i]);
        if (stays < 0) return UNUSUAL;
        if (!stays) return (int)i;
    }
    if (!k->column_count) return UNUSUAL; /* it only judges */
    for (Py_ssize_t i = 0; i < k->column_count; i++) {
        if (i && has_room(b, 1)) b->at[b->size++] = k->delimiter;
        const Column *column = &k->columns[i];
        int done = column->op == OP_VALUE ? write_value(row, b, row->slots[column->slot], column) /* as most are */
            : write_column(row, b, column);
        if (!done) { b->size = before; return UNUSUAL; }
    }
    put(b, "\r\n", 2);
    if (!put_key(keys, row, at)) { b->size = before; return UNUSUAL; }
    notes[N_USER] += !row->user->known && !is_absent(row->slots[S_USER]);
    notes[N_WISHES] += row->wish_count > k->most_markets;
    notes[N_LOCALE] += row->unknown_locales;
    for (Py_ssize_t i = 0; i < k->questions.count; i++)
        notes[N_ANSWERED + i] += row->answered[i] >> 1 & (*k->counted.items[i].at == '1'); /* half of them are: no branch */
    return WRITTEN;
}

static int is_overridden(const Kernel *k, const uint8_t *id) {
    Py_ssize_t low = 0, high = k->overridden.count;
    while (low < high) {
        Py_ssize_t middle = (low + high) / 2;
        int order = memcmp(k->overridden.items[middle].at, id, 12);
        if (!order) return 1;
        if (order < 0) low = middle + 1; else high = middle;
    }
    return 0;
}

/* Walk a document and read what rules and columns share; 1 if it is usual. */
static int begin(Row *row, const uint8_t *document, size_t size) {
    if (sound_size(BLOCK, document, (int64_t)size, row->last) != (int64_t)size) return 0;
    const Kernel *k = row->kernel;
    memset(row->slots, 0, sizeof *row->slots * (size_t)k->slot_count);
    memset(row->counts, 0, sizeof row->counts);
    memset(row->asked, NOT_ASKED, (size_t)k->table_count);
    row->missed = 0;
    if (!walk(row, document, size, 0, row->slots, 0)) return 0;
    Value version = row->slots[S_VERSION];
    if (row->slots[S_ID].type != OBJECT_ID || row->slots[S_CREATED].type != DATE) return 0;
    if (version.type != INT32 || int32_at(version.at) != 3) return 0;
    if (is_overridden(k, row->slots[S_ID].at)) return 0;
    return read_wishes(row) && read_answers(row);
}

/* The account that a document names, without a look at anything else; NULL where it names none. */
static const uint8_t *user_of(const uint8_t *p, size_t size) {
    if (size < 5 || int32_at(p) != (int64_t)size) return NULL;
    const uint8_t *end = p + size - 1;
    for (p += 4; p < end;) {
        uint8_t type = *p++;
        const uint8_t *name = p, *stop = memchr(p, 0, (size_t)(end - p));
        if (!stop) return NULL;
        int64_t length = value_size(type, stop + 1, (size_t)(end - stop - 1));
        if (length < 0) return NULL;
        if (stop - name == 6 && !memcmp(name, "userId", 6)) return type == OBJECT_ID ? stop + 1 : NULL;
        p = stop + 1 + length;
    }
    return NULL;
}

/* --------------------------------------------------------------------------------- for Python */

#ifndef ROWS_WITHOUT_PYTHON

static int take_slices(PyObject *given, Slices *taken) {
    taken->keeper = PySequence_Tuple(given);
    if (!taken->keeper) return 0;
    taken->count = PyTuple_Size(taken->keeper);
    taken->items = calloc((size_t)taken->count + 1, sizeof *taken->items);
    if (!taken->items) { PyErr_NoMemory(); return 0; }
    for (Py_ssize_t i = 0; i < taken->count; i++) {
        char *at;
        if (PyBytes_AsStringAndSize(PyTuple_GetItem(taken->keeper, i), &at, &taken->items[i].size) < 0) return 0;
        taken->items[i].at = at;
    }
    return 1;
}

static void drop_slices(Slices *taken) {
    Py_XDECREF(taken->keeper);
    free(taken->items), free(taken->wide);
}

/* Put texts of at most SHORT bytes where so many can be read of each. */
static int widened(Slices *taken) {
    char *to = taken->wide = calloc((size_t)taken->count + 1, SHORT);
    if (!to) { PyErr_NoMemory(); return 0; }
    for (Slice *one = taken->items; one < taken->items + taken->count; one++, to += SHORT)
        if (one->size <= SHORT) memcpy(to, one->at, (size_t)one->size), one->at = to;
    return 1;
}

/* Documents, and what holds the bytes of those that lie in one piece. */
typedef struct { Slices all; Py_buffer data; } Documents;

/* Up to where can be read from a document on. */
static const uint8_t *readable(const Documents *taken, Slice document) {
    return (const uint8_t *)(taken->data.buf ? (const char *)taken->data.buf + taken->data.len : document.at + document.size);
}

static void drop_documents(Documents *taken) {
    drop_slices(&taken->all);
    PyBuffer_Release(&taken->data);
}

static int take_places(Documents *taken, const Py_buffer *places) {
    uint32_t place[2];
    taken->all.count = places->len / (Py_ssize_t)sizeof place;
    taken->all.items = calloc((size_t)taken->all.count + 1, sizeof *taken->all.items);
    if (!taken->all.items) { PyErr_NoMemory(); return 0; }
    for (Py_ssize_t i = 0; i < taken->all.count; i++) {
        memcpy(place, (const char *)places->buf + i * (Py_ssize_t)sizeof place, sizeof place);
        if (place[0] > place[1] || place[1] > taken->data.len) {
            PyErr_SetString(PyExc_ValueError, "places");
            return 0;
        }
        taken->all.items[i] = (Slice){(const char *)taken->data.buf + place[0], place[1] - place[0]};
    }
    return 1;
}

/* A batch as it was received (`data` and `places`), without an object a document; or any sequence of bytes. */
static int take_documents(PyObject *batch, Documents *taken) {
    PyObject *data = PyObject_GetAttrString(batch, "data"), *places = NULL;
    Py_buffer held = {0};
    int done = 0;
    if (!data) {
        PyErr_Clear();
        return take_slices(batch, &taken->all);
    }
    places = PyObject_GetAttrString(batch, "places");
    if (places && !PyObject_GetBuffer(data, &taken->data, PyBUF_SIMPLE) && !PyObject_GetBuffer(places, &held, PyBUF_SIMPLE))
        done = take_places(taken, &held);
    PyBuffer_Release(&held);
    Py_DECREF(data);
    Py_XDECREF(places);
    return done;
}

static int wrong(const char *what) {
    PyErr_SetString(PyExc_ValueError, what);
    return 0;
}

/* The nodes by their names: at most half of the places are taken, so that each search ends. */
static int find_by_name(Kernel *k) {
    size_t places = 8;
    while (places < 2 * (size_t)k->node_count) places *= 2;
    k->found = malloc(places * sizeof *k->found);
    if (!k->found) { PyErr_NoMemory(); return 0; }
    k->found_mask = places - 1;
    memset(k->found, -1, places * sizeof *k->found);
    for (int i = 1; i < k->node_count; i++) {
        Node *node = &k->nodes[i];
        Name name;
        const uint8_t *at = (const uint8_t *)node->name.at; /* bytes of Python, a 0 behind them */
        if (!name_at(at, at + node->name.size + 1, &name) || (Py_ssize_t)name.size != node->name.size)
            return wrong("name");
        node->first = name.first, node->hash = name.hash;
        uint64_t place = mixed(name.hash, (uint64_t)node->parent) & k->found_mask;
        while (k->found[place] >= 0) place = (place + 1) & k->found_mask;
        k->found[place] = i;
    }
    return 1;
}

/* (parent, name, types, slot, each); a parent stands before its children, the root first. */
static int take_nodes(Kernel *k, PyObject *given) {
    Py_ssize_t count = PyTuple_Size(given);
    if (count < 1 || count > MOST_NODES) return PyErr_Occurred() ? 0 : wrong("nodes");
    k->nodes = calloc((size_t)count, sizeof *k->nodes);
    if (!k->nodes) { PyErr_NoMemory(); return 0; }
    for (int i = 0; i < count; i++) {
        Node *node = &k->nodes[i];
        if (!PyArg_ParseTuple(PyTuple_GetItem(given, i), "iy#Iii", &node->parent, &node->name.at, &node->name.size,
                              &node->types, &node->slot, &node->each)) return 0;
        if (node->parent >= i || (i && node->parent < 0)) return wrong("node");
        k->node_count++;
        if (i) {
            Node *parent = &k->nodes[node->parent];
            node->in_item = parent->each == EACH_BLOCK ? IN_BLOCK : parent->each ? IN_KEPT : parent->in_item;
            node->place = parent->children++;
        }
        if (node->each < 0 || node->each >= EACH_KEPT + LISTS || (node->parent > 0 && node->each >= EACH_KEPT)
            || node->slot >= (node->in_item == IN_BLOCK ? 0 : node->in_item ? ITEM_FIELDS : 4096)) return wrong("node");
        if (node->each && node->types & ~(1u << LIST | 1u << NOTHING)) return wrong("node");
        if (!node->in_item && node->slot >= k->slot_count) k->slot_count = node->slot + 1;
    }
    return find_by_name(k);
}

static int take_columns(Kernel *k, PyObject *given) {
    Py_ssize_t count = PyTuple_Size(given);
    if (count < 0) return 0;
    k->columns = calloc((size_t)count + 1, sizeof *k->columns);
    if (!k->columns) { PyErr_NoMemory(); return 0; }
    for (; k->column_count < count; k->column_count++) {
        Column *c = &k->columns[k->column_count];
        PyObject *data;
        if (!PyArg_ParseTuple(PyTuple_GetItem(given, k->column_count), "iiiipiiO", &c->op, &c->slot, &c->format,
                              &c->length, &c->guard, &c->mask, &c->table, &data)) return 0;
        int slots = c->op == OP_BAND ? c->slot + 1 : c->slot;
        int reads_slot = c->op <= OP_MARKET || c->op == OP_BAND || c->op == OP_ELSE;
        int reads_table = c->op == OP_SAME || c->op == OP_ELSE || c->op == OP_RANK_OF;
        int reads_market = c->op == OP_MARKET || c->op == OP_WISH_MARKET;
        int reads_data = c->op == OP_GRANTED || c->op == OP_GRANTED_TO;
        if (c->op < 0 || c->op >= OPS || c->slot < 0 || c->format < 0 || c->format >= FORMATS || c->length < 0
            || c->mask < 0 || c->mask >= MASKS)
            return wrong("column");
        c->write = c->mask ? write_masked : WRITERS[c->format];
        if (!take_slices(data, &c->data) || (reads_market && !widened(&c->data))) { drop_slices(&c->data); return 0; }
        if ((reads_slot && slots >= k->slot_count) || (reads_market && c->data.count != k->markets.count)
            || (reads_data && c->data.count != 1) || (c->op == OP_GRANTED_TO && c->data.items[0].size != 12)
            || (c->format == F_LOCALE && c->data.count < 1) || (c->op == OP_ANSWER && c->slot >= k->questions.count)
            || (c->op >= OP_WISH_MARKET && c->op <= OP_WISH_QUANTITY && c->slot < 1)
            || (reads_table && (c->table < 0 || c->table >= k->table_count)) || (c->op == OP_USER && c->slot >= k->user_cells)
            || (c->op == OP_LINK && (c->data.count != 3 || c->data.items[2].size > SHA_BLOCK))
            || (c->op == OP_LAST_CODE && c->slot >= ITEM_FIELDS)) {
            drop_slices(&c->data);
            return wrong("column");
        }
    }
    return 1;
}

static int take_rules(Kernel *k, PyObject *given) {
    Py_ssize_t count = PyTuple_Size(given);
    if (count < 0) return 0;
    k->rules = calloc((size_t)count + 1, sizeof *k->rules);
    if (!k->rules) { PyErr_NoMemory(); return 0; }
    for (; k->rule_count < count; k->rule_count++) {
        Rule *r = &k->rules[k->rule_count];
        PyObject *data;
        long long number;
        if (!PyArg_ParseTuple(PyTuple_GetItem(given, k->rule_count), "iiLO", &r->kind, &r->slot, &number, &data))
            return 0;
        if (r->kind < 0 || r->kind >= RULES || r->slot < -1 || r->slot >= k->slot_count) return wrong("rule");
        r->number = number;
        if (r->kind == R_SAME && (number < 0 || number >= k->table_count)) return wrong("rule");
        if (r->kind == R_EMAIL && r->slot < 0) return wrong("rule");
        if (!take_slices(data, &r->data)) { drop_slices(&r->data); return 0; }
        if (r->kind == R_GRANTED && r->data.count != 1) { drop_slices(&r->data); return wrong("rule"); }
        if (r->kind == R_NOT_STOPPED && (r->slot < 0 || r->data.count != 1)) { drop_slices(&r->data); return wrong("rule"); }
        for (Py_ssize_t i = 0; r->kind == R_MARKETS && i < r->data.count; i++)
            if (r->data.items[i].size != 12) { drop_slices(&r->data); return wrong("rule"); }
    }
    return 1;
}

/* (kind, slot, data); the first `lead` of them are of one row alone. */
static int take_keys(Kernel *k, PyObject *given) {
    Py_ssize_t count = PyTuple_Size(given);
    if (count < 0) return 0;
    k->keys = calloc((size_t)count + 1, sizeof *k->keys);
    if (!k->keys) { PyErr_NoMemory(); return 0; }
    for (; k->key_count < count; k->key_count++) {
        KeyPart *part = &k->keys[k->key_count];
        PyObject *data;
        if (!PyArg_ParseTuple(PyTuple_GetItem(given, k->key_count), "iiO", &part->kind, &part->slot, &data)) return 0;
        int bound = part->kind == K_SAME ? (int)k->table_count : part->kind == K_USER ? k->user_cells : k->slot_count;
        if (part->kind < 0 || part->kind >= KEYS || part->slot < 0 || part->slot >= bound) return wrong("key");
        if (!take_slices(data, &part->data)) { drop_slices(&part->data); return 0; }
    }
    return 1;
}

static int take_inputs(Kernel *k, Table *table, PyObject *given) {
    Py_ssize_t count = PyTuple_Size(given);
    if (count < 0 || count > MOST_INPUTS) return PyErr_Occurred() ? 0 : wrong("inputs");
    table->inputs = calloc((size_t)count + 1, sizeof *table->inputs);
    if (!table->inputs) { PyErr_NoMemory(); return 0; }
    for (; table->count < count; table->count++) {
        Input *input = &table->inputs[table->count];
        PyObject *data;
        if (!PyArg_ParseTuple(PyTuple_GetItem(given, table->count), "iiO", &input->kind, &input->slot, &data)) return 0;
        if (input->kind < 0 || input->kind >= INPUTS || input->slot < 0 || input->slot >= k->slot_count) return wrong("input");
        if (!take_slices(data, &input->data)) { drop_slices(&input->data); return 0; }
    }
    return 1;
}

/* Of each table its inputs: (kind, slot, data). */
static int take_tables(Kernel *k, PyObject *given) {
    Py_ssize_t count = PyTuple_Size(given);
    if (count < 0 || count > MOST_TABLES) return PyErr_Occurred() ? 0 : wrong("tables");
    k->tables = calloc((size_t)count + 1, sizeof *k->tables);
    if (!k->tables) { PyErr_NoMemory(); return 0; }
    k->table_count = count;
    for (Py_ssize_t i = 0; i < count; i++) if (!take_inputs(k, &k->tables[i], PyTuple_GetItem(given, i))) return 0;
    return 1;
}

static void drop_tables(Kernel *k) {
    for (Py_ssize_t i = 0; k->tables && i < k->table_count; i++) {
        for (Py_ssize_t j = 0; j < k->tables[i].count; j++) drop_slices(&k->tables[i].inputs[j].data);
        free(k->tables[i].inputs);
    }
    for (Py_ssize_t i = 0; i < k->key_count; i++) drop_slices(&k->keys[i].data);
    free(k->tables), free(k->keys);
}

static int take_zone(Kernel *k, PyObject *given) {
    Py_ssize_t count = PyTuple_Size(given);
    if (count < 0) return 0;
    k->since = calloc((size_t)count + 1, sizeof *k->since);
    k->offsets = calloc((size_t)count + 1, sizeof *k->offsets);
    if (!k->since || !k->offsets) { PyErr_NoMemory(); return 0; }
    for (; k->spans < count; k->spans++) {
        long long since;
        int offset;
        if (!PyArg_ParseTuple(PyTuple_GetItem(given, k->spans), "Li", &since, &offset)) return 0;
        if (since < 0 || offset < -86400 || offset > 86400 || since + offset < 0) return wrong("zone");
        k->since[k->spans] = since, k->offsets[k->spans] = offset;
    }
    return 1;
}

/* (first, second, both), sorted by the first two; each a code point of at most three bytes. */
static int take_pairs(Kernel *k, PyObject *given) {
    Py_ssize_t count = PyTuple_Size(given);
    if (count < 0) return 0;
    k->pairs = calloc((size_t)count + 1, sizeof *k->pairs);
    if (!k->pairs) { PyErr_NoMemory(); return 0; }
    for (; k->pair_count < count; k->pair_count++) {
        uint32_t *pair = k->pairs[k->pair_count];
        if (!PyArg_ParseTuple(PyTuple_GetItem(given, k->pair_count), "III", &pair[0], &pair[1], &pair[2])) return 0;
        if (!pair[0] || utf8_size(pair[0]) + utf8_size(pair[1]) < utf8_size(pair[2]) || pair[2] > 0xFFFF) return wrong("pairs");
    }
    return 1;
}

static int take_markets(Kernel *k, PyObject *ids, PyObject *events) {
    if (!take_slices(ids, &k->markets)) return 0;
    if (PyTuple_Size(events) != k->markets.count) return PyErr_Occurred() ? 0 : wrong("events");
    k->events = calloc((size_t)k->markets.count + 1, sizeof *k->events);
    if (!k->events) { PyErr_NoMemory(); return 0; }
    for (Py_ssize_t i = 0; i < k->markets.count; i++) {
        if (!take_slices(PyTuple_GetItem(events, i), &k->events[i])) return 0;
        if (k->events[i].count % 2) return wrong("events");
    }
    return 1;
}

static void kernel_free(PyObject *self) {
    Kernel *k = (Kernel *)self;
    PyTypeObject *type = Py_TYPE(self);
    for (Py_ssize_t i = 0; i < k->column_count; i++) drop_slices(&k->columns[i].data);
    for (Py_ssize_t i = 0; i < k->rule_count; i++) drop_slices(&k->rules[i].data);
    for (Py_ssize_t i = 0; k->events && i < k->markets.count; i++) drop_slices(&k->events[i]);
    drop_tables(k);
    drop_slices(&k->markets), drop_slices(&k->questions), drop_slices(&k->counted), drop_slices(&k->overridden);
    free(k->nodes), free(k->found), free(k->columns), free(k->rules), free(k->events), free(k->since), free(k->offsets), free(k->pairs);
    Py_XDECREF(k->spec);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

static PyObject *kernel_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    PyObject *nodes, *columns, *rules, *keys, *tables, *zone, *markets, *events, *questions, *counted, *overridden, *pairs;
    const char *simple, *marks, *delimiter, *secret;
    Py_ssize_t simple_size, marks_size, delimiter_size, secret_size;
    static char *names[] = {"nodes", "columns", "rules", "keys", "lead", "tables", "user_cells", "zone", "markets", "events", "questions", "counted",
                            "overridden", "simple", "marks", "pairs", "most_markets", "delimiter", "quote_all",
                            "secret", NULL};
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Kernel *k = (Kernel *)alloc(type, 0);
    if (!k) return NULL;
    k->slot_count = S_FIXED;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O!O!O!iO!iO!OO!OOOy#y#O!iy#py#", names, &PyTuple_Type, &nodes,
            &PyTuple_Type, &columns, &PyTuple_Type, &rules, &PyTuple_Type, &keys, &k->lead, &PyTuple_Type, &tables,
            &k->user_cells, &PyTuple_Type, &zone, &markets, &PyTuple_Type, &events, &questions, &counted, &overridden, &simple, &simple_size, &marks, &marks_size,
            &PyTuple_Type, &pairs,
            &k->most_markets, &delimiter,
            &delimiter_size, &k->quote_all, &secret, &secret_size)) goto failed;
    k->spec = kwargs ? PyDict_Copy(kwargs) : NULL;
    if (!k->spec || PyTuple_Size(args)) { wrong("by name only"); goto failed; }
    if (secret_size > SHA_BLOCK) { wrong("secret"); goto failed; }
    keyed_begin(&k->pseudonyms, (const uint8_t *)secret, (size_t)secret_size);
    if (simple_size != LETTERS / 8 || marks_size != LETTERS / 8 || delimiter_size != 1 || is_in_made_cells(*delimiter)) {
        wrong("simple, marks or delimiter");
        goto failed;
    }
    k->simple = (const uint8_t *)simple, k->marks = (const uint8_t *)marks, k->delimiter = *delimiter;
    if (k->user_cells < 0 || k->user_cells > MOST_USER_CELLS || k->lead < 0) { wrong("user_cells or lead"); goto failed; }
    if (!take_nodes(k, nodes) || !take_tables(k, tables) || !take_keys(k, keys) || !take_markets(k, markets, events) || !take_slices(questions, &k->questions)
        || !take_slices(counted, &k->counted) || !take_slices(overridden, &k->overridden)) goto failed;
    if (k->counted.count != k->questions.count) { wrong("counted"); goto failed; }
    for (Py_ssize_t i = 0; i < k->counted.count; i++)
        if (k->counted.items[i].size != 1) { wrong("counted"); goto failed; }
    for (Py_ssize_t i = 0; i < k->overridden.count; i++)
        if (k->overridden.items[i].size != 12) { wrong("overridden"); goto failed; }
    for (Py_ssize_t i = 0; i < k->markets.count; i++)
        if (k->markets.items[i].size != 12) { wrong("markets"); goto failed; }
    if (!take_columns(k, columns) || !take_rules(k, rules) || !take_zone(k, zone) || !take_pairs(k, pairs)) goto failed;
    return (PyObject *)k;
failed:
    Py_DECREF(k);
    return NULL;
}

static void known_free(PyObject *self) {
    Known *known = (Known *)self;
    PyTypeObject *type = Py_TYPE(self);
    for (Py_ssize_t i = 0; known->tables && i < known->count; i++) free(known->tables[i].told);
    free(known->tables);
    Py_XDECREF(known->keeper);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

/* One table: a tuple of tokens and cells by turns, None as the cell of what is Python's. */
static int take_answers(Answers *answers, PyObject *given) {
    Py_ssize_t count = PyTuple_Size(given);
    if (count < 0 || count % 2) return PyErr_Occurred() ? 0 : wrong("answers");
    size_t places = 8;
    while (places < (size_t)count) places *= 2; /* at most half of them are taken, so that each search ends */
    answers->told = calloc(places, sizeof *answers->told);
    if (!answers->told) { PyErr_NoMemory(); return 0; }
    answers->mask = places - 1;
    for (Py_ssize_t i = 0; i < count; i += 2) {
        PyObject *cell = PyTuple_GetItem(given, i + 1);
        Told one = {.state = cell == Py_None ? PYTHONS : TOLD};
        char *token, *at = NULL;
        if (PyBytes_AsStringAndSize(PyTuple_GetItem(given, i), &token, &one.token.size) < 0) return 0;
        if (one.state == TOLD && PyBytes_AsStringAndSize(cell, &at, &one.cell.size) < 0) return 0;
        one.token.at = token, one.cell.at = at;
        one.hash = hash_of(token, (size_t)one.token.size);
        *(Told *)search(answers, token, (size_t)one.token.size, one.hash) = one;
    }
    return 1;
}

/* Known(tables): each a tuple of tokens and cells by turns. */
static PyObject *known_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    PyObject *tables;
    if (kwargs || !PyArg_ParseTuple(args, "O!", &PyTuple_Type, &tables)) { wrong("tables"); return NULL; }
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Known *known = (Known *)alloc(type, 0);
    if (!known) return NULL;
    known->keeper = Py_NewRef(tables);
    known->tables = calloc((size_t)PyTuple_Size(tables) + 1, sizeof *known->tables);
    if (!known->tables) { PyErr_NoMemory(); goto failed; }
    for (; known->count < PyTuple_Size(tables); known->count++) {
        PyObject *one = PyTuple_GetItem(tables, known->count);
        if (!PyTuple_Check(one)) { wrong("tables"); goto failed; }
        if (!take_answers(&known->tables[known->count], one)) { free(known->tables[known->count].told); goto failed; }
    }
    return (PyObject *)known;
failed:
    Py_DECREF(known);
    return NULL;
}

static PyType_Slot known_slots[] = {
    {Py_tp_new, known_new}, {Py_tp_dealloc, known_free}, {Py_tp_doc, "What Python has said of some values."}, {0, NULL}
};
static PyType_Spec known_spec = {
    .name = "_rows.Known", .basicsize = sizeof(Known), .flags = Py_TPFLAGS_DEFAULT, .slots = known_slots
};

/* What was said to the tables of this kernel; it is of this module's own type, and of as many tables. */
static const Known *take_known(const Kernel *k, PyObject *given) {
    freefunc dealloc = (freefunc)PyType_GetSlot(Py_TYPE(given), Py_tp_dealloc);
    if (dealloc == (freefunc)known_free && ((Known *)given)->count == k->table_count) return (const Known *)given;
    PyErr_SetString(PyExc_ValueError, "known");
    return NULL;
}

/* What Python tells of an account: bits, and its cells, for which there is room. */
static int take_cells(const Kernel *k, PyObject *told, User *user) {
    PyObject *cells;
    if (!PyArg_ParseTuple(told, "iO!", &user->bits, &PyTuple_Type, &cells)) return 0;
    if (PyTuple_Size(cells) != k->user_cells) return wrong("cells");
    for (int i = 0; i < k->user_cells; i++) {
        char *at;
        if (PyBytes_AsStringAndSize(PyTuple_GetItem(cells, i), &at, &user->cells[i].size) < 0) return 0;
        user->cells[i].at = at;
    }
    return 1;
}

/* The account that a document names; what is told of none where that is not known. */
static int take_user(const Kernel *k, PyObject *users, const uint8_t *id, const User *nobody, User *user) {
    user->bits = nobody->bits;
    memcpy(user->cells, nobody->cells, (size_t)k->user_cells * sizeof *user->cells);
    if (!id) return 1;
    PyObject *key = PyBytes_FromStringAndSize((const char *)id, 12);
    if (!key) return 0;
    PyObject *found = PyDict_GetItemWithError(users, key);
    Py_DECREF(key);
    if (!found) return !PyErr_Occurred();
    user->known = 1;
    return take_cells(k, found, user);
}

/* The accounts that the documents name, and the cells of each. */
static int take_users(const Kernel *k, PyObject *users, const Documents *documents, const User *nobody, User **owners, Slice **cells) {
    Py_ssize_t count = documents->all.count;
    *owners = calloc((size_t)count + 1, sizeof **owners);
    *cells = calloc((size_t)(count * k->user_cells) + 1, sizeof **cells);
    if (!*owners || !*cells) { PyErr_NoMemory(); return 0; }
    for (Py_ssize_t i = 0; i < count; i++) {
        const Slice *one = &documents->all.items[i];
        const uint8_t *id = user_of((const uint8_t *)one->at, (size_t)one->size);
        (*owners)[i].cells = *cells + i * k->user_cells;
        if (!take_user(k, users, id, nobody, &(*owners)[i])) return 0;
    }
    return 1;
}

static int take_nobody(const Kernel *k, PyObject *users, User *nobody) {
    PyObject *key = PyBytes_FromStringAndSize("", 0), *found = key ? PyDict_GetItemWithError(users, key) : NULL;
    Py_XDECREF(key);
    if (found) return take_cells(k, found, nobody);
    if (!PyErr_Occurred() && k->user_cells) wrong("nobody");
    return !PyErr_Occurred();
}

enum { AHEAD = 16 }; /* documents whose beginnings are sent for */

/* user_ids(batch): the set of accounts that the documents name, 12 bytes each. */
static PyObject *kernel_user_ids(PyObject *self, PyObject *batch) {
    Documents documents = {0};
    PyObject *found = PySet_New(NULL);
    (void)self;
    if (found && take_documents(batch, &documents)) {
        for (Py_ssize_t i = 0; i < documents.all.count; i++) {
            if (i + AHEAD < documents.all.count) __builtin_prefetch(documents.all.items[i + AHEAD].at);
            const uint8_t *id = user_of((const uint8_t *)documents.all.items[i].at, (size_t)documents.all.items[i].size);
            if (!id) continue;
            PyObject *key = PyBytes_FromStringAndSize((const char *)id, 12);
            if (!key || PySet_Add(found, key) < 0) { Py_XDECREF(key); Py_CLEAR(found); break; }
            Py_DECREF(key);
        }
    } else Py_CLEAR(found);
    drop_documents(&documents);
    return found;
}

typedef struct { uint32_t document; int table; size_t at, size; } Asked;

/* What a batch becomes; `at` counts the rows that are written. */
typedef struct {
    Buffer records;
    Keys keys;
    uint32_t *ends; Py_ssize_t at;
    uint32_t (*odd)[2]; Py_ssize_t odd_count; /* the place of a document for Python, and the rows before it */
    int64_t *filtered, *notes;
    Buffer tokens; Asked *missing; Py_ssize_t missing_count; /* what no table says yet */
} Made;

static void drop_made(Made *made) {
    free(made->records.at), free(made->keys.bytes.at), free(made->keys.ends), free(made->ends), free(made->odd);
    free(made->filtered), free(made->notes), free(made->tokens.at), free(made->missing);
}

static void drop_row(Row *row) {
    free(row->slots), free(row->answers), free(row->versions), free(row->answered), free(row->steps), free(row->moulds);
    free(row->firsts);
}

static int begin_batch(const Kernel *k, Row *row, Made *made, size_t documents) {
    size_t questions = (size_t)k->questions.count;
    row->kernel = k;
    for (int i = 0; i < LOCALES; i++) row->locales[i] = 1;
    for (int i = 0; i < SEEN; i++) row->seen[i].at = place_of(&k->markets, (Slice){(const char *)row->seen[i].id, 12});
    row->slots = calloc((size_t)k->slot_count, sizeof *row->slots);
    row->answers = calloc(questions + 1, sizeof *row->answers);
    row->versions = calloc(questions + 1, sizeof *row->versions);
    row->answered = calloc(questions + 1, 1);
    row->steps = calloc(STEPS, sizeof *row->steps);
    row->moulds = calloc(MOULDS, sizeof *row->moulds);
    row->firsts = calloc((size_t)k->node_count, sizeof *row->firsts);
    made->keys.ends = malloc((documents + 1) * sizeof *made->keys.ends);
    made->ends = malloc((documents + 1) * sizeof *made->ends);
    made->odd = malloc((documents + 1) * sizeof *made->odd);
    made->filtered = calloc((size_t)k->rule_count + 1, sizeof *made->filtered);
    made->notes = calloc(questions + N_ANSWERED, sizeof *made->notes);
    made->missing = calloc(k->table_count ? MOST_MISSING : 1, sizeof *made->missing);
    if (row->slots && row->answers && row->versions && row->answered && row->steps && row->moulds && row->firsts
        && made->keys.ends && made->ends && made->odd && made->filtered && made->notes && made->missing) {
        begin_steps(row);
        return 1;
    }
    PyErr_NoMemory();
    return 0;
}

/* Ask all tables about a row of which one had nothing to say, so that Python can tell them all at once. */
static void note_missing(Row *row, Made *made, uint32_t document) {
    Slice cell;
    Token token;
    for (int i = 0; i < row->kernel->table_count && made->missing_count < MOST_MISSING; i++) {
        same_of(row, i, &cell);
        if (row->asked[i] != MISSING || !token_of(row, &row->kernel->tables[i], &token)) continue;
        made->missing[made->missing_count++] = (Asked){document, i, made->tokens.size, token.size};
        put(&made->tokens, token.at, token.size);
    }
}

/* Ask the memory for a document before its turn: the first look at one is at its end, and waited a quarter of the walk. */
static inline void send_for(Slice document) {
#pragma GCC unroll 32
    for (size_t at = 0; at < SENT_FOR; at += CACHE_LINE) __builtin_prefetch(document.at + at);
}

/* `owners`: of each document, or NULL where none of them has one that is known. */
APART static void make(Row *row, Made *made, const Documents *documents, const User *owners, const User *nobody) {
    for (Py_ssize_t i = 0; i < documents->all.count; i++) {
        Slice document = documents->all.items[i];
        if (i + 2 < documents->all.count) send_for(documents->all.items[i + 2]); /* the next is on its way */
        int outcome = UNUSUAL;
        row->user = owners ? &owners[i] : nobody, row->last = readable(documents, document) - SHORT;
        if (begin(row, (const uint8_t *)document.at, (size_t)document.size)) {
            outcome = convert(row, &made->records, &made->keys, made->at, made->notes);
            if (row->missed) note_missing(row, made, (uint32_t)i);
        }
        if (outcome >= 0) made->filtered[outcome]++;
        else if (outcome == WRITTEN) made->ends[made->at++] = (uint32_t)made->records.size;
        else {
            made->odd[made->odd_count][0] = (uint32_t)i;
            made->odd[made->odd_count++][1] = (uint32_t)made->at;
        }
        made->records.failed |= made->records.size > UINT32_MAX || made->keys.bytes.size > UINT32_MAX;
    }
    made->records.failed |= made->keys.bytes.failed || made->tokens.failed;
}

static PyObject *numbers(const int64_t *from, Py_ssize_t count) {
    PyObject *list = PyList_New(count);
    for (Py_ssize_t i = 0; list && i < count; i++) {
        PyObject *number = PyLong_FromLongLong(from[i]);
        if (!number || PyList_SetItem(list, i, number) < 0) Py_CLEAR(list);
    }
    return list;
}

static PyObject *pairs(uint32_t (*from)[2], Py_ssize_t count) {
    PyObject *list = PyList_New(count);
    for (Py_ssize_t i = 0; list && i < count; i++) {
        PyObject *pair = Py_BuildValue("(II)", from[i][0], from[i][1]);
        if (!pair || PyList_SetItem(list, i, pair) < 0) Py_CLEAR(list);
    }
    return list;
}

static PyObject *missing(const Made *made) {
    PyObject *list = PyList_New(made->missing_count);
    for (Py_ssize_t i = 0; list && i < made->missing_count; i++) {
        const Asked *asked = &made->missing[i];
        PyObject *one = Py_BuildValue("(Iiy#)", asked->document, asked->table,
                                      asked->size ? made->tokens.at + asked->at : "", (Py_ssize_t)asked->size);
        if (!one || PyList_SetItem(list, i, one) < 0) Py_CLEAR(list);
    }
    return list;
}

static PyObject *told(const Kernel *k, const Made *made) {
    int fixed = k->key_count == 1 && k->keys->kind == K_REGISTERED; /* KEY bytes each */
    PyObject *odd = pairs(made->odd, made->odd_count);
    PyObject *asked = odd ? missing(made) : NULL;
    PyObject *filtered = asked ? numbers(made->filtered, k->rule_count) : NULL;
    PyObject *notes = filtered ? numbers(made->notes, k->questions.count + N_ANSWERED) : NULL;
    PyObject *result = notes ? Py_BuildValue("(y#y#y#y#OOOO)", made->records.at ? made->records.at : "",
        (Py_ssize_t)made->records.size, made->keys.bytes.at ? made->keys.bytes.at : "", (Py_ssize_t)made->keys.bytes.size,
        (const char *)made->keys.ends, fixed ? 0 : made->at * (Py_ssize_t)sizeof *made->keys.ends,
        (const char *)made->ends, made->at * (Py_ssize_t)sizeof *made->ends, odd, filtered, notes, asked) : NULL;
    Py_XDECREF(odd), Py_XDECREF(asked), Py_XDECREF(filtered), Py_XDECREF(notes);
    return result;
}

/*
 * convert(batch, users, known) -> (records, keys, key ends, ends, odd, filtered, notes, missing): the records of the
 * usual rows, the key of each (20 bytes, or up to where two numbers of 4 bytes of this machine say) and where each
 * ends (one number); of each document for Python its place and the number of rows before it; and what no table says
 * yet: the place of a document, the table, and what it would be found by.
 */
static PyObject *kernel_convert(PyObject *self, PyObject *args) {
    const Kernel *k = (const Kernel *)self;
    PyObject *batch, *users, *known, *result = NULL;
    if (!PyArg_ParseTuple(args, "OO!O", &batch, &PyDict_Type, &users, &known)) return NULL;
    Documents documents = {0};
    Row *row = calloc(1, sizeof *row);
    Made made = {0};
    Slice *cells = NULL, empty[MOST_USER_CELLS] = {0};
    User *owners = NULL, nobody = {.cells = empty};
    if (!row) { PyErr_NoMemory(); goto done; }
    row->known = take_known(k, known);
    if (!row->known || !take_documents(batch, &documents) || !begin_batch(k, row, &made, (size_t)documents.all.count)) goto done;
    if (!take_nobody(k, users, &nobody)) goto done;
    if (PyDict_Size(users) > 1 && !take_users(k, users, &documents, &nobody, &owners, &cells)) goto done;
    /* `users` and `known` hold the cells: the caller does not change them meanwhile. */
    Py_BEGIN_ALLOW_THREADS
    make(row, &made, &documents, owners, &nobody);
    Py_END_ALLOW_THREADS
    if (made.records.failed) PyErr_NoMemory();
    else result = told(k, &made);
done:
    drop_documents(&documents);
    if (row) drop_row(row);
    drop_made(&made);
    free(row), free(owners), free(cells);
    return result;
}

static PyMethodDef kernel_methods[] = {
    {"user_ids", kernel_user_ids, METH_O, "The accounts that the documents of a batch name."},
    {"convert", kernel_convert, METH_VARARGS, "The rows of a batch, what was filtered, what was odd."},
    {NULL, NULL, 0, NULL}
};
static PyType_Slot kernel_slots[] = {
    {Py_tp_new, kernel_new}, {Py_tp_dealloc, kernel_free}, {Py_tp_methods, kernel_methods},
    {Py_tp_doc, "A compiled plan."}, {0, NULL}
};
static PyType_Spec kernel_spec = {
    .name = "_rows.Kernel", .basicsize = sizeof(Kernel), .flags = Py_TPFLAGS_DEFAULT, .slots = kernel_slots
};
#ifndef SOURCE_DIGEST
#define SOURCE_DIGEST "unknown"
#endif

static int execute(PyObject *module) {
    PyObject *type = PyType_FromSpec(&kernel_spec);
    if (!type) return -1;
    int failed = PyModule_AddObjectRef(module, "Kernel", type);
    Py_DECREF(type);
    type = failed ? NULL : PyType_FromSpec(&known_spec);
    if (!type) return -1;
    failed = PyModule_AddObjectRef(module, "Known", type);
    Py_DECREF(type);
    return failed ? failed : PyModule_AddStringConstant(module, "SOURCE", SOURCE_DIGEST);
}
static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, execute}, {0, NULL}};
static PyModuleDef module = {
    PyModuleDef_HEAD_INIT, .m_name = "_rows", .m_doc = "Raw BSON to CSV records.", .m_slots = module_slots
};
PyMODINIT_FUNC PyInit__rows(void) { return PyModuleDef_Init(&module); }

#endif
