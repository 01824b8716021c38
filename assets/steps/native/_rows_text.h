/* Texts that need no cleaning, and what is left of them in a line. Included by _rows.c. */

static int has_bit(const uint8_t *bits, uint32_t c) { return bits[c >> 3] >> (c & 7) & 1; }

/* The character that begins at `p`, in UTF-8 that was looked at; `p` is behind it then. */
static uint32_t character_at(const uint8_t **p) {
    const uint8_t *at = *p;
    uint32_t c = at[0];
    if (c < 0x80) { *p += 1; return c; }
    if (c < 0xE0) { *p += 2; return (c & 0x1F) << 6 | (at[1] & 0x3F); }
    if (c < 0xF0) { *p += 3; return (c & 0x0F) << 12 | (at[1] & 0x3Fu) << 6 | (at[2] & 0x3F); }
    *p += 4;
    return (c & 0x07) << 18 | (at[1] & 0x3Fu) << 12 | (at[2] & 0x3Fu) << 6 | (at[3] & 0x3F);
}

static inline Wide odd_wide(const char *at) {
    Wide wide = wide_at(at);
    return (wide < ' ') | (wide == 0x7F); /* beyond ASCII they are negative */
}
static inline uint64_t odd_word(uint64_t word) { return (word | (word - ALL(' ')) | zeros(word ^ ALL(0x7F))) & ALL(0x80); }

/* Whether a text of at least four bytes is printable ASCII, as nearly all are. */
static inline int is_printable(const char *at, size_t size) {
    if (size >= WIDE) {
        Wide odd = odd_wide(at + size - WIDE);
        for (size_t i = 0; i < size - WIDE; i += WIDE) odd |= odd_wide(at + i);
        return !high_bits(odd);
    }
    uint64_t first, last;
    if (size >= 8) {
        memcpy(&first, at, 8), memcpy(&last, at + size - 8, 8);
        return !(odd_word(first) | odd_word(last));
    }
    uint32_t ends[2];
    if (size < 4) return 0;
    memcpy(ends, at, 4), memcpy(ends + 1, at + size - 4, 4);
    return !odd_word((uint64_t)ends[0] << 32 | ends[1]);
}

/*
 * Whether a text needs no cleaning: printable ASCII, letters that NFC leaves alone, and each of its
 * marks behind one of these (letters.py). `astral`: characters of two UTF-16 units.
 */
static int is_simple(const Kernel *k, Slice s, int *astral) {
    const uint8_t *p = (const uint8_t *)s.at, *end = p + s.size;
    int bears = 0; /* whether what stands before may bear a mark */
    *astral = 0;
    if (is_printable(s.at, (size_t)s.size)) return 1;
    while (p < end) {
        uint64_t eight;
        if (end - p >= 8 && (memcpy(&eight, p, 8), !odd_word(eight))) {
            p += 8, bears = 1;
            continue;
        }
        uint32_t c = character_at(&p);
        if (c < 0x80) { if (c < 0x20 || c == 0x7F) return 0; bears = 1; continue; }
        if (c >= LETTERS) return 0;
        *astral |= c >= 0x10000;
        if (has_bit(k->simple, c)) { bears = 1; continue; }
        if (!bears || !has_bit(k->marks, c)) return 0;
        bears = 0;
    }
    return 1;
}

/* Of the bytes of a short text those of which a test says so, a bit each. */
#define WHERE(test, s) \
    ((high_bits(test(wide_at((s).at))) | high_bits(test(wide_at((s).at + WIDE))) << WIDE) & first_bits((size_t)(s).size))

static inline Wide is_digits(Wide wide) { return (wide >= '0') & (wide <= '9'); }
static inline Wide is_capital(Wide wide) { return (wide >= 'A') & (wide <= 'Z'); }
static inline Wide unlike_a_word(Wide wide) {
    Wide low = wide | 32;
    return ~(((low >= 'a') & (low <= 'z')) | is_digits(wide) | (wide == '_'));
}
static inline Wide is_special(Wide wide) { return (wide < ' ') | (wide == 0x7F) | (wide == '"'); }

/* Whether a text of the document has at most SHORT bytes, but not none, and so many can be read. */
static inline int is_short(const Row *row, Slice s) {
    return (size_t)s.size - 1 < SHORT && (const uint8_t *)s.at <= row->last;
}

