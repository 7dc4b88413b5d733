/* Shares between two looks. */
#include "monitor/console/samples.h"
#include "support.h"

static double
busy(con_samples *s, uint64_t id, double running, double age)
{
    return con_samples_busy(s, &(mon_task_view){.id = id, .running = running, .age = age});
}

static void
test_shares(void **state)
{
    con_samples s = {0};
    con_samples_turn(&s, 10);
    assert_true(busy(&s, 1, 2, 8) == 0.25);
    assert_true(busy(&s, 2, 0, 0) == 0);
    con_samples_turn(&s, 12);
    assert_true(busy(&s, 1, 3, 10) == 0.5);
    assert_true(busy(&s, 3, 1, 1) == 0.5); /* new since */
    assert_true(busy(&s, 2, 9, 2) == 1);   /* never more than all */
    con_samples_turn(&s, 14);
    assert_true(busy(&s, 1, 3, 12) == 0);
    con_samples_free(&s);
}

static void
test_many(void **state)
{
    con_samples s = {0};
    for (int turn = 1; turn <= 3; turn++) {
        con_samples_turn(&s, turn);
        for (uint64_t id = 1; id <= 20000; id++) {
            double share = busy(&s, id, 0.25 * turn, turn);
            assert_true(share == 0.25);
        }
    }
    con_samples_free(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_many),
    };
    return run_all(tests);
}
