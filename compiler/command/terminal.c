/* Messages and progress. A message is
 *
 *     error E0401: graph.node[3] "conv1" (Conv): operand 1 is i32, but must be f32
 *         %y: f32[1, 8] = Conv(%x: f32[1, 3], %w: i32[8, 3])
 *         hint: what to do next
 *
 * Strings of models may hold anything, so every string passes terminal_text(). Printing needs memory, which may be what has run out: then the
 * messages are printed plainly, without an arena. */
#include "compiler/command/terminal.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

uint64_t clock_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- progress ------------------------------------------------------------------------------------------------------------- */

/* A stage may take long without a word, so a timer writes the line. Its handler can only see what is static; there is one terminal. */
static struct {
  uint64_t              started; /* nanoseconds */
  char                  stage[64];
  volatile sig_atomic_t is_working; /* a stage has been named: the line may be written */
  volatile sig_atomic_t is_shown;   /* it stands there */
} line;

static size_t put_number(char *to, uint64_t number) {
  size_t digits = 1;
  for (uint64_t rest = number; rest >= 10; rest /= 10) digits++;
  for (size_t at = digits; at-- > 0; number /= 10) to[at] = (char)('0' + number % 10);
  return digits;
}

/* Only functions that a signal handler may call. */
static void write_line(int signal_number) {
  static const char start[] = "\r\033[K";
  enum { PATIENCE = 3 }; /* tenths of a second */
  char     text[128];
  int      error = errno;
  uint64_t tenths = (clock_nanoseconds() - line.started) / 100000000u;
  if (!line.is_working || tenths < PATIENCE) return;
  size_t length = sizeof start - 1;
  memcpy(text, start, length);
  length += put_number(text + length, tenths / 10);
  text[length++] = '.';
  text[length++] = (char)('0' + tenths % 10);
  memcpy(text + length, " s  ", 4);
  length += 4;
  memcpy(text + length, line.stage, strlen(line.stage));
  length += strlen(line.stage);
  line.is_shown = 1;
  if (write(STDERR_FILENO, text, length) < 0) line.is_working = 0;
  errno = error;
}

static void start_timer(void) {
  struct sigaction action = {.sa_handler = write_line, .sa_flags = SA_RESTART};
  struct itimerval tenth = {.it_interval = {.tv_usec = 100000}, .it_value = {.tv_usec = 300000}};
  sigemptyset(&action.sa_mask);
  line.started = clock_nanoseconds();
  if (!sigaction(SIGALRM, &action, NULL)) (void)setitimer(ITIMER_REAL, &tenth, NULL);
}

void terminal_progress(void *self, const char *stage, uint64_t done, uint64_t total) {
  const Terminal *terminal = self;
  if (!terminal->shows_progress) return;
  line.is_working = 0; /* the handler must not read while the name changes */
  if (total) snprintf(line.stage, sizeof line.stage, "%s %llu/%llu", stage, (unsigned long long)done, (unsigned long long)total);
  else snprintf(line.stage, sizeof line.stage, "%s", stage);
  line.is_working = 1;
}

void terminal_clear(Terminal *terminal) {
  line.is_working = 0;
  if (line.is_shown) fputs("\r\033[K", stderr), fflush(stderr);
  line.is_shown = 0;
}

void terminal_open(Terminal *terminal, ColorWhen color) {
  const char *kind = getenv("TERM"), *none = getenv("NO_COLOR");
  bool        can_rewrite = isatty(STDERR_FILENO) && kind && strcmp(kind, "dumb") && *kind;
  *terminal = (Terminal){.shows_progress = can_rewrite};
  terminal->colored = color == COLOR_ALWAYS || (color == COLOR_AUTO && can_rewrite && !(none && *none));
  if (can_rewrite) start_timer();
}

/* ---- text ----------------------------------------------------------------------------------------------------------------- */

/* Bytes of the UTF-8 character at `at`, 0 if it is none or none that may be shown. */
static size_t shown_character(const unsigned char *at) {
  if (*at < 0x80) return *at == '\n' || (*at >= 0x20 && *at != 0x7f);
  size_t   length = *at >= 0xf0 ? 4 : *at >= 0xe0 ? 3 : 2;
  uint32_t code = *at & (0x7fu >> length);
  if (*at < 0xc2 || *at > 0xf4) return 0;
  for (size_t i = 1; i < length; i++) {
    if ((at[i] & 0xc0) != 0x80) return 0;
    code = code << 6 | (at[i] & 0x3fu);
  }
  bool is_overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000), is_surrogate = code >= 0xd800 && code < 0xe000;
  bool turns_text = code == 0x61c || (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
  return is_overlong || is_surrogate || turns_text || code < 0xa0 || code == 0xfeff || code > 0x10ffff ? 0 : length;
}

