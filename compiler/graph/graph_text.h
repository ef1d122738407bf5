/* Private to compiler/graph: what printer and parser of the text must agree on, and what the verifier shares with the editor. */
#ifndef ONNXCC_GRAPH_GRAPH_TEXT_H
#define ONNXCC_GRAPH_GRAPH_TEXT_H
#include "graph.h"

#define GRAPH_DEPTH_LIMIT 100u /* of nested regions; the reader refuses deeper models */
#define INLINE_LIMIT 64        /* constants of at most so many elements are written out, strings always; the rest as a blob */
#define BLOB_PREFIX "blob "    /* Value.source of a blob that was parsed back: `blob HASH` and, after a blank, the source it had */

static inline bool is_word_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

/* Numbers that one element is written as: a c128 is two 64-bit words. */
static inline int64_t element_words(Element element) { return element == ELEMENT_C128 ? 2 : 1; }

/* Each node's captures as its regions ask for them, ascending, by node id: captures[id] in `arena` (NULL for none) and counts[id], both
 * zeroed on entry. */
void module_collect_captures(const Module *module, Arena *arena, ValueId **captures, uint32_t *counts);
#endif
