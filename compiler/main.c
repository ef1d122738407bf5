/* The command. Everything is in the library; what a process needs is here. */
#include "compiler/command/command.h"

int main(int count, char **words) { return command_main(count, words); }
