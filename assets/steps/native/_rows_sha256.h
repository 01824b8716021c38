/* SHA-256 (FIPS 180-4) and what is keyed by it (RFC 2104). Included by _rows.c. */
enum { SHA_BLOCK = 64, SHA_SIZE = 32 };

typedef struct { uint32_t state[8]; uint8_t block[SHA_BLOCK]; uint64_t size; } Sha;

static const uint32_t SHA_ROUNDS[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
};

static uint32_t turned(uint32_t word, int by) { return word >> by | word << (32 - by); }

static void sha_block(uint32_t *state, const uint8_t *p) {
    uint32_t w[64], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
    for (int i = 0; i < 16; i++, p += 4) w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    for (int i = 16; i < 64; i++)
        w[i] = w[i - 16] + w[i - 7] + (turned(w[i - 15], 7) ^ turned(w[i - 15], 18) ^ w[i - 15] >> 3)
            + (turned(w[i - 2], 17) ^ turned(w[i - 2], 19) ^ w[i - 2] >> 10);
    for (int i = 0; i < 64; i++) {
        uint32_t one = h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + ((e & f) ^ (~e & g)) + SHA_ROUNDS[i] + w[i];
        uint32_t two = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + one, d = c, c = b, b = a, a = one + two;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

static void sha_begin(Sha *sha) {
    static const uint32_t first[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(sha->state, first, sizeof first);
    sha->size = 0;
}

static void sha_add(Sha *sha, const void *text, size_t size) {
    const uint8_t *p = text;
    size_t held = sha->size % SHA_BLOCK;
    sha->size += size;
    for (size_t taken; size; p += taken, size -= taken, held = 0) {
        taken = size < SHA_BLOCK - held ? size : SHA_BLOCK - held;
        memcpy(sha->block + held, p, taken);
        if (held + taken == SHA_BLOCK) sha_block(sha->state, sha->block);
    }
}

static void sha_end(Sha *sha, uint8_t *digest) {
    uint64_t bits = sha->size * 8;
    uint8_t length[8];
    size_t held = sha->size % SHA_BLOCK;
    static const uint8_t padding[SHA_BLOCK] = {0x80};
    for (int i = 0; i < 8; i++) length[i] = (uint8_t)(bits >> (56 - 8 * i));
    sha_add(sha, padding, held < 56 ? 56 - held : SHA_BLOCK + 56 - held);
    sha_add(sha, length, 8);
    for (int i = 0; i < SHA_SIZE; i++) digest[i] = (uint8_t)(sha->state[i / 4] >> (24 - 8 * (i % 4)));
}

static void sha256(const void *text, size_t size, uint8_t *digest) {
    Sha sha;
    sha_begin(&sha);
    sha_add(&sha, text, size);
    sha_end(&sha, digest);
}

/* What a key of at most a block has made of both states, so that each text costs two blocks less. */
typedef struct { Sha inner, outer; } Keyed;

static void keyed_begin(Keyed *keyed, const uint8_t *key, size_t size) {
    uint8_t block[SHA_BLOCK] = {0};
    memcpy(block, key, size < SHA_BLOCK ? size : SHA_BLOCK);
    for (int i = 0; i < SHA_BLOCK; i++) block[i] ^= 0x36;
    sha_begin(&keyed->inner), sha_add(&keyed->inner, block, SHA_BLOCK);
    for (int i = 0; i < SHA_BLOCK; i++) block[i] ^= 0x36 ^ 0x5c;
    sha_begin(&keyed->outer), sha_add(&keyed->outer, block, SHA_BLOCK);
}

static void keyed_digest(const Keyed *keyed, const void *text, size_t size, uint8_t *digest) {
    Sha sha = keyed->inner;
    sha_add(&sha, text, size);
    sha_end(&sha, digest);
    sha = keyed->outer;
    sha_add(&sha, digest, SHA_SIZE);
    sha_end(&sha, digest);
}
