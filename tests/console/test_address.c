/* Addresses: every form that is taken, and a sentence for every one that is not. */
#include <arpa/inet.h>
#include <unistd.h>
#include "monitor/console/address.h"
#include "support.h"

static void
check_good(const char *text, const char *want)
{
    con_place place;
    char error[256] = "";
    if (!con_address_parse(&place, text, error, sizeof(error))) {
        fail_msg("%s: %s", text, error);
    }
    assert_text(place.text, want);
}

static void
check_bad(const char *text, const char *part)
{
    con_place place;
    char error[256] = "";
    assert_false(con_address_parse(&place, text, error, sizeof(error)));
    assert_holds(error, part);
}

static void
test_good(void **state)
{
    check_good("127.0.0.1:50101", "127.0.0.1:50101");
    check_good("127.8.9.10:0", "127.8.9.10:0");
    check_good(":50101", "127.0.0.1:50101");
    check_good("localhost:1", "127.0.0.1:1");
    check_good("[::1]:65535", "[::1]:65535");
    check_good("/run/app/console", "/run/app/console");
}

static void
test_relative_paths_become_absolute(void **state)
{
    con_place place;
    char error[256], here[108];
    assert_non_null(getcwd(here, sizeof(here)));
    if (strlen(here) < 80) {
        assert_true(con_address_parse(&place, "./console", error, sizeof(error)));
        assert_true(place.text[0] == '/');
        assert_holds(place.text, "/./console");
    }
}

static void
test_not_loopback(void **state)
{
    check_bad("0.0.0.0:50101", "will not listen on 0.0.0.0:50101");
    check_bad("192.168.1.2:5", "loopback");
    check_bad("[::]:5", "will not listen on [::]:5");
    check_bad("[::ffff:127.0.0.1]:5", "loopback");
}

static void
test_not_an_address(void **state)
{
    check_bad("", "'' is not an address");
    check_bad("50101", "'50101' is not an address");
    check_bad("example.org:80", "127.0.0.1, [::1] or localhost");
    check_bad("127.0.0.1:", "'' is not a port");
    check_bad("127.0.0.1:x", "'x' is not a port");
    check_bad("127.0.0.1:65536", "'65536' is not a port");
    check_bad("127.0.0.1:-1", "'-1' is not a port");
    check_bad("127.0.0.1: 1", "' 1' is not a port");
    check_bad("127.0.0.1:99999999999999999999", "is not a port");
    check_bad("::1:5000", "needs brackets");
    check_bad("[::1]", "'[::1]' is not an address");
    check_bad("[::1:5", "is not an address");
    check_bad("[::1]5", "is not an address");
}

static void
test_too_long(void **state)
{
    char text[512];
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    check_bad(text, "is not an address");
    text[0] = '/';
    check_bad(text, "the path");
    text[0] = 'a';
    text[400] = ':';
    check_bad(text, "is not an address");
    text[0] = '[';
    text[399] = ']';
    check_bad(text, "is not an address");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_relative_paths_become_absolute),
        cmocka_unit_test(test_not_loopback),
        cmocka_unit_test(test_not_an_address),
        cmocka_unit_test(test_too_long),
    };
    return run_all(tests);
}
