/* `ps`: the live tasks, sorted, the first few. */
#include "monitor/console/command.h"
#include "monitor/console/tasks.h"

static void
ps_print(con_client *c, con_tasks *tasks)
{
    if (con_tasks_read(tasks, con_monitor(c))) {
        con_tasks_print(tasks, con_out(c), con_width(c), con_colour(c));
    }
    else {
        con_error(c, "ps: out of memory");
    }
    con_tasks_free(tasks);
}

static void
ps_run(con_client *c, int argc, char **argv)
{
    con_tasks tasks = {.sort = CON_SORT_RUNNING, .limit = 20};
    const con_flag flags[] = {
        {"-f", CON_FLAG_TEXT, &tasks.filter},
        {"-n", CON_FLAG_COUNT, &tasks.limit, 1, CON_TASKS_MOST},
        {"--sort", CON_FLAG_CHOICE, &tasks.sort, .choices = con_task_columns},
    };
    if (con_command_flags(c, flags, sizeof(flags) / sizeof(*flags), argc, argv)) {
        ps_print(c, &tasks);
    }
}

const con_command con_cmd_ps = {
    .name = "ps",
    .usage = "[-f TEXT] [--sort COLUMN] [-n N]",
    .brief = "the tasks",
    .text =
        "  -f TEXT        only tasks whose name, coroutine or state contains TEXT\n"
        "  --sort COLUMN  id, state, name, coroutine, age, running, ready, awaiting,\n"
        "                 steps or longest; running if not given. Figures: largest first\n"
        "  -n N           how many, 20 if not given\n"
        "A task is running inside of a step, ready when it is due and waits for the\n"
        "loop, awaiting when it waits for anything else: the three add up to its age.\n"
        "longest is its longest step: for so long nothing else could run.\n",
    .run = ps_run,
};
