/* Types of the emitted C, and the model's strings in it: they reach the output only through c_quoted() or text_comment(). */
#include "c_emit.h"

#include <string.h>

void c_quoted(Text *text, const char *string, size_t longest) {
  text_char(text, '"');
  for (size_t i = 0; string && string[i]; i++) {
    unsigned char byte = (unsigned char)string[i];
    if (i >= longest) {
      text_string(text, "...");
      break;
    }
    if (byte >= 0x20 && byte < 0x7f && !strchr("\"\\?", byte)) text_char(text, (char)byte);
    else text_format(text, "\\%03o", byte);
  }
  text_char(text, '"');
}

/* ---- types ---- */

typedef struct TypeNames {
  const char *type, *without_sign, *minimum, *maximum;
  unsigned    bits;
} TypeNames;
static const TypeNames type_names[SCALAR_COUNT] = {
    [SCALAR_I1] = {"bool", "uint8_t", "0", "1", 1},
    [SCALAR_I8] = {"int8_t", "uint8_t", "INT8_MIN", "INT8_MAX", 8},
    [SCALAR_I16] = {"int16_t", "uint16_t", "INT16_MIN", "INT16_MAX", 16},
    [SCALAR_I32] = {"int32_t", "uint32_t", "INT32_MIN", "INT32_MAX", 32},
    [SCALAR_I64] = {"int64_t", "uint64_t", "INT64_MIN", "INT64_MAX", 64},
    [SCALAR_U8] = {"uint8_t", "uint8_t", "0", "UINT8_MAX", 8},
    [SCALAR_U16] = {"uint16_t", "uint16_t", "0", "UINT16_MAX", 16},
    [SCALAR_U32] = {"uint32_t", "uint32_t", "0", "UINT32_MAX", 32},
    [SCALAR_U64] = {"uint64_t", "uint64_t", "0", "UINT64_MAX", 64},
    [SCALAR_F16] = {"uint16_t", "uint16_t", "0", "0", 16},
    [SCALAR_BF16] = {"uint16_t", "uint16_t", "0", "0", 16},
    [SCALAR_F32] = {"float", "uint32_t", "0", "0", 32},
    [SCALAR_F64] = {"double", "uint64_t", "0", "0", 64},
};

static const TypeNames *names_of(const Emitter *e, Scalar scalar) {
  if (scalar == SCALAR_INDEX) scalar = e->target->index_bits == 32 ? SCALAR_I32 : SCALAR_I64;
  return &type_names[scalar];
}

const char *c_type(const Emitter *e, Scalar scalar) { return names_of(e, scalar)->type; }
const char *c_memory_type(const Emitter *e, Scalar scalar) { return memory_type(scalar); }
const char *c_unsigned_type(const Emitter *e, Scalar scalar) { return names_of(e, scalar)->without_sign; }
const char *c_minimum(const Emitter *e, Scalar scalar) { return names_of(e, scalar)->minimum; }
const char *c_maximum(const Emitter *e, Scalar scalar) { return names_of(e, scalar)->maximum; }
unsigned    c_bits(const Emitter *e, Scalar scalar) { return names_of(e, scalar)->bits; }

unsigned c_stack_slot(const Emitter *e, Scalar scalar, unsigned lanes) {
  unsigned bytes = lanes * c_bits(e, scalar) / 8, word = e->target->index_bits / 8;
  return bytes > word ? bytes : word;
}

const char *c_tag(Scalar scalar) { return scalar_name(scalar); }
