/* Tables: aligned, within the window, cut where it hurts least. */
#include "monitor/console/table.h"
#include "monitor/console/text.h"
#include "support.h"

static const con_column columns[] = {
    {"id", CON_RIGHT},
    {"name", CON_LEFT, .least = 4},
    {"where", CON_LEFT, .least = 4, .keep_end = true},
    {"time", CON_RIGHT, .spare = 1},
    {"last", CON_LEFT, .spare = 2},
};

static const char *const rows[][5] = {
    {"1", "Task-1", "/srv/app/main.py:7", "1.24ms", "x"},
    {"100", "日本語のタスク", "a", "0", ""},
    {"22", "", "/srv/a.py:12345", "12d03h", "yes"},
};

static const char *
printed(con_buffer *out, size_t width, bool colour)
{
    con_table t;
    con_table_init(&t, columns, 5);
    for (size_t i = 0; i < 3; i++) {
        con_table_row(&t, i == 1 ? 32 : 0);
        for (size_t j = 0; j < 5; j++) {
            con_table_cell(&t, rows[i][j]);
        }
    }
    con_table_print(&t, out, width, colour);
    return text_of(out);
}

static void
test_natural_width(void **state)
{
    con_buffer out = {0};
    assert_text(printed(&out, 0, false),
                " id  name            where                 time  last\n"
                "  1  Task-1          /srv/app/main.py:7  1.24ms  x\n"
                "100  日本語のタスク  a                        0\n"
                " 22                  /srv/a.py:12345     12d03h  yes\n");
    con_buffer_free(&out);
}

static void
test_cut_to_the_window(void **state)
{
    con_buffer out = {0};
    assert_text(printed(&out, 36, false), " id name      where        time last\n"
                                          "  1 Task-1    ~main.py:7 1.24ms x\n"
                                          "100 日本語の~ a               0\n"
                                          " 22           ~.py:12345 12d03h yes\n" +
                                              0);
    con_buffer_free(&out);
}

static void
check_width(size_t width)
{
    con_buffer out = {0};
    const char *text = printed(&out, width, false);
    while (*text != '\0') {
        const char *end = strchr(text, '\n');
        assert_true(con_text_columns(text, (size_t)(end - text)) <= width);
        assert_true(end == text || end[-1] != ' ');
        text = end + 1;
    }
    con_buffer_free(&out);
}

static void
test_every_width_is_kept(void **state)
{
    for (size_t width = 13; width < 80; width++) {
        check_width(width);
    }
}

static void
test_spare_columns_go(void **state)
{
    con_buffer out = {0};
    const char *text = printed(&out, 20, false);
    assert_lacks(text, "last");
    assert_holds(text, "time");
    con_buffer_clear(&out);
    text = printed(&out, 15, false);
    assert_lacks(text, "time");
    assert_holds(text, "name");
    con_buffer_free(&out);
}

static void
test_colours(void **state)
{
    con_buffer out = {0};
    const char *text = printed(&out, 0, true);
    assert_holds(text, "\033[1m id");
    assert_holds(text, "\033[32m100");
    assert_lacks(text, "\033[0m\033[0m");
    con_buffer_free(&out);
}

static void
test_without_rows(void **state)
{
    con_table t;
    con_buffer out = {0};
    con_table_init(&t, columns, 2);
    con_table_print(&t, &out, 80, false);
    assert_text(text_of(&out), "id  name\n");
    con_buffer_free(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_natural_width),
        cmocka_unit_test(test_cut_to_the_window),
        cmocka_unit_test(test_every_width_is_kept),
        cmocka_unit_test(test_spare_columns_go),
        cmocka_unit_test(test_colours),
        cmocka_unit_test(test_without_rows),
    };
    return run_all(tests);
}
