/* A plugin of qemu-aarch64 (7.2, plugin interface 1) that counts executed A64 instructions by kind, and writes the counts to
 * the file given as out=FILE when the program ends. Counts of a block of code are added when it is entered, which is exact but
 * for a fault in the middle of a block. One counter for all threads: only programs with one thread are counted exactly.
 *
 * Debian ships no qemu-plugin.h; what is used of it is declared here. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { INLINE_ADD_U64 = 0 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, int operation, void *counter, uint64_t added);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);

#define EXPORTED __attribute__((visibility("default")))
EXPORTED int qemu_plugin_version = 1;

enum kind { ALL, LOADS, STORES, DOTS, MULTIPLIES, KINDS };
static const char *const names[KINDS] = {"instructions", "loads", "stores", "dots", "multiplies"};
static uint64_t counts[KINDS];
static const char *output;

struct pattern {
    uint32_t mask, value;
};

static int matches(uint32_t word, const struct pattern *patterns, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if ((word & patterns[i].mask) == patterns[i].value) return 1;
    }
    return 0;
}

#define MATCHES(word, patterns) matches(word, patterns, sizeof(patterns) / sizeof *(patterns))

/* Dot products and matrix multiplications of bytes, of NEON and SVE. */
static const struct pattern dots[] = {
    {0xBFE0FC00, 0x0E809400}, /* sdot */
    {0xBFE0FC00, 0x2E809400}, /* udot */
    {0xBFE0FC00, 0x0E809C00}, /* usdot */
    {0xBFC0F400, 0x0F80E000}, /* sdot by element */
    {0xBFC0F400, 0x2F80E000}, /* udot by element */
    {0xBFC0F400, 0x0F80F000}, /* usdot by element */
    {0xBFC0F400, 0x0F00F000}, /* sudot by element */
    {0xFFE0FC00, 0x4E80A400}, /* smmla */
    {0xFFE0FC00, 0x6E80A400}, /* ummla */
    {0xFFE0FC00, 0x4E80AC00}, /* usmmla */
    {0xFFE0F800, 0x44800000}, /* SVE sdot, udot */
    {0xFFE0FC00, 0x44807800}, /* SVE usdot */
    {0xFF20FC00, 0x45009800}, /* SVE smmla, usmmla, ummla */
};

/* Multiplications of NEON integer vectors: plain and widening, with and without accumulation. */
static const struct pattern multiplies[] = {
    {0x9F20FC00, 0x0E208000}, /* smlal, umlal */
    {0x9F20FC00, 0x0E20A000}, /* smlsl, umlsl */
    {0x9F20FC00, 0x0E20C000}, /* smull, umull */
    {0x9F00F400, 0x0F002000}, /* smlal, umlal by element */
    {0x9F00F400, 0x0F006000}, /* smlsl, umlsl by element */
    {0x9F00F400, 0x0F00A000}, /* smull, umull by element */
    {0x9F20FC00, 0x0E209400}, /* mla, mls */
    {0xBF20FC00, 0x0E209C00}, /* mul */
    {0xBF00F400, 0x0F008000}, /* mul by element */
    {0xBF00F400, 0x2F000000}, /* mla by element */
    {0xBF00F400, 0x2F004000}, /* mls by element */
};

/* LOADS, STORES, or KINDS for neither (prefetches too). */
static enum kind memory_kind(uint32_t word) {
    unsigned group = word >> 25 & 15, upper = word >> 27 & 7, vector = word >> 26 & 1, opc = word >> 22 & 3;
    if (group == 2 && word >> 31) return word >> 29 == 7 ? STORES : LOADS; /* SVE */
    if ((group & 5) != 4) return KINDS;
    if (upper == 3) return vector || word >> 30 != 3 ? LOADS : KINDS; /* literal */
    if (upper != 7) return opc & 1 ? LOADS : STORES;                  /* pairs, exclusives, structures */
    if (!vector && word >> 30 == 3 && opc == 2) return KINDS;         /* prefetch */
    int loads = vector ? opc & 1 : opc != 0;
    return loads ? LOADS : STORES;
}

static void count_block(qemu_plugin_id_t id, struct qemu_plugin_tb *block) {
    (void)id;
    uint64_t here[KINDS] = {0};
    here[ALL] = qemu_plugin_tb_n_insns(block);
    for (size_t i = 0; i < here[ALL]; i++) {
        uint32_t word;
        memcpy(&word, qemu_plugin_insn_data(qemu_plugin_tb_get_insn(block, i)), sizeof word);
        enum kind kind = memory_kind(word);
        if (kind != KINDS) here[kind]++;
        here[DOTS] += (uint64_t)MATCHES(word, dots);
        here[MULTIPLIES] += (uint64_t)MATCHES(word, multiplies);
    }
    for (int kind = 0; kind < KINDS; kind++) {
        if (here[kind]) qemu_plugin_register_vcpu_tb_exec_inline(block, INLINE_ADD_U64, &counts[kind], here[kind]);
    }
}

static void write_counts(qemu_plugin_id_t id, void *nothing) {
    (void)id, (void)nothing;
    FILE *file = fopen(output, "w");
    if (file == NULL) return;
    for (int kind = 0; kind < KINDS; kind++) fprintf(file, "%s %" PRIu64 "\n", names[kind], counts[kind]);
    fclose(file);
}

EXPORTED int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv) {
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "out=", 4) == 0) output = strdup(argv[i] + 4);
    }
    if (output == NULL) return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, count_block);
    qemu_plugin_register_atexit_cb(id, write_counts, NULL);
    return 0;
}
