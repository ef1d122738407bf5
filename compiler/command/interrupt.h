/* Leaving in the middle: what stands half-made on disk is removed when a signal ends the command. */
#ifndef ONNXCC_COMPILER_COMMAND_INTERRUPT_H
#define ONNXCC_COMPILER_COMMAND_INTERRUPT_H
#include "compiler/command/command.h"

/* From now on SIGINT, SIGTERM and SIGHUP remove the command's temporary files before they end the process; a signal that is ignored stays so. */
void interrupt_watch(Command *command);
void interrupt_forget(void);
#endif
