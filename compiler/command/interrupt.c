/* The signal handler. It sees one command, through a static pointer, and calls only what a handler may call. */
#include "compiler/command/interrupt.h"
#include "compiler/command/tool.h"
#include <signal.h>
#include <string.h>
#include <unistd.h>

static Command *volatile watched;

static void clean_up(int signal_number) {
  Command *command = watched;
  for (uint32_t at = 0; command && at < command->outputs.count; at++)
    if (command->outputs.files[at].temporary) (void)unlink(command->outputs.files[at].temporary);
  if (command && command->folder) tool_remove_files(command->folder);
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

void interrupt_watch(Command *command) {
  static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
  watched = command;
  for (size_t at = 0; at < sizeof ends / sizeof *ends; at++) {
    struct sigaction action, before;
    memset(&action, 0, sizeof action);
    action.sa_handler = clean_up;
    sigemptyset(&action.sa_mask);
    if (!sigaction(ends[at], NULL, &before) && before.sa_handler == SIG_DFL) (void)sigaction(ends[at], &action, NULL);
  }
}

void interrupt_forget(void) { watched = NULL; }
