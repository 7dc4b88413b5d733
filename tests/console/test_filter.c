/* The filter: data and our five options pass; nothing else ever reaches libtelnet. */
#include "monitor/console/filter.h"
#include "support.h"

typedef struct filtered {
    con_filter filter;
    con_buffer pass, reply;
} filtered;

static void
feed(filtered *f, const char *bytes, size_t count)
{
    con_filter_bytes(&f->filter, (const unsigned char *)bytes, count, &f->pass, &f->reply);
}

#define FEED(f, bytes) feed(f, bytes, sizeof(bytes) - 1)

static void
check(con_buffer *b, const char *bytes, size_t count)
{
    assert_int_equal(con_buffer_used(b), count);
    assert_memory_equal(con_buffer_bytes(b), bytes, count);
    con_buffer_clear(b);
}

#define PASSED(f, bytes)  check(&(f)->pass, bytes, sizeof(bytes) - 1)
#define REPLIED(f, bytes) check(&(f)->reply, bytes, sizeof(bytes) - 1)

static void
release(filtered *f)
{
    con_buffer_free(&f->pass);
    con_buffer_free(&f->reply);
}

static void
test_data_passes(void **state)
{
    filtered f = {0};
    FEED(&f, "ps\r\0status\n\x80\xFE\x01");
    PASSED(&f, "ps\r\0status\n\x80\xFE\x01");
    REPLIED(&f, "");
    assert_false(f.filter.negotiates);
    FEED(&f, "\xFF\xFFx");
    PASSED(&f, "\xFF\xFFx");
    assert_false(f.filter.negotiates);
    release(&f);
}

static void
test_our_options_pass(void **state)
{
    filtered f = {0};
    FEED(&f, "\xFF\xFD\x01\xFF\xFD\x03\xFF\xFB\x18\xFF\xFB\x1F\xFF\xFD\0");
    PASSED(&f, "\xFF\xFD\x01\xFF\xFD\x03\xFF\xFB\x18\xFF\xFB\x1F\xFF\xFD\0");
    REPLIED(&f, "");
    assert_true(f.filter.negotiates);
    assert_false(f.filter.echo_refused);
    FEED(&f, "\xFF\xFE\x01");
    assert_true(f.filter.echo_refused);
    FEED(&f, "\xFF\xFD\x01");
    assert_false(f.filter.echo_refused);
    release(&f);
}

/* LINEMODE 34, COMPRESS2 86, MSSP 70, NEW-ENVIRON 39, ZMP 93, TIMING-MARK 6. */
static void
test_others_are_refused(void **state)
{
    filtered f = {0};
    FEED(&f, "\xFF\xFB\x22\xFF\xFD\x56\xFF\xFB\x46\xFF\xFB\x27\xFF\xFD\x5D\xFF\xFD\x06");
    PASSED(&f, "");
    REPLIED(&f, "\xFF\xFE\x22\xFF\xFC\x56\xFF\xFE\x46\xFF\xFE\x27\xFF\xFC\x5D\xFF\xFC\x06");
    release(&f);
}

static void
test_a_no_is_not_answered(void **state)
{
    filtered f = {0};
    FEED(&f, "\xFF\xFC\x22\xFF\xFE\x56");
    PASSED(&f, "");
    REPLIED(&f, "");
    release(&f);
}

static void
test_commands_pass(void **state)
{
    filtered f = {0};
    FEED(&f, "\xFF\xF4\xFF\xF6");
    PASSED(&f, "\xFF\xF4\xFF\xF6");
    FEED(&f, "\xFF\xF0\xFF\x41z"); /* SE out of place, and no command at all */
    PASSED(&f, "z");
    release(&f);
}

