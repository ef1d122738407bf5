/* A static library of one object (archive.c). */
#ifndef ONNXCC_CODEGEN_ARCHIVE_H
#define ONNXCC_CODEGEN_ARCHIVE_H
#include "codegen/emit/emit.h"

/* `member`: the object's name in the library, a file's base name without a slash. The symbols are those of the emission. */
void archive_print(const Emission *emission, const char *member, Arena *arena, Text *out);
#endif
