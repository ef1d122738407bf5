/* Common subexpressions: of two nodes in one graph with equal operator, attributes and operands the later one goes, and so does the second of
 * two constants with equal type and contents.
 *
 * One sweep in execution order, so that operands have been replaced before their users are looked at. Not merged: random draws, nodes that hold
 * regions, nodes whose results differ in type or dims (a size that is only known at run time is another symbol each time), anything across graphs.
 * Constants are first told apart by a sample of their bytes; only those that agree in it are read as a whole, so big weights stay unread. */
#include "passes/graph/graph_passes.h"
#include "compiler/base/hash.h"
#include "compiler/ops/ops.h"
#include <string.h>

#define SAMPLE_BYTES 64u /* read at the start, in the middle and at the end of a constant */

/* Open addressing from a hash to the first node or constant that had it; entries with equal hashes stand in a row. */
typedef struct Entry { uint64_t hash; uint32_t id; } Entry; /* id 0: free */

typedef struct Merger {
  Module  *module;
  uint64_t seed;
  ValueId *replacement;  /* by value: the one that takes its place; 0: none */
  Entry   *entries;
  uint32_t entry_count;  /* a power of two above twice what is entered */
  bool     changed;
} Merger;

static void open_table(Merger *merger, Arena *scratch, uint32_t items) {
  merger->entry_count = 16;
  while (merger->entry_count / 2 <= items) merger->entry_count *= 2;
  merger->entries = arena_array(scratch, Entry, merger->entry_count);
}

/* The item entered before with this hash that is equal; else enters this one and returns 0. */
static uint32_t find_or_enter(Merger *merger, uint64_t hash, uint32_t id, bool (*equal)(const Merger *merger, uint32_t a, uint32_t b)) {
  for (uint32_t slot = (uint32_t)hash & (merger->entry_count - 1);; slot = (slot + 1) & (merger->entry_count - 1)) {
    Entry *entry = &merger->entries[slot];
    if (!entry->id) {
      *entry = (Entry){hash, id};
      return 0;
    }
    if (entry->hash == hash && equal(merger, entry->id, id)) return entry->id;
  }
}

/* ---- constants ------------------------------------------------------------------------------------------------------------ */

static bool equal_types(const Value *a, const Value *b) {
  return a->type == b->type && a->element == b->element && a->ranked == b->ranked && a->rank == b->rank &&
         (!a->rank || !memcmp(a->dims, b->dims, a->rank * sizeof *a->dims));
}

static bool equal_bytes(Bytes a, Bytes b) { return a.size == b.size && (a.data == b.data || !a.size || !memcmp(a.data, b.data, a.size)); }

static bool equal_contents(const Merger *merger, ValueId left, ValueId right) {
  const Value *a = value_at(merger->module, left), *b = value_at(merger->module, right);
  int64_t      count = 0;
  if (!equal_types(a, b) || a->content != b->content) return false;
  if (a->content == CONTENT_SPLAT) return a->splat == b->splat;
  if (a->element != ELEMENT_STRING) return equal_bytes(a->data, b->data);
  if (!value_static_elements(merger->module, left, &count)) return false;
  for (int64_t i = 0; i < count; i++)
    if (!equal_bytes(a->strings[i], b->strings[i])) return false;
  return true;
}

static bool equal_constants(const Merger *merger, ValueId a, ValueId b) {
  return value_at(merger->module, a)->graph == value_at(merger->module, b)->graph && equal_contents(merger, a, b);
}

/* Of type and contents; of a sample of the bytes only, or of all of them. */
static uint64_t hash_constant(const Merger *merger, ValueId id, bool whole) {
  const Value *value = value_at(merger->module, id);
  uint64_t     hash = hash_number(merger->seed, value->graph);
  hash = hash_number(hash, (uint64_t)value->element << 8 | value->content);
  hash = hash_bytes(hash, value->dims, value->rank * sizeof *value->dims);
  if (value->content == CONTENT_SPLAT) return hash_number(hash, value->splat);
  if (value->element == ELEMENT_STRING) {
    int64_t count = 0;
    value_static_elements(merger->module, id, &count);
    for (int64_t i = 0; i < count; i++) hash = hash_bytes(hash, value->strings[i].data, value->strings[i].size);
    return hash;
  }
  Bytes data = value->data;
  if (whole || data.size <= 3 * SAMPLE_BYTES) return hash_bytes(hash, data.data, data.size);
  hash = hash_bytes(hash, data.data, SAMPLE_BYTES);
  hash = hash_bytes(hash, data.data + data.size / 2, SAMPLE_BYTES);
  return hash_bytes(hash, data.data + data.size - SAMPLE_BYTES, SAMPLE_BYTES);
}

