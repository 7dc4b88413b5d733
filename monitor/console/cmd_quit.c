/* `quit`: ends this connection. */
#include "monitor/console/command.h"

static void
quit_run(con_client *c, int argc, char **argv)
{
    if (con_command_flags(c, NULL, 0, argc, argv)) {
        con_quit(c);
    }
}

const con_command con_cmd_quit = {
    .name = "quit",
    .usage = "",
    .brief = "end this connection",
    .text = "Ctrl-D on an empty line does the same.\n",
    .run = quit_run,
};