/* Whether a short text has at most `length` bytes (0: no bound), and ends with no space. */
static inline int is_ended(const Row *row, Slice s, int length) {
    return is_short(row, s) && !(length && s.size > length) && s.at[s.size - 1] != ' ';
}

/* Whether a text stands in its cell as it is: printable ASCII without a quote that begins with a letter or a digit. */
static inline int is_plain(const Row *row, Slice s, int length) {
    return is_ended(row, s, length) && (is_digit(*s.at) || is_letter(*s.at)) && !WHERE(is_special, s);
}

/* The same of a text in which letters of two bytes may be, as in three names of ten. */
static inline int is_plain_text(const Row *row, Slice s, int length) {
    if (!is_ended(row, s, length) || !(is_digit(*s.at) || is_letter(*s.at) || (uint8_t)*s.at >= 0x80)) return 0;
    for (uint32_t special = WHERE(is_special, s); special; special &= special - 1) {
        const uint8_t *at = (const uint8_t *)s.at + __builtin_ctz(special);
        if (*at < 0xC2 || *at > 0xDF || !has_bit(row->kernel->simple, (*at & 0x1Fu) << 6 | (at[1] & 0x3F))) return 0;
        special &= special - 1; /* its second byte */
    }
    return 1;
}

static Slice stripped(Slice s) {
    while (s.size && *s.at == ' ') s.at++, s.size--;
    while (s.size && s.at[s.size - 1] == ' ') s.size--;
    return s;
}

/* The letter that is composed of two characters (letters.py), or 0. */
static uint32_t both_of(const Kernel *k, uint32_t first, uint32_t second) {
    Py_ssize_t low = 0, high = k->pair_count;
    while (low < high) {
        Py_ssize_t middle = (low + high) / 2;
        const uint32_t *pair = k->pairs[middle];
        if (pair[0] == first && pair[1] == second) return pair[2];
        if (pair[0] < first || (pair[0] == first && pair[1] < second)) low = middle + 1; else high = middle;
    }
    return 0;
}

static int utf8_size(uint32_t c) { return c < 0x80 ? 1 : c < 0x800 ? 2 : 3; }

/* A character of at most three bytes, and its size. */
static int put_character(char *at, uint32_t c) {
    int size = utf8_size(c);
    at[0] = (char)(size == 1 ? c : size == 2 ? 0xC0 | c >> 6 : 0xE0 | c >> 12);
    for (int i = 1; i < size; i++) at[i] = (char)(0x80 | (c >> 6 * (size - 1 - i) & 0x3F));
    return size;
}

/*
 * The same text with letters composed of what stands side by side, as some keyboards send it. It is canonically
 * equivalent, so if it is simple, it is the normal form. No pair is shorter than what it becomes.
 */
APART static Slice composed(Row *row, Slice s) {
    const uint8_t *p = (const uint8_t *)s.at, *end = p + s.size;
    char *to = row->composed, *last = to;
    for (uint32_t before = 0; p < end;) {
        const uint8_t *from = p;
        uint32_t c = character_at(&p), both = both_of(row->kernel, before, c);
        if (both) { to = last + put_character(last, both), before = both; continue; }
        memcpy(to, from, (size_t)(p - from));
        last = to, to += p - from, before = c;
    }
    return (Slice){row->composed, to - row->composed};
}

/*
 * One clean line of at most `length` characters (0: no cut), there until the next is asked for; 0 where it would have
 * to be cleaned.
 */
APART static int line_of(Row *row, Value v, int length, Slice *line) {
    const Kernel *k = row->kernel;
    int astral;
    if (v.type != TEXT) return 0;
    *line = text_of(v);
    if (line->size > MOST_CELL) return 0;
    if (!is_simple(k, *line, &astral) && !is_simple(k, *line = composed(row, *line), &astral)) return 0;
    *line = stripped(*line);
    if (length && line->size > length) {
        if (astral) return 0; /* whether these count as one or two is the dialect's */
        Py_ssize_t at = 0;
        for (int kept = 0; at < line->size; at++)
            if (((uint8_t)line->at[at] & 0xC0) != 0x80 && kept++ == length) break;
        line->size = at;
    }
    return 1;
}
