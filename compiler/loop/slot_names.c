/* Names for the slots of a code, the same for every printer.
 *
 * A slot keeps its name where no enclosing scope uses it yet; else it gets the first free number: `i`, `i_1`. Names of operands, of buffers in
 * entries, of symbols and the words of the text form are taken throughout, so that a bare word means one thing. Sibling blocks may use a name
 * again, as in C. */
#include "loop.h"

#include <string.h>

static const char *const keywords[] = {
  "for", "in", "step", "parallel", "unroll", "accumulates", "while", "if", "else", "let", "var", "return", "call", "copy", "assign", "fail", "node",
  "note", "true", "false", "inf", "nan", "of",
#define LOOP_OP(name, text, operands, result, meaning) text,
#include "loop_ops.def"
#undef LOOP_OP
#define SCALAR(name, text, bytes) text,
  SCALARS(SCALAR)
#undef SCALAR
};

const char *loop_keyword(uint32_t index) { return index < sizeof keywords / sizeof *keywords ? keywords[index] : NULL; }

typedef struct NameEntry {
  const char *name;
  uint64_t    hash;
  bool        is_visible;
  uint32_t    next;         /* all numbers below it are visible behind this name; 0 as 1 */
  uint32_t    stem, number; /* of a numbered name: the entry of its stem; number 0: none */
} NameEntry;

typedef struct Naming {
  const Code *code;
  Arena *arena;
  const char **names;      /* by slot; NULL: not named yet */
  NameEntry *entries; uint32_t size; /* open addressing; a power of two, at most half full */
  uint32_t left;           /* statements still to come: a broken list that runs in a circle ends, too */
  VECTOR(uint32_t) visible; /* entries of the open scopes, innermost last */
} Naming;

/* Where the name is, or would be. */
static uint32_t find_entry(const Naming *naming, const char *name, uint64_t hash) {
  for (uint32_t at = (uint32_t)(hash ^ hash >> 32) & (naming->size - 1);; at = (at + 1) & (naming->size - 1)) {
    const NameEntry *entry = &naming->entries[at];
    if (!entry->name || (entry->hash == hash && strcmp(entry->name, name) == 0)) return at;
  }
}

/* False if the name is visible already. */
static bool show_name(Naming *naming, const char *name) {
  uint64_t hash = loop_hash(name, strlen(name));
  uint32_t at = find_entry(naming, name, hash);
  if (naming->entries[at].is_visible) return false;
  naming->entries[at] = (NameEntry){ .name = name, .hash = hash, .is_visible = true, .next = naming->entries[at].next };
  vector_push(naming->arena, &naming->visible, at);
  return true;
}

static void name_slot(Naming *naming, Slot slot) {
  if (slot == 0 || slot >= naming->code->slots.count || naming->names[slot]) return;
  const char *stem = naming->code->slots.data[slot].name, *name = stem;
  if (!show_name(naming, name)) {
    uint32_t at = find_entry(naming, stem, loop_hash(stem, strlen(stem))), number = naming->entries[at].next ? naming->entries[at].next : 1;
    while (!show_name(naming, name = loop_numbered_name(naming->arena, stem, number))) number++;
    naming->entries[at].next = number + 1;
    NameEntry *shown = &naming->entries[naming->visible.data[naming->visible.count - 1]];
    shown->stem = at;
    shown->number = number;
  }
  naming->names[slot] = name;
}

static void hide_names(Naming *naming, uint32_t count) {
  while (naming->visible.count > count) {
    NameEntry *entry = &naming->entries[naming->visible.data[--naming->visible.count]];
    entry->is_visible = false;
    if (entry->number && entry->number < naming->entries[entry->stem].next) naming->entries[entry->stem].next = entry->number;
  }
}

/* The depth of blocks is bounded by LOOP_MAX_BLOCKS. */
static void name_statements(Naming *naming, Stmt stmt) {
  uint32_t outside = naming->visible.count;
  for (; stmt && stmt < naming->code->stmts.count && naming->left; stmt = stmt_at(naming->code, stmt)->next) {
    const StmtNode *node = stmt_at(naming->code, stmt);
    uint32_t before = naming->visible.count;
    naming->left--;
    if (node->kind == STMT_FOR || node->kind == STMT_LET || node->kind == STMT_VAR) name_slot(naming, node->slot);
    if (node->body) name_statements(naming, node->body);
    if (node->otherwise) name_statements(naming, node->otherwise);
    if (node->kind == STMT_FOR) hide_names(naming, before);
  }
  hide_names(naming, outside);
}

static void take_names(Naming *naming, const Program *program) {
  const Code *code = naming->code;
  for (uint32_t i = 0; loop_keyword(i); i++) show_name(naming, loop_keyword(i));
  for (uint32_t i = 0; i < program->dims->symbols.count; i++) show_name(naming, program->dims->symbols.data[i].name);
  for (uint32_t i = 0; i < code->operands.count; i++) show_name(naming, code->operands.data[i].name);
  if (code->kind != CODE_ENTRY) return;
  for (uint32_t i = 0; i < program->buffers.count; i++) show_name(naming, program->buffers.data[i].name);
}

const char **code_slot_names(const Program *program, const Code *code, Arena *arena) {
  Naming naming = { .code = code, .arena = arena, .left = code->stmts.count };
  uint64_t most = (uint64_t)code->slots.count + code->operands.count + program->dims->symbols.count + 128;
  if (code->kind == CODE_ENTRY) most += program->buffers.count;
  for (naming.size = 256; naming.size < 2 * most; naming.size *= 2) {}
  naming.entries = arena_array(arena, NameEntry, naming.size);
  naming.names = arena_array(arena, const char *, code->slots.count + 1u);
  naming.names[0] = "none";
  take_names(&naming, program);
  for (Slot slot = 1; slot <= code->parameter_count; slot++) name_slot(&naming, slot);
  name_statements(&naming, code->body);
  for (Slot slot = 1; slot < code->slots.count; slot++) name_slot(&naming, slot); /* what no statement defines */
  return naming.names;
}
