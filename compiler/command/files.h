/* Files that the command reads as text and writes. What is written appears whole or not at all: everything goes to temporary files in the same
 * folders first, and only when all of them are complete are they renamed. */
#ifndef ONNXCC_COMPILER_COMMAND_FILES_H
#define ONNXCC_COMPILER_COMMAND_FILES_H
#include "compiler/graph/graph.h"

/* A whole file, NUL-terminated behind its end; io_error if it can't be read. For small files: response files, text forms, arrays. */
Bytes file_read(Context *context, Arena *arena, const char *path);

/* One file to be. */
typedef struct OutputFile { char *path, *temporary; } OutputFile; /* temporary NULL: written in place, being no regular file (/dev/stdout) */

enum { OUTPUT_LIMIT = 8 };
/* The files of one run; lives outside the guard, zeroed, and is closed after it whatever happened. */
typedef struct OutputSet { OutputFile files[OUTPUT_LIMIT]; uint32_t count; int descriptor; /* open file plus one; 0: none */ } OutputSet;

/* Writes a file of the set; io_error names the path and what the system answered. */
void output_write(Context *context, OutputSet *outputs, const char *path, const void *data, size_t size);
/* Gives all files their names. Call it when nothing can go wrong any more. */
void output_commit(Context *context, OutputSet *outputs);
/* Removes what was not committed. */
void output_close(OutputSet *outputs);

/* Writes to a descriptor such as standard output; io_error if that fails. `what` names it. */
void output_stream(Context *context, int descriptor, const char *what, const void *data, size_t size);

/* The last part of a path, and the folder before it with its slash ("" if none). */
const char *path_base(const char *path);
char       *path_folder(Arena *arena, const char *path);
/* `path` with what follows the last dot of its last part replaced. */
char       *path_with_suffix(Arena *arena, const char *path, const char *suffix);

/* The rule of make: targets: files, as -M asks. */
void depfile_print(Text *text, uint32_t target_count, const char *const *targets, uint32_t file_count, const char *const *files, bool phony);
#endif