static bool is_candidate(const Value *value) { return value->graph && !value->definition && value_is_constant(value); }

static bool same_sample(const Merger *merger, uint32_t a, uint32_t b) { return true; }

static void merge_constants(Merger *merger, Arena *scratch) {
  Module *module = merger->module;
  bool   *shared = arena_array(scratch, bool, module->values.count); /* another constant has the same sample */
  open_table(merger, scratch, module->values.count);
  for (ValueId id = 1; id < module->values.count; id++) {
    if (!is_candidate(value_at(module, id))) continue;
    ValueId first = find_or_enter(merger, hash_constant(merger, id, false), id, same_sample);
    if (first) shared[first] = shared[id] = true;
  }
  open_table(merger, scratch, module->values.count);
  for (ValueId id = 1; id < module->values.count; id++) {
    if (!shared[id]) continue;
    merger->replacement[id] = find_or_enter(merger, hash_constant(merger, id, true), id, equal_constants);
    if (merger->replacement[id]) merger->changed = true;
  }
}

/* ---- attributes ------------------------------------------------------------------------------------------------------------- */

static bool equal_attributes(const Merger *merger, const Attribute *a, const Attribute *b) {
  if (a->kind != b->kind || a->count != b->count || strcmp(a->name, b->name)) return false;
  switch (a->kind) {
  case ATTRIBUTE_INT: return a->integer == b->integer;
  case ATTRIBUTE_FLOAT: return !memcmp(&a->number, &b->number, sizeof a->number); /* 0 is not -0 */
  case ATTRIBUTE_STRING: return equal_bytes(a->string, b->string);
  case ATTRIBUTE_TENSOR: return equal_contents(merger, a->tensor, b->tensor);
  case ATTRIBUTE_GRAPH: return false;
  case ATTRIBUTE_INTS: return !a->count || !memcmp(a->ints, b->ints, a->count * sizeof *a->ints);
  case ATTRIBUTE_FLOATS: return !a->count || !memcmp(a->floats, b->floats, a->count * sizeof *a->floats);
  case ATTRIBUTE_STRINGS:
    for (uint32_t i = 0; i < a->count; i++)
      if (!equal_bytes(a->strings[i], b->strings[i])) return false;
    return true;
  }
  return false;
}

static uint64_t hash_attribute(const Merger *merger, uint64_t hash, const Attribute *attribute) {
  hash = hash_bytes(hash, attribute->name, strlen(attribute->name));
  hash = hash_number(hash, (uint64_t)attribute->kind << 32 | attribute->count);
  switch (attribute->kind) {
  case ATTRIBUTE_INT: return hash_number(hash, (uint64_t)attribute->integer);
  case ATTRIBUTE_FLOAT: return hash_bytes(hash, &attribute->number, sizeof attribute->number);
  case ATTRIBUTE_STRING: return hash_bytes(hash, attribute->string.data, attribute->string.size);
  case ATTRIBUTE_TENSOR: return hash_number(hash, hash_constant(merger, attribute->tensor, true));
  case ATTRIBUTE_GRAPH: return hash_number(hash, attribute->graph);
  case ATTRIBUTE_INTS: return hash_bytes(hash, attribute->ints, attribute->count * sizeof *attribute->ints);
  case ATTRIBUTE_FLOATS: return hash_bytes(hash, attribute->floats, attribute->count * sizeof *attribute->floats);
  case ATTRIBUTE_STRINGS:
    for (uint32_t i = 0; i < attribute->count; i++) hash = hash_bytes(hash, attribute->strings[i].data, attribute->strings[i].size);
  }
  return hash;
}

