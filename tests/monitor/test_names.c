/* Every value of every enumeration has a word of its own. */
#include "support.h"

static void
test_each_has_its_word(void **state)
{
    assert_text(mon_state_name(MON_AWAITING), "awaiting");
    assert_text(mon_state_name(MON_READY), "ready");
    assert_text(mon_state_name(MON_RUNNING), "running");
    assert_text(mon_state_name(MON_ENDED), "done");
    assert_text(mon_cause_name(MON_CAUSE_NONE), "none");
    assert_text(mon_cause_name(MON_CAUSE_SIGNAL), "signal");
    assert_text(mon_outcome_name(MON_RESULT), "result");
    assert_text(mon_outcome_name(MON_DESTROYED), "destroyed");
    assert_text(mon_phase_name(MON_STOPPED), "stopped");
    assert_text(mon_phase_name(MON_GIL_WAIT), "gil_wait");
    assert_text(mon_measure_name(MON_STEP_TIME), "step_time");
    for (int i = 0; i < MON_MEASURES; i++) {
        assert_string_not_equal(mon_measure_name((mon_measure)i), "?");
    }
}

static void
test_others_have_none(void **state)
{
    assert_text(mon_state_name((mon_state)0), "?");
    assert_text(mon_state_name((mon_state)99), "?");
    assert_text(mon_cause_name((mon_cause)99), "?");
    assert_text(mon_outcome_name((mon_outcome)99), "?");
    assert_text(mon_phase_name((mon_phase)-1), "?");
    assert_text(mon_measure_name((mon_measure)MON_MEASURES), "?");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_has_its_word),
        cmocka_unit_test(test_others_have_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
