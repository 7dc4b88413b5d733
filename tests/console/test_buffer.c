/* The growing buffer keeps its bytes in order through growing and taking. */
#include "support.h"

static void
test_adding_and_taking(void **state)
{
    con_buffer b = {0};
    con_buffer_adds(&b, "hello");
    con_buffer_addf(&b, " %d%c", 42, '!');
    con_buffer_fill(&b, '.', 3);
    assert_text(text_of(&b), "hello 42!...");
    con_buffer_take(&b, 6);
    assert_text(text_of(&b), "42!...");
    con_buffer_take(&b, 100);
    assert_int_equal(con_buffer_used(&b), 0);
    con_buffer_free(&b);
}

static void
test_empty_has_bytes_to_point_at(void **state)
{
    con_buffer b = {0};
    assert_non_null(con_buffer_bytes(&b));
    con_buffer_add(&b, NULL, 0);
    con_buffer_fill(&b, 'x', 0);
    assert_int_equal(con_buffer_used(&b), 0);
    con_buffer_free(&b);
}

/* A queue that is used at both ends for long takes no more than its longest. */
static void
test_taking_makes_room(void **state)
{
    con_buffer b = {0};
    uint64_t in = 0, out = 0;
    for (int i = 0; i < 100000; i++) {
        con_buffer_add(&b, &in, sizeof(in));
        in++;
        if (i >= 10) {
            uint64_t value;
            memcpy(&value, con_buffer_bytes(&b), sizeof(value));
            assert_int_equal(value, out++);
            con_buffer_take(&b, sizeof(value));
        }
    }
    assert_true(b.size <= 512);
    con_buffer_free(&b);
}

static void
test_large_memory_is_given_back(void **state)
{
    con_buffer b = {0};
    con_buffer_fill(&b, 'x', 1000000);
    con_buffer_take(&b, 1000000);
    assert_int_equal(b.size, 0);
    con_buffer_adds(&b, "again");
    assert_text(text_of(&b), "again");
    con_buffer_free(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adding_and_taking),
        cmocka_unit_test(test_empty_has_bytes_to_point_at),
        cmocka_unit_test(test_taking_makes_room),
        cmocka_unit_test(test_large_memory_is_given_back),
    };
    return run_all(tests);
}
