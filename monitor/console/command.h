/* Commands: one cmd_*.c file each, one row in command.c's table. */
#ifndef CON_COMMAND_H
#define CON_COMMAND_H

#include "monitor/console/buffer.h"
#include "monitor/console/flags.h"
#include "monitor/console/session.h"

typedef struct con_command {
    const char *name;
    const char *usage; /* its arguments: "[-n N]", or "" */
    const char *brief; /* one line, without a full stop */
    const char *text;  /* the long help, lines ending in '\n' */
    void (*run)(con_client *c, int argc, char **argv);
} con_command;

extern const con_command con_cmd_cancel, con_cmd_help, con_cmd_ps, con_cmd_quit,
    con_cmd_slow, con_cmd_status, con_cmd_top;

/* In the order of help, with a NULL behind the last. */
extern const con_command *const con_commands[];

/* The command that `word` names or alone begins.  NULL and a sentence in why if
   there is none or there are several. */
const con_command *con_command_find(const char *word, con_buffer *why);

/* Runs a line; prints what is wrong with it if anything is. */
void con_command_run(con_client *c, char *line);

/* con_flags_read for a command: on false the error is printed. */
bool con_command_flags(con_client *c, const con_flag *flags, size_t count, int argc,
                       char **argv);

/* Completes the command's name at the end of text[0..size): what can be inserted
   is added to `insert`, and the choices to `choices` if there is nothing to. */
void con_command_complete(const char *text, size_t size, con_buffer *insert,
                          con_buffer *choices);

#endif /* CON_COMMAND_H */
