/* A plugin for qemu (TCG, 4.2 and later) that counts executed instructions exactly.
 *
 *     cc -O2 -shared -fPIC -o count.so count.c
 *     qemu-system-arm ... -plugin count.so,marks=FILE,at=ADDRESS
 *
 * writes the number of instructions executed so far to FILE, a line each time the instruction at ADDRESS (hexadecimal) runs, and one at the end.
 * One processor only: the counter is not atomic. The declarations are the few of qemu's plugin interface, version 1, that it uses. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t PluginId;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
void   qemu_plugin_register_vcpu_tb_trans_cb(PluginId, void (*)(PluginId, struct qemu_plugin_tb *));
void   qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, int operation, void *pointer, uint64_t amount);
void   qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, void (*)(unsigned processor, void *), int flags, void *);
void   qemu_plugin_register_atexit_cb(PluginId, void (*)(PluginId, void *), void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
uint64_t                 qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
enum { ADD_U64 = 0, NO_REGISTERS = 0, MARKS = 1 << 16 };

#define EXPORTED __attribute__((visibility("default")))
EXPORTED int qemu_plugin_version = 1;
EXPORTED int qemu_plugin_install(PluginId id, const void *info, int argument_count, char **arguments);

static uint64_t total, address = UINT64_MAX, marks[MARKS];
static size_t   mark_count;
static char     path[4096];

static void take_mark(unsigned processor, void *unused) {
  (void)processor, (void)unused;
  if (mark_count < MARKS) marks[mark_count++] = total;
}

static void translated(PluginId id, struct qemu_plugin_tb *block) {
  (void)id;
  for (size_t i = 0, count = qemu_plugin_tb_n_insns(block); i < count; i++) {
    struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, i);
    if (qemu_plugin_insn_vaddr(instruction) == address) qemu_plugin_register_vcpu_insn_exec_cb(instruction, take_mark, NO_REGISTERS, NULL);
    qemu_plugin_register_vcpu_insn_exec_inline(instruction, ADD_U64, &total, 1);
  }
}

static void ended(PluginId id, void *unused) {
  (void)id, (void)unused;
  FILE *file = fopen(path, "w");
  if (!file) return;
  for (size_t i = 0; i < mark_count; i++) fprintf(file, "%llu\n", (unsigned long long)marks[i]);
  fprintf(file, "%llu\n", (unsigned long long)total);
  fclose(file);
}

int qemu_plugin_install(PluginId id, const void *info, int argument_count, char **arguments) {
  (void)info;
  for (int i = 0; i < argument_count; i++) {
    if (strncmp(arguments[i], "marks=", 6) == 0) snprintf(path, sizeof path, "%s", arguments[i] + 6);
    else if (strncmp(arguments[i], "at=", 3) == 0) address = strtoull(arguments[i] + 3, NULL, 16) & ~1ull; /* bit 0: Thumb */
    else return -1;
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_atexit_cb(id, ended, NULL);
  return 0;
}
