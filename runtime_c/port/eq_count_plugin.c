/* eq_count_plugin.c - TCG plugin: how often each instruction ran between the marks of eq_port.h.
 *
 * Runs inside QEMU on the build machine, in system mode and in user mode. Every translated
 * instruction adds one to a counter of its own address, inline, so the counts are exact.
 * At each mark the changes since the last mark are appended to the file `out=`:
 *     mark <1 start, 2 layer, 3 stop>
 *     <address, hex> <times run since the last mark>
 * The prototypes are the stable plugin interface, version 1.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void (*tb_trans_cb)(qemu_plugin_id_t, struct qemu_plugin_tb *);
typedef void (*udata_cb)(unsigned int, void *);
enum { CB_NO_REGS = 0, INLINE_ADD_U64 = 0 };

extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, tb_trans_cb);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
extern const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
extern size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
extern void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, int, void *,
                                                       uint64_t);
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, udata_cb, int,
                                                   void *);
extern int qemu_plugin_version;
extern int qemu_plugin_install(qemu_plugin_id_t, const void *, int, char **);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

enum { PAGE_BITS = 12, SLOTS = 1 << (PAGE_BITS - 1), BUCKETS = 4096 };
enum { MARK_START = 1, MARK_LAYER = 2, MARK_STOP = 3 };

struct page {
    uint64_t base;
    struct page *next;
    uint64_t now[SLOTS];
    uint64_t before[SLOTS];
};

static struct page *pages[BUCKETS];
static FILE *out;
static bool counting;

static struct page *page_of(uint64_t address)
{
    const uint64_t base = address >> PAGE_BITS;
    struct page **bucket = &pages[base % BUCKETS];
    struct page *p;
    for (p = *bucket; p != NULL; p = p->next) {
        if (p->base == base) {
            return p;
        }
    }
    p = calloc(1, sizeof *p);
    if (p == NULL) {
        abort();
    }
    p->base = base;
    p->next = *bucket;
    *bucket = p;
    return p;
}

static int mark_of(const struct qemu_plugin_insn *insn)
{
    static const uint32_t a64[] = {0xaa0a03eau, 0xaa0903e9u, 0xaa0b03ebu};
    static const uint32_t a32[] = {0xe1a0a00au, 0xe1a09009u, 0xe1a0b00bu};
    static const uint16_t t16[] = {0x46d2u, 0x46c9u, 0x46dbu};
    /* QEMU 7.2 looks ahead at the last halfword of a page of 1 KB and adds it to a 16-bit
     * instruction before it */
    const bool ahead = (qemu_plugin_insn_vaddr(insn) & 1023u) == 1020u;
    const size_t size = qemu_plugin_insn_size(insn);
    uint32_t word = 0;
    uint16_t half = 0;
    int i;
    memcpy(&half, qemu_plugin_insn_data(insn), 2);
    memcpy(&word, qemu_plugin_insn_data(insn), size == 2 ? 2 : 4);
    for (i = 0; i < 3; i++) {
        if (((size == 2 || ahead) && half == t16[i])
            || (size == 4 && (word == a64[i] || word == a32[i]))) {
            return MARK_START + i;
        }
    }
    return 0;
}

static void on_mark(unsigned int vcpu, void *data)
{
    const int mark = (int)(intptr_t)data;
    const bool report = counting;
    size_t b;
    int i;
    (void)vcpu;
    fprintf(out, "mark %d\n", mark);
    for (b = 0; b < BUCKETS; b++) {
        struct page *p;
        for (p = pages[b]; p != NULL; p = p->next) {
            for (i = 0; i < SLOTS; i++) {
                if (p->now[i] != p->before[i]) {
                    if (report) {
                        fprintf(out, "%" PRIx64 " %" PRIu64 "\n",
                                (p->base << PAGE_BITS) + 2 * (uint64_t)i,
                                p->now[i] - p->before[i]);
                    }
                    p->before[i] = p->now[i];
                }
            }
        }
    }
    counting = mark != MARK_STOP && (counting || mark == MARK_START);
    fflush(out);
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    const size_t n = qemu_plugin_tb_n_insns(tb);
    size_t i;
    (void)id;
    for (i = 0; i < n; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        const uint64_t address = qemu_plugin_insn_vaddr(insn);
        const int mark = mark_of(insn);
        if (mark != 0) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, CB_NO_REGS,
                                                   (void *)(intptr_t)mark);
        } else {
            uint64_t *slot = &page_of(address)->now[(address >> 1) % SLOTS];
            qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD_U64, slot, 1);
        }
    }
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id,
                                                               const void *info, int argc,
                                                               char **argv)
{
    (void)info;
    if (argc != 1 || strncmp(argv[0], "out=", 4) != 0) {
        return -1;
    }
    out = fopen(argv[0] + 4, "w");
    if (out == NULL) {
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
    return 0;
}
