/* onnxcc.h: the compiler as a C library. It is what the command `onnxcc` is made of: no exit(), no globals, no printing; any number of compilers at
 * once, each used by one thread at a time. Nothing is written to disk; the caller gets bytes. C99, valid C++.
 *
 *     onnxcc_compiler *compiler = onnxcc_open(NULL);
 *     const char *options[] = {"--name=kws", "--target=cortex-m4", "-DN=1"};
 *     if (onnxcc_compile(compiler, 3, options, "kws.onnx") == 0) {
 *       size_t bytes;
 *       const char *source = onnxcc_output(compiler, ONNXCC_SOURCE, &bytes);
 *       ...
 *     }
 *     for (uint32_t i = 0; i < onnxcc_message_count(compiler); i++) puts(onnxcc_message_at(compiler, i).text);
 *     onnxcc_close(compiler); */
#ifndef ONNXCC_H
#define ONNXCC_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

typedef struct onnxcc_compiler onnxcc_compiler;

/* Where memory comes from, in chunks of at least some 10 KiB. NULL from allocate ends the compilation with status 3. */
typedef struct onnxcc_allocator {
  void *(*allocate)(void *self, size_t bytes);
  void (*release)(void *self, void *memory, size_t bytes);
  void *self;
} onnxcc_allocator;

/* NULL: malloc and free. Returns NULL if there is no memory. */
onnxcc_compiler *onnxcc_open(const onnxcc_allocator *allocator);
void             onnxcc_close(onnxcc_compiler *compiler); /* NULL is fine */

/* Called as work proceeds; total 0 if unknown. */
void onnxcc_set_progress(onnxcc_compiler *compiler, void (*progress)(void *self, const char *stage, uint64_t done, uint64_t total), void *self);

/* Compiles a file, or a model in memory (`name` stands for it in messages and gives the C name; external data lies in its folder; the bytes must stay
 * until the compiler is closed or used again). Options are those of the command that shape the output, one a string: "-O3", "-DN=4", "--emit=graph".
 * Returns what the command would exit with: 0, 1 refused, 2 wrong options, 3 a limit or no memory, 4 a bug of onnxcc, 5 a file could not be read.
 * What an earlier call gave is gone. */
int onnxcc_compile(onnxcc_compiler *compiler, uint32_t option_count, const char *const *options, const char *path);
int onnxcc_compile_bytes(onnxcc_compiler *compiler, uint32_t option_count, const char *const *options, const char *name, const void *data,
                         size_t bytes);

enum {
  ONNXCC_SOURCE,  /* NAME.c; with -c or --emit=obj, asm, llvm-ir: NAME.o, .s, .ll. A 0 byte behind it */
  ONNXCC_HEADER,  /* NAME.h, likewise */
  ONNXCC_WEIGHTS, /* NAME.weights.bin; none if they stand in the source or the object */
  ONNXCC_TEXT     /* of --emit=graph or --emit=loops */
};
/* NULL if there is none. Belongs to the compiler. */
const void *onnxcc_output(const onnxcc_compiler *compiler, int kind, size_t *bytes);
const char *onnxcc_name(const onnxcc_compiler *compiler);      /* the C name: of --name, or made from the file's */

/* Files that were read: the model and its external data; NULL past the end. */
const char *onnxcc_file_at(const onnxcc_compiler *compiler, uint32_t index);

typedef struct onnxcc_message {
  int         severity;              /* 0 remark, 1 warning, 2 error */
  int         code;                  /* 401 for E0401; stable */
  const char *text;                  /* one sentence; may hold strings of the model */
  const char *path, *detail, *hint;  /* the node, its line with shapes, what to do next; NULL: none */
} onnxcc_message;
uint32_t       onnxcc_message_count(const onnxcc_compiler *compiler);
onnxcc_message onnxcc_message_at(const onnxcc_compiler *compiler, uint32_t index);
const char    *onnxcc_explain(int code); /* more about a message; NULL if there is no such code */
const char    *onnxcc_version(void);

#ifdef __cplusplus
}
#endif
#endif
