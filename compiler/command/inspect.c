#include "compiler/command/command.h"
void command_inspect(Command *command) { usage_error(&command->context, CODE_ARGUMENTS, NULL, "later"); }
