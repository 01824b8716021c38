/*
 * Moulds: what is the same in blocks that were walked and in those after them. A block with the same names, types and
 * sizes in the same places is as sound as the one before if its texts are ASCII and its truths are 0 or 1, which is
 * seen of sixteen bytes at once, and its values lie where they lay there. Of a hundred items of lists 97 are like one
 * before, and a row in C takes 16 % less than with a walk through each (decision 27). Included by _rows_walk.h.
 */
/* Longer blocks are hardly ever alike; with twice as many moulds, documents of which no blocks are took 4 % more. */
enum { MOST_MOULDED = 192, MOULD_WIDES = MOST_MOULDED / WIDE, MOST_LYING = 8, MOULDS = 128, MOULD_TRIES = 4 };

/* A value and its slot; instead of where it is `at` it has how far from the beginning. */
typedef struct { Value value; int slot; } Lying;
struct Mould {
    uint64_t begins;
    uint32_t size;   /* 0: none was walked */
    int node, count; /* what the block is; the values that are kept of it */
    Lying lying[MOST_LYING];
    Wide looked_at[MOULD_WIDES], stands[MOULD_WIDES]; /* the bits that are the same in all, and how they stand */
};

/* Whether a block may have a mould, and as many bytes can be read as one has. */
static inline int is_mouldable(const Row *row, const uint8_t *p, size_t size) {
    return size <= MOST_MOULDED && p + MOST_MOULDED <= row->last + SHORT;
}

/*
 * The place of the mould of blocks of this size that begin with this name, as items differ by their keys, which stand
 * first; NULL where no room is left.
 */
static inline Mould *mould_of(Row *row, const uint8_t *p, size_t size, int node) {
    uint64_t begins = word_at(p + 5), at = mixed(begins, (uint64_t)node << 32 | size);
    for (uint64_t i = 0; i < MOULD_TRIES; i++) {
        Mould *mould = &row->moulds[(at + i) % MOULDS];
        if (!mould->size || (mould->begins == begins && mould->size == size && mould->node == node)) return mould;
    }
    return NULL;
}

/* What is not as in a mould in sixteen bytes of a block, and in 64: its bits are 1. */
static inline Wide odd_at(const Mould *mould, const uint8_t *p, int i) {
    return (wide_at(p + i * WIDE) & mould->looked_at[i]) ^ mould->stands[i];
}
static inline Wide odd_in(const Mould *mould, const uint8_t *p, int i) {
    return odd_at(mould, p, i) | odd_at(mould, p, i + 1) | odd_at(mould, p, i + 2) | odd_at(mould, p, i + 3);
}

/* Whether a block has the shape of a mould; what is kept of it is in its place then. */
static inline int fits(const Mould *mould, const uint8_t *p, size_t size, Value *slots) {
    Wide odd = odd_in(mould, p, 0) | odd_in(mould, p, 4); /* no branch on what follows no pattern */
    if (size > 128) odd |= odd_in(mould, p, 8);
    if (high_bits(odd == 0) != 0xFFFF) return 0;
    for (int i = 0; i < mould->count; i++) {
        Value *value = &slots[mould->lying[i].slot];
        *value = mould->lying[i].value, value->at = p + (uintptr_t)value->at;
    }
    return 1;
}

static void take_values(uint8_t *looked_at, uint8_t *stands, int bits, size_t size) {
    memset(looked_at, bits, size), memset(stands, 0, size);
}

/* What is looked at of a block that is sound, and how it stands: all but its values. */
static void take_shape(uint8_t *looked_at, uint8_t *stands, const uint8_t *p, size_t size) {
    memset(looked_at, 0xFF, size);
    memcpy(stands, p, size);
    for (size_t at = 4; at < size - 1;) {
        uint8_t type = p[at++];
        while (p[at++]) continue;
        size_t length = (size_t)value_size(type, p + at, size - 1 - at);
        if (type == BLOCK || type == LIST) take_shape(looked_at + at, stands + at, p + at, length);
        else if (type == TEXT) take_values(looked_at + at + 4, stands + at + 4, 0x80, length - 5); /* a 0 is behind it */
        else take_values(looked_at + at, stands + at, type == TRUTH ? 0xFE : 0, length);
        at += length;
    }
}

/* How many slots the values of a block go into, or of an item of a list. */
static int slots_in(const Kernel *k, int node) {
    const Node *one = &k->nodes[node];
    if (one->each == EACH_BLOCK || one->in_item == IN_BLOCK) return 0;
    return one->each || one->in_item ? ITEM_FIELDS : k->slot_count;
}

/* Keep the mould of a block that was walked. */
APART static void take_mould(const Kernel *k, Mould *mould, const uint8_t *p, size_t size, int node, const Value *slots) {
    mould->count = 0;
    for (int i = 0, count = slots_in(k, node); i < count; i++) {
        if (slots[i].type == ABSENT || slots[i].at < p || slots[i].at >= p + size) continue;
        if (mould->count == MOST_LYING) return;
        const uint8_t *offset = (const uint8_t *)(uintptr_t)(slots[i].at - p);
        mould->lying[mould->count++] = (Lying){{offset, slots[i].size, slots[i].type}, i};
    }
    take_shape((uint8_t *)mould->looked_at, (uint8_t *)mould->stands, p, size);
    mould->begins = word_at(p + 5), mould->size = (uint32_t)size, mould->node = node;
}
