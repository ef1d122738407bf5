/* Compilers and linkers: other programs, run in a folder of their own under $TMPDIR. They are started directly, never through a shell, so no name can
 * become a command; what they say goes to a file in the folder and from there into our message. */
#ifndef ONNXCC_COMPILER_COMMAND_TOOL_H
#define ONNXCC_COMPILER_COMMAND_TOOL_H
#include "compiler/command/command.h"

/* The folder, in command->folder; one at a time. tool_remove_files removes it and what may be in it, and may be called by a signal handler. */
void tool_open_folder(Command *command);
void tool_close_folder(Command *command);
void tool_remove_files(const char *folder);
/* A file of the folder: its path; writing it. Only names of tool.c's list may be used. */
const char *tool_path(Command *command, const char *name);
void        tool_write(Command *command, const char *name, const Text *text);
/* Appends the words of a text with blanks between. */
void tool_words(Arena *arena, WordList *list, const char *words);
/* Runs the words, behind which a NULL stands; 0, or the error that kept the program from starting. Its wait status is in *status. */
int tool_run(Command *command, const WordList *words, int *status);
/* The first lines of what the last program said. */
const char *tool_message(Command *command);
#endif
