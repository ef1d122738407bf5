/* Element types of the ONNX standard, numbered as TensorProto.DataType does (IR version 13). */
#ifndef ONNXCC_BASE_ELEMENT_H
#define ONNXCC_BASE_ELEMENT_H
#include "context.h"

/* ELEMENT(name, ONNX number, text name, bits an element in files, bits an element in a workspace buffer) */
#define ELEMENTS(ELEMENT) \
  ELEMENT(F32, 1, "f32", 32, 32) ELEMENT(U8, 2, "u8", 8, 8) ELEMENT(I8, 3, "i8", 8, 8) ELEMENT(U16, 4, "u16", 16, 16) \
  ELEMENT(I16, 5, "i16", 16, 16) ELEMENT(I32, 6, "i32", 32, 32) ELEMENT(I64, 7, "i64", 64, 64) ELEMENT(STRING, 8, "string", 0, 128) \
  ELEMENT(BOOL, 9, "bool", 8, 8) ELEMENT(F16, 10, "f16", 16, 16) ELEMENT(F64, 11, "f64", 64, 64) ELEMENT(U32, 12, "u32", 32, 32) \
  ELEMENT(U64, 13, "u64", 64, 64) ELEMENT(C64, 14, "c64", 64, 64) ELEMENT(C128, 15, "c128", 128, 128) ELEMENT(BF16, 16, "bf16", 16, 16) \
  ELEMENT(F8E4M3FN, 17, "f8e4m3fn", 8, 8) ELEMENT(F8E4M3FNUZ, 18, "f8e4m3fnuz", 8, 8) ELEMENT(F8E5M2, 19, "f8e5m2", 8, 8) \
  ELEMENT(F8E5M2FNUZ, 20, "f8e5m2fnuz", 8, 8) ELEMENT(U4, 21, "u4", 4, 8) ELEMENT(I4, 22, "i4", 4, 8) ELEMENT(F4E2M1, 23, "f4e2m1", 4, 8) \
  ELEMENT(F8E8M0, 24, "f8e8m0", 8, 8) ELEMENT(U2, 25, "u2", 2, 8) ELEMENT(I2, 26, "i2", 2, 8)

typedef enum Element {
  ELEMENT_NONE = 0,
#define ELEMENT(name, number, text, file_bits, buffer_bits) ELEMENT_##name = number,
  ELEMENTS(ELEMENT)
#undef ELEMENT
  ELEMENT_COUNT
} Element;

const char *element_name(Element element);                    /* "f32"; "?" if unknown */
Element     element_from_name(const char *name);              /* ELEMENT_NONE if unknown */
unsigned    element_file_bits(Element element);               /* bits an element in raw_data; 0: none */
unsigned    element_buffer_bytes(Element element);            /* bytes an element in a workspace buffer */
bool        element_is_float(Element element);                /* f64 f32 f16 bf16 f8* f4* */
bool        element_is_integer(Element element);              /* without bool */
bool        element_is_signed(Element element);
/* Bytes of `count` elements in a file (sub-byte types packed, rounded up); false on overflow. */
bool        element_file_bytes(Element element, int64_t count, size_t *bytes);

/* Scalar conversions between storage bits and double/int64, round to nearest even, saturating as ONNX Cast (saturate=1) says for the float8 types.
 * Used for constants; generated code uses the loop library. */
double      element_to_f64(Element element, uint64_t bits);   /* any numeric type; u64/i64 above 2^53 lose bits */
int64_t     element_to_i64(Element element, uint64_t bits);
uint64_t    element_from_f64(Element element, double value);
#endif
