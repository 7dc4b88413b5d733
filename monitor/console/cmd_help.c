/* `help`: all commands in one line each, or one of them in full. */
#include <string.h>
#include "monitor/console/command.h"

enum { HELP_COLUMN = 52 };

static void
help_all(con_buffer *out)
{
    for (size_t i = 0; con_commands[i] != NULL; i++) {
        const con_command *command = con_commands[i];
        size_t used = strlen(command->name) + 1 + strlen(command->usage);
        con_buffer_addf(out, "%s %s", command->name, command->usage);
        con_buffer_fill(out, ' ', used < HELP_COLUMN ? HELP_COLUMN - used : 2);
        con_buffer_addf(out, "%s\n", command->brief);
    }
    con_buffer_adds(
        out, "A command may be cut to any unique beginning; help COMMAND says more.\n");
}

static void
help_one(con_client *c, const char *word)
{
    con_buffer why = {0};
    const con_command *command = con_command_find(word, &why);
    if (command == NULL) {
        con_error(c, "help: %.*s", (int)con_buffer_used(&why), con_buffer_bytes(&why));
    }
    else {
        const char *blank = *command->usage != '\0' ? " " : "";
        con_buffer_addf(con_out(c), "%s%s%s: %s\n%s", command->name, blank, command->usage,
                        command->brief, command->text);
    }
    con_buffer_free(&why);
}

static void
help_run(con_client *c, int argc, char **argv)
{
    if (argc > 2) {
        con_error(c, "help: takes at most one command's name");
    }
    else if (argc == 2) {
        help_one(c, argv[1]);
    }
    else {
        help_all(con_out(c));
    }
}

const con_command con_cmd_help = {
    .name = "help",
    .usage = "[COMMAND]",
    .brief = "these, or one in full",
    .text =
        "Tab completes commands; the arrow keys bring back earlier lines; Ctrl-C drops a\n"
        "line; Ctrl-L clears the screen.\n",
    .run = help_run,
};