/* ---- nodes ------------------------------------------------------------------------------------------------------------------- */

/* An operand after the replacements so far; those of earlier values are final. */
static ValueId operand_of(const Merger *merger, const Node *node, uint32_t index) {
  ValueId value = node->inputs[index];
  return merger->replacement[value] ? merger->replacement[value] : value;
}

/* The operands of a commutative operator in ascending order: 0 and 1 may be swapped. */
static ValueId ordered_operand(const Merger *merger, const Node *node, uint32_t index) {
  ValueId value = operand_of(merger, node, index);
  if (index > 1 || node->input_count < 2 || !(op_info(node->op)->flags & OPF_COMMUTATIVE)) return value;
  ValueId other = operand_of(merger, node, 1 - index);
  return (index == 0) == (value < other) ? value : other;
}

static bool equal_results(const Module *module, const Node *a, const Node *b) {
  if (a->output_count != b->output_count) return false;
  for (uint32_t i = 0; i < a->output_count; i++) {
    if (!a->outputs[i] != !b->outputs[i]) return false;
    if (a->outputs[i] && !equal_types(value_at(module, a->outputs[i]), value_at(module, b->outputs[i]))) return false;
  }
  return true;
}

static bool equal_nodes(const Merger *merger, NodeId left, NodeId right) {
  const Node *a = node_at(merger->module, left), *b = node_at(merger->module, right);
  if (a->graph != b->graph || a->op != b->op || a->input_count != b->input_count || a->attribute_count != b->attribute_count) return false;
  if (a->run_time_shape != b->run_time_shape || !equal_results(merger->module, a, b)) return false;
  for (uint32_t i = 0; i < a->input_count; i++)
    if (ordered_operand(merger, a, i) != ordered_operand(merger, b, i)) return false;
  for (uint32_t i = 0; i < a->attribute_count; i++)
    if (!equal_attributes(merger, &a->attributes[i], &b->attributes[i])) return false;
  return true;
}

static uint64_t hash_node(const Merger *merger, const Node *node) {
  uint64_t hash = hash_number(hash_number(merger->seed, node->graph), node->op);
  for (uint32_t i = 0; i < node->input_count; i++) hash = hash_number(hash, ordered_operand(merger, node, i));
  for (uint32_t i = 0; i < node->attribute_count; i++) hash = hash_attribute(merger, hash, &node->attributes[i]);
  return hash;
}

static bool is_mergeable(const Node *node) {
  const OpInfo *info = op_info(node->op);
  if (!info || (info->flags & OPF_RANDOM) || !node->output_count) return false;
  for (uint32_t i = 0; i < node->attribute_count; i++)
    if (node->attributes[i].kind == ATTRIBUTE_GRAPH) return false;
  return true;
}

static void merge_nodes(Merger *merger, GraphId graph) {
  Module *module = merger->module;
  for (uint32_t at = 0; at < graph_at(module, graph)->order.count; at++) {
    NodeId      id = graph_at(module, graph)->order.data[at];
    const Node *node = node_at(module, id);
    if (node->dead || !is_mergeable(node)) continue;
    NodeId first = find_or_enter(merger, hash_node(merger, node), id, equal_nodes);
    if (!first) continue;
    for (uint32_t i = 0; i < node->output_count; i++)
      if (node->outputs[i]) merger->replacement[node->outputs[i]] = node_at(module, first)->outputs[i];
    node_erase(module, id);
    merger->changed = true;
  }
}

bool graph_cse(Module *module, Arena *scratch) {
  Merger merger = {.module = module, .seed = hash_seed(), .replacement = arena_array(scratch, ValueId, module->values.count)};
  merge_constants(&merger, scratch);
  open_table(&merger, scratch, module->nodes.count);
  for (GraphId graph = 1; graph < module->graphs.count; graph++) merge_nodes(&merger, graph);
  if (!merger.changed) return false;
  module_replace_many(module, merger.replacement);
  graph_compact(module);
  for (ValueId id = 1; id < module->values.count; id++)
    if (merger.replacement[id] && is_candidate(value_at(module, id))) value_erase(module, id);
  return true;
}
