/* The command's own state, and its sub-commands. One Command is one run of onnxcc; it lives outside the guard, so that main can clean up after a
 * jump: files that are half written, a folder with a compiled model. */
#ifndef ONNXCC_COMPILER_COMMAND_COMMAND_H
#define ONNXCC_COMPILER_COMMAND_COMMAND_H
#include "compiler/compile.h"
#include "compiler/command/terminal.h"

typedef struct Command {
  Context   context;
  OnnxFile  file;
  Options   options;
  OutputSet outputs;
  Terminal  terminal;
  Arena    *arena;
  uint32_t  word_count; const char *const *words; /* the command line without the program's name */
  char     *folder;        /* temporary, with the emitted C and its object; from malloc; NULL: none */
  void     *library;       /* handle of the object, from dlopen */
  const BackEnd *llvm;     /* of jit */
  void     *jit;           /* an object in this process; NULL: none */
} Command;

/* Each does one command; to be called under a guard. */
void command_compile(Command *command);
void command_inspect(Command *command);
void command_run(Command *command);
void command_verify(Command *command);
void command_bench(Command *command);
/* --help, --version, --explain, --target=help. */
void command_tell(Command *command);

/* A compilation whose dumps go to standard output and whose times, with -v, to standard error. */
Compile command_open_compile(Command *command);
/* Prints to standard output; io_error if that fails. */
void command_print(Command *command, const Text *text);
/* -Werror met a warning: nothing may be written. */
bool command_refuses(Command *command);
/* The whole run: reads the command line, does the command, prints messages, cleans up. Returns the exit status. */
int command_main(int count, char **words);
#endif
