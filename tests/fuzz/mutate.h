/* Models made wrong on purpose: a few changes to the bytes of a model, or to its fields as the protobuf schema has them. */
#ifndef ONNXCC_TESTS_FUZZ_MUTATE_H
#define ONNXCC_TESTS_FUZZ_MUTATE_H
#include "compiler/base/text.h"

/* A changed copy of `model` in `arena`; the same model and state give the same bytes. `other`: a second model, to take parts from. */
void mutate(Arena *arena, const uint8_t *model, size_t model_bytes, const uint8_t *other, size_t other_bytes, uint64_t *state, uint8_t **changed,
            size_t *changed_bytes);
/* Another form of an unpacked model (an Onnx__ModelProto), for mutate(). */
void vary(Arena *arena, void *model, uint64_t *state);
#endif