static void
test_our_subnegotiations_pass_whole(void **state)
{
    filtered f = {0};
    FEED(&f, "\xFF\xFA\x1F\0\x50\0");
    PASSED(&f, "");
    FEED(&f, "\xFF\xFF\xFF\xF0x");
    PASSED(&f, "\xFF\xFA\x1F\0\x50\0\xFF\xFF\xFF\xF0x");
    FEED(&f, "\xFF\xFA\x18\0XTERM\xFF\xF0");
    PASSED(&f, "\xFF\xFA\x18\0XTERM\xFF\xF0");
    release(&f);
}

static void
check_dropped(unsigned char option, size_t size)
{
    filtered f = {0};
    const char begin[] = {'\xFF', '\xFA', (char)option};
    feed(&f, begin, sizeof(begin));
    for (size_t i = 0; i < size; i++) {
        FEED(&f, "\x01");
    }
    FEED(&f, "\xFF\xF0"
             "after");
    PASSED(&f, "after");
    REPLIED(&f, "");
    release(&f);
}

static void
test_other_subnegotiations_do_not(void **state)
{
    check_dropped(36, 360 * 1024); /* ENVIRON */
    check_dropped(39, 360 * 1024); /* NEW-ENVIRON */
    check_dropped(86, 0);          /* COMPRESS2 */
    check_dropped(70, 512);        /* MSSP */
    check_dropped(93, 100);        /* ZMP */
    check_dropped(34, 3);          /* LINEMODE */
}

static void
test_long_ones_do_not(void **state)
{
    check_dropped(24, CON_SUBNEGOTIATION_MAX);
    check_dropped(31, 1024 * 1024);
    filtered f = {0};
    char longest[CON_SUBNEGOTIATION_MAX - 1];
    memset(longest, 'x', sizeof(longest));
    FEED(&f, "\xFF\xFA\x18");
    feed(&f, longest, sizeof(longest));
    FEED(&f, "\xFF\xF0");
    assert_int_equal(con_buffer_used(&f.pass), CON_SUBNEGOTIATION_MAX + 4);
    release(&f);
}

static void
test_a_command_ends_a_subnegotiation_unheard(void **state)
{
    filtered f = {0};
    FEED(&f, "\xFF\xFA\x18\0XT\xFF\xFD\x01rest");
    PASSED(&f, "\xFF\xFD\x01rest");
    FEED(&f, "\xFF\xFA\x18\0XT\xFF\xFA\x1F\0\x50\0\x18\xFF\xF0");
    PASSED(&f, "\xFF\xFA\x1F\0\x50\0\x18\xFF\xF0");
    FEED(&f, "\xFF\xFA\xFF\xF0next");
    PASSED(&f, "next");
    release(&f);
}

/* The same bytes in any pieces give the same. */
static void
test_pieces_do_not_matter(void **state)
{
    static const char stream[] = "a\xFF\xFD\x01"
                                 "b\xFF\xFA\x1F\0\x50\0\x18\xFF\xF0"
                                 "c\xFF\xFB\x56"
                                 "d\xFF\xFA\x56\xFF\xF0"
                                 "e\xFF\xF4"
                                 "f";
    filtered whole = {0}, pieces = {0};
    FEED(&whole, stream);
    for (size_t i = 0; i < sizeof(stream) - 1; i++) {
        feed(&pieces, stream + i, 1);
    }
    check(&pieces.pass, con_buffer_bytes(&whole.pass), con_buffer_used(&whole.pass));
    check(&pieces.reply, con_buffer_bytes(&whole.reply), con_buffer_used(&whole.reply));
    release(&whole);
    release(&pieces);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_data_passes),
        cmocka_unit_test(test_our_options_pass),
        cmocka_unit_test(test_others_are_refused),
        cmocka_unit_test(test_a_no_is_not_answered),
        cmocka_unit_test(test_commands_pass),
        cmocka_unit_test(test_our_subnegotiations_pass_whole),
        cmocka_unit_test(test_other_subnegotiations_do_not),
        cmocka_unit_test(test_long_ones_do_not),
        cmocka_unit_test(test_a_command_ends_a_subnegotiation_unheard),
        cmocka_unit_test(test_pieces_do_not_matter),
    };
    return run_all(tests);
}