void terminal_text(Text *text, const char *string) {
  for (const unsigned char *at = (const unsigned char *)string; *at;) {
    size_t length = shown_character(at);
    if (length) text_bytes(text, (const char *)at, length);
    else text_format(text, "\\x%02x", *at);
    at += length ? length : 1;
  }
}

/* ---- messages ------------------------------------------------------------------------------------------------------------- */

typedef struct Printing {
  Terminal      *terminal;
  const Context *record;
  const Options *options;
  Text           text;
} Printing;

static const char *paint(const Printing *printing, const char *sequence) { return printing->terminal->colored ? sequence : ""; }

static void print_label(Printing *printing, const Diagnostic *diagnostic) {
  static const char *const words[] = {[SEVERITY_REMARK] = "remark", [SEVERITY_WARNING] = "warning", [SEVERITY_ERROR] = "error"};
  static const char *const colors[] = {[SEVERITY_REMARK] = "\033[1;36m", [SEVERITY_WARNING] = "\033[1;35m", [SEVERITY_ERROR] = "\033[1;31m"};
  Severity                 severity = warning_is_error(printing->options, diagnostic) ? SEVERITY_ERROR : diagnostic->severity;
  text_format(&printing->text, "%s%s E%04d%s: ", paint(printing, colors[severity]), words[severity], diagnostic->code, paint(printing, "\033[0m"));
}

/* A drawn part: each of its lines indented. */
static void print_detail(Printing *printing, const char *detail) {
  Text inner;
  text_open(&inner, printing->text.arena);
  terminal_text(&inner, detail);
  for (const char *at = text_finish(&inner); *at;) {
    size_t length = strcspn(at, "\n");
    text_format(&printing->text, "    %.*s\n", (int)length, at);
    at += length + (at[length] == '\n');
  }
}

static void print_one(Printing *printing, const Diagnostic *diagnostic) {
  Text *text = &printing->text;
  print_label(printing, diagnostic);
  if (diagnostic->path) {
    text_string(text, paint(printing, "\033[1m"));
    terminal_text(text, diagnostic->path);
    text_format(text, "%s: ", paint(printing, "\033[0m"));
  }
  terminal_text(text, diagnostic->message);
  text_char(text, '\n');
  if (diagnostic->detail) print_detail(printing, diagnostic->detail);
  if (!diagnostic->hint) return;
  text_format(text, "    %shint:%s ", paint(printing, "\033[1;32m"), paint(printing, "\033[0m"));
  terminal_text(text, diagnostic->hint);
  text_char(text, '\n');
}

static void print_body(void *self) {
  Printing *printing = self;
  uint32_t  errors = 0, last = 0;
  for (uint32_t at = 0; at < printing->record->diagnostic_count; at++) {
    const Diagnostic *diagnostic = &printing->record->diagnostics[at];
    bool              is_error = diagnostic->severity == SEVERITY_ERROR || warning_is_error(printing->options, diagnostic);
    if (!is_error && !warning_is_shown(printing->options, diagnostic)) continue;
    print_one(printing, diagnostic);
    errors += is_error;
    if (is_error && !last) last = (uint32_t)diagnostic->code;
  }
  if (errors) text_format(&printing->text, "onnxcc: %u error%s; onnxcc --explain E%04u says more\n", errors, errors == 1 ? "" : "s", last);
}

/* Without an arena, byte by byte. */
static void print_plainly(const Context *context) {
  for (uint32_t at = 0; at < context->diagnostic_count; at++) {
    const Diagnostic *diagnostic = &context->diagnostics[at];
    if (diagnostic->severity != SEVERITY_ERROR) continue;
    fprintf(stderr, "error E%04d: ", diagnostic->code);
    for (const char *byte = diagnostic->message; *byte; byte++) fputc(*byte >= 0x20 && *byte < 0x7f ? *byte : '?', stderr);
    fputc('\n', stderr);
  }
}

void terminal_print_diagnostics(Terminal *terminal, const Context *context, const Options *options) {
  Context own; /* the other one may be out of memory, or at its limit */
  terminal_clear(terminal);
  if (!context->diagnostic_count) return;
  Printing printing = {.terminal = terminal, .record = context, .options = options};
  bool     is_open = context_open(&own, NULL, -1);
  if (is_open) text_open(&printing.text, own.text);
  if (is_open && context_guard(&own, print_body, &printing) == OUTCOME_OK) fwrite(printing.text.data, 1, printing.text.length, stderr);
  else print_plainly(context);
  fflush(stderr);
  if (is_open) context_close(&own);
}
