/*
 * The walk through a document: each length against the end of what holds it, each name and text for its characters,
 * and where the values lie that somebody asks for. Included by _rows.c.
 */

static int32_t int32_at(const uint8_t *p) {
    return (int32_t)((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
}

static int64_t int64_at(const uint8_t *p) {
    return (int64_t)((uint64_t)(uint32_t)int32_at(p) | (uint64_t)(uint32_t)int32_at(p + 4) << 32);
}

/* The size of a value's bytes within `room`, or -1 for what only Python judges. */
static inline int64_t value_size(uint8_t type, const uint8_t *p, size_t room) {
    static const int8_t sizes[] = {
        [DOUBLE] = 8, [DATE] = 8, [INT64] = 8, [OBJECT_ID] = 12, [INT32] = 4, [TRUTH] = 1,
        [TEXT] = LONGER, [BLOCK] = LONGER, [LIST] = LONGER, [ABSENT] = OTHER, [BINARY] = OTHER, [0x06] = OTHER,
        [0x0B] = OTHER, [0x0C] = OTHER, [0x0D] = OTHER, [0x0E] = OTHER, [0x0F] = OTHER, [0x11] = OTHER
    };
    int64_t size = type < sizeof sizes ? sizes[type] : OTHER;
    if (size < 0) {
        if (size == OTHER || room < 5) return -1;
        size = int32_at(p);
        if (type != TEXT) { if (size < 5) return -1; }
        else {
            if (size < 1 || (uint64_t)size > room - 4 || p[4 + size - 1] != 0) return -1;
            size += 4;
        }
    }
    return (uint64_t)size > room ? -1 : size;
}

/* Eight bytes, the first of them the lowest. */
static uint64_t word_at(const uint8_t *p) {
    uint64_t word;
    memcpy(&word, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static inline void put_word(void *p, uint64_t word) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    memcpy(p, &word, 8);
}

#define ALL(byte) (0x0101010101010101ull * (byte))
/* The high bit of each byte that is 0, exactly up to the first of them. */
static uint64_t zeros(uint64_t word) { return (word - ALL(1)) & ~word & ALL(0x80); }

static inline Wide wide_at(const void *p) {
    Wide wide;
    memcpy(&wide, p, WIDE);
    return wide;
}
/* The highest bit of each byte, that of the first the lowest. */
static inline uint32_t high_bits(Wide wide) {
#ifdef __SSE2__
    return (uint32_t)_mm_movemask_epi8((__m128i)wide);
#else
    uint32_t bits = 0;
    for (int i = 0; i < WIDE; i++) bits |= (uint32_t)(wide[i] < 0) << i;
    return bits;
#endif
}

static uint64_t mixed(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * 0x9E3779B97F4A7C15ull;
    return hash ^ hash >> 32;
}

/* The size of a value that is sound whatever it is, LONGER where it has to be looked at, OTHER where it is Python's. */
static inline int fixed_size(uint8_t type) {
    switch (type) {
    case DOUBLE: case DATE: case INT64: return 8;
    case OBJECT_ID: return 12;
    case INT32: return 4;
    case NOTHING: return 0;
    case TEXT: case BLOCK: case LIST: case TRUTH: return LONGER;
    default: return OTHER;
    }
}

/* Whether these bytes are UTF-8 (RFC 3629): no surrogates, nothing overlong, nothing above 10FFFF. */
APART static int is_long_utf8(const uint8_t *p, size_t size) {
    const uint8_t *end = p + size;
    while (p < end) {
        uint64_t eight;
        if (end - p >= 8 && (memcpy(&eight, p, 8), !(eight & 0x8080808080808080ull))) { p += 8; continue; }
        uint8_t c = *p++;
        if (c < 0x80) continue;
        int more = c >= 0xC2 && c <= 0xDF ? 1 : (c & 0xF0) == 0xE0 ? 2 : c >= 0xF0 && c <= 0xF4 ? 3 : 0;
        if (!more || end - p < more) return 0;
        if ((c == 0xE0 && p[0] < 0xA0) || (c == 0xED && p[0] > 0x9F) || (c == 0xF0 && p[0] < 0x90)
            || (c == 0xF4 && p[0] > 0x8F)) return 0;
        for (; more; more--) if ((*p++ & 0xC0) != 0x80) return 0;
    }
    return 1;
}

/*
 * The same of at most sixteen bytes without a branch a letter: ASCII, and letters of two bytes, which begin with C2 to DF and
 * end with 80 to BF.
 */
static inline int is_short_utf8(Wide wide, size_t size) {
    uint32_t all = (1u << size) - 1, beyond = high_bits(wide) & all;
    uint32_t begin = high_bits((wide >= -62) & (wide <= -33)) & all, end = high_bits(wide < -64) & all;
    return (begin | end) == beyond && begin << 1 == end;
}

/* The same of a text in a document, which is ASCII nearly always; up to `last` more than all of a short one can be read. */
static inline int is_utf8(const uint8_t *p, size_t size, const uint8_t *last) {
    if (size <= WIDE) { /* no branch on its size: lengths follow no pattern */
        if (p <= last) {
            Wide wide = wide_at(p);
            if ((size_t)__builtin_ctz(high_bits(wide) | 1u << WIDE) >= size || is_short_utf8(wide, size)) return 1;
        }
    } else {
        Wide all = wide_at(p + size - WIDE);
        for (size_t i = 0; i < size - WIDE; i += WIDE) all |= wide_at(p + i);
        if (!high_bits(all)) return 1;
    }
    return is_long_utf8(p, size);
}

/* The size of a text that is sound, with its own size; -1 for every other. */
static inline int64_t text_size(const uint8_t *p, int64_t room, const uint8_t *last) {
    if (room < 5) return -1;
    int64_t size = int32_at(p);
    if (size < 1 || size > room - 4 || p[4 + size - 1] || !is_utf8(p + 4, (size_t)size - 1, last)) return -1;
    return size + 4;
}

/*
 * The size of a value that is sound, but for what a block or list holds; -1 for every other, or for Python's. There is
 * less than no room where it begins behind the end of what holds it.
 */
static inline int64_t sound_size(uint8_t type, const uint8_t *p, int64_t room, const uint8_t *last) {
    int64_t size;
    if (type == TEXT) return text_size(p, room, last);
    if (type == BLOCK || type == LIST) {
        if (room < 5) return -1;
        size = int32_at(p);
        return size < 5 || size > room || p[size - 1] ? -1 : size;
    }
    if (type == TRUTH) return room < 1 || *p > 1 ? -1 : 1;
    size = fixed_size(type);
    return size > room ? -1 : size;
}

typedef struct { const uint8_t *at; size_t size; uint64_t first, hash; } Name;

/* The name that begins at `p`, read eight bytes at a time; 0 where it is none of ASCII before `end`. */
static int name_at(const uint8_t *p, const uint8_t *end, Name *name) {
    const uint8_t *at = p;
    uint64_t hash = 0, first = 0;
    for (int words = 0;; words++) {
        uint64_t word = 0, zero;
        if (end - at >= 8) word = word_at(at), zero = zeros(word);
        else { /* what follows the end is as if it were 0 */
            for (int i = 0; at + i < end; i++) word |= (uint64_t)at[i] << 8 * i;
            zero = zeros(word);
        }
        int stop = zero ? __builtin_ctzll(zero) >> 3 : 8;
        if (stop < 8) word &= (1ull << 8 * stop) - 1;
        if (word & ALL(0x80)) return 0;
        hash = mixed(hash, word);
        if (!words) first = word;
        at += stop;
        if (stop < 8) break;
    }
    *name = (Name){p, (size_t)(at - p), first, hash};
    return at < end;
}

static int child_of(const Kernel *k, int node, const Name *name) {
    uint64_t at = mixed(name->hash, (uint64_t)node) & k->found_mask;
    for (int i; (i = k->found[at]) >= 0; at = (at + 1) & k->found_mask) {
        const Node *n = &k->nodes[i];
        if (n->hash == name->hash && n->parent == node && (size_t)n->name.size == name->size && n->first == name->first
            && (name->size <= 8 || !memcmp(n->name.at, name->at, name->size))) return i;
    }
    return -1;
}

/* Where a head is remembered, or is to be; NULL where there is no room near its place. */
static Step *place_of_step(Row *row, int node, const Wide *head, uint64_t hash) {
    uint64_t at = mixed(hash, (uint64_t)node);
    for (int i = 0; i < STEP_TRIES; i++) {
        Step *step = &row->steps[(at + (uint64_t)i) % STEPS];
        if (!step->size || (step->node == node && !memcmp(step->head, head, STEP_HEAD))) return step;
    }
    return NULL;
}

static Following none_met(Row *row) {
    Following none;
    for (int i = 0; i < FOLLOWING; i++) none.met[i] = &row->nowhere;
    return none;
}

/* What is to be known of a head in a block; 0 where a value of this type is Python's. */
static int take_step(Row *row, Step *step, int node, uint8_t type, const Name *name) {
    int child = child_of(row->kernel, node, name);
    const Node *found = child < 0 ? NULL : &row->kernel->nodes[child];
    if (fixed_size(type) == OTHER || (found && (found->place > 63 || !(found->types >> type & 1)))) return 0;
    *step = (Step){.node = node, .type = type, .child = -1, .slot = -1, .fixed = fixed_size(type)};
    step->size = (uint32_t)name->size + 2, step->mask = (uint32_t)((1ull << step->size % 64) - 1);
    step->next = none_met(row);
    step->holds = type == BLOCK || type == LIST;
    if (!found) return 1;
    step->slot = found->slot, step->each = found->each, step->bit = 1ull << found->place;
    if (found->children) step->child = child;
    return 1;
}

/* Before the first document nothing follows anything. */
static void begin_steps(Row *row) {
    row->nowhere.mask = 1u << (STEP_HEAD - 1); /* of a byte that is not compared */
    for (int i = 0; i < row->kernel->node_count; i++) row->firsts[i] = none_met(row);
}

/* The step of the head at `p`, which is looked up; NULL where its name is none of ASCII, or one of a DBRef (`$ref`). */
APART static Step *step_at(Row *row, int node, const uint8_t *p, const uint8_t *end, Following *next) {
    Name name;
    Step *step = NULL;
    Wide head[STEP_HEAD / WIDE] = {0};
    if (!name_at(p + 1, end, &name) || p[1] == '$') return NULL;
    if (name.size + 2 <= STEP_HEAD) {
        memcpy(head, p, name.size + 2);
        step = place_of_step(row, node, head, mixed(name.hash, *p));
    }
    if (!step || !step->size) {
        if (!step) step = &row->stranger;
        if (!take_step(row, step, node, *p, &name)) return NULL;
        memcpy(step->head, head, STEP_HEAD);
    }
    if (step != &row->stranger && next != &row->stranger.next) {
        memmove(next->met + 1, next->met, sizeof next->met - sizeof *next->met);
        next->met[0] = step;
    }
    return step;
}

/* Whether the head of a step stands at `p`, where STEP_HEAD bytes can be read. */
static inline int is_at(const Step *step, const uint8_t *p) {
    uint32_t same = high_bits(wide_at(p) == step->head[0]);
    if (step->size > WIDE) same |= high_bits(wide_at(p + WIDE) == step->head[1]) << WIDE;
    return !(~same & step->mask);
}

/* The step of the head at `p`: nearly always one of those that stood here before. */
static inline Step *met_at(Row *row, int node, const uint8_t *p, const uint8_t *end, Following *next) {
    if (p <= row->last)
        for (int i = 0; i < FOLLOWING; i++) if (is_at(next->met[i], p)) return next->met[i];
    return step_at(row, node, p, end, next);
}

/* What follows the name of an element of a list at `p`, a number; NULL where it is none. */
static inline const uint8_t *behind_number(const uint8_t *p, const uint8_t *end) {
    while (p < end && *p >= '0' && *p <= '9') p++;
    return p < end && !*p ? p + 1 : NULL;
}

/* What follows a name of ASCII at `p` that nobody asks for; NULL where it is none, or one of a DBRef (`$ref`). */
static inline const uint8_t *behind_name(const uint8_t *p, const uint8_t *end) {
    const uint8_t *at = p;
    if (p < end && *p == '$') return NULL;
    for (; end - at >= 8; at += 8) {
        uint64_t word = word_at(at), zero = zeros(word);
        if (zero) return word & ALL(0x80) & (zero ^ (zero - 1)) >> 8 ? NULL : at + (__builtin_ctzll(zero) >> 3) + 1;
        if (word & ALL(0x80)) return NULL;
    }
    while (at < end && *at && !(*at & 0x80)) at++;
    return at < end && !*at ? at + 1 : NULL;
}

/* Whether a block or list of `size` bytes, of which nothing is wanted, is sound and usual. */
static int skim(const Row *row, const uint8_t *p, size_t size, int is_list, int depth) {
    if (depth > MOST_DEPTH) return 0;
    const uint8_t *end = p + size - 1;
    for (p += 4; p < end;) {
        uint8_t type = *p++;
        p = is_list ? behind_number(p, end) : behind_name(p, end);
        if (!p) return 0;
        int64_t length = sound_size(type, p, end - p, row->last);
        if (length < 0) return 0;
        if ((type == BLOCK || type == LIST) && !skim(row, p, (size_t)length, type == LIST, depth + 1)) return 0;
        p += length;
    }
    return p == end;
}

static int walk(Row *row, const uint8_t *p, size_t size, int node, Value *slots, int depth);

#include "_rows_moulds.h"

/* Walk a block that may be like one before. */
static inline int walk_alike(Row *row, const uint8_t *p, size_t size, int node, Value *slots, int depth) {
    if (!is_mouldable(row, p, size)) return walk(row, p, size, node, slots, depth);
    Mould *mould = mould_of(row, p, size, node);
    if (mould && mould->size && fits(mould, p, size, slots)) return 1;
    if (!walk(row, p, size, node, slots, depth)) return 0;
    if (mould && !mould->size) take_mould(row->kernel, mould, p, size, node, slots);
    return 1;
}

/* Walk a list of blocks; `node` says what they are, `each` whether their values are kept. */
static int walk_list(Row *row, const uint8_t *p, size_t size, int node, int each, int depth) {
    if (depth > MOST_DEPTH) return 0;
    const uint8_t *end = p + size - 1;
    int kept = each - EACH_KEPT;
    for (p += 4; p < end;) {
        if (*p++ != BLOCK || !(p = behind_number(p, end))) return 0;
        int64_t length = sound_size(BLOCK, p, end - p, row->last);
        if (length < 0) return 0;
        Value *item = NULL;
        if (kept >= 0) {
            if (row->counts[kept] == MOST_ITEMS) return 0;
            item = row->items[kept][row->counts[kept]++];
            memset(item, 0, sizeof row->items[kept][0]);
        }
        int sound = node < 0 ? skim(row, p, (size_t)length, 0, depth + 1)
            : walk_alike(row, p, (size_t)length, node, item, depth + 1);
        if (!sound) return 0;
        p += length;
    }
    return p == end;
}

/* Walk what a block or list holds that stands in a block. */
APART static int walk_held(Row *row, const uint8_t *p, size_t size, const Step *step, Value *slots, int depth) {
    if (step->type == LIST && step->each) return walk_list(row, p, size, step->child, step->each, depth);
    if (step->type == LIST || step->child < 0) return skim(row, p, size, step->type == LIST, depth);
    return walk_alike(row, p, size, step->child, slots, depth);
}

/* Walk a block of `size` bytes, which it states, with its zero at the end; 1 if it is sound and usual. */
static int walk(Row *row, const uint8_t *p, size_t size, int node, Value *slots, int depth) {
    if (depth > MOST_DEPTH) return 0;
    const uint8_t *end = p + size - 1;
    uint64_t seen = 0;
    Following *next = &row->firsts[node];
    for (p += 4; p < end;) {
        Step *step = met_at(row, node, p, end, next);
        if (!step) return 0;
        next = &step->next;
        p += step->size;
        int64_t room = end - p, length = step->fixed;
        if (length < 0) length = step->type == TEXT ? text_size(p, room, row->last) : sound_size(step->type, p, room, row->last);
        else if (length > room) return 0;
        /* Of a name that stands twice the last counts in Python, and its whole block with it. */
        if (length < 0 || seen & step->bit) return 0;
        seen |= step->bit;
        if (step->slot >= 0) slots[step->slot] = (Value){p, (uint32_t)length, step->type};
        if (step->holds && !walk_held(row, p, (size_t)length, step, slots, depth + 1)) return 0;
        p += length;
    }
    return p == end;
}
