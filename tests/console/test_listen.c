/* Listening: ports, files, who owns them, and errors that name the address. */
#include <sys/stat.h>
#include "served.h"

static con_server *
try_start(mon *m, const char *address, char *error, size_t size, int *code)
{
    con_options options = {address, NULL};
    return con_start(m, &options, error, size, code);
}

static const char *
temporary(char *path, size_t size)
{
    char folder[] = "/tmp/uvloupe-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    snprintf(path, size, "%s/console", folder);
    return path;
}

static void
remove_temporary(char *path)
{
    unlink(path);
    *strrchr(path, '/') = '\0';
    assert_int_equal(rmdir(path), 0);
}

static void
test_a_taken_port(void **state)
{
    char error[256], want[256];
    int code;
    served s = new_served();
    serve(&s, NULL);
    assert_null(try_start(s.m, con_address(s.server), error, sizeof(error), &code));
    assert_int_equal(code, EADDRINUSE);
    snprintf(want, sizeof(want), "cannot listen on %s: Address already in use",
             con_address(s.server));
    assert_text(error, want);
    unserve(&s);
}

static void
test_what_cannot_be_read_has_no_errno(void **state)
{
    char error[256];
    int code = -1;
    mon *m = new_monitor();
    assert_null(try_start(m, "0.0.0.0:1", error, sizeof(error), &code));
    assert_int_equal(code, 0);
    assert_null(try_start(m, "nothing", error, sizeof(error), &code));
    assert_int_equal(code, 0);
    assert_null(try_start(m, "/no/such/folder/x", error, sizeof(error), &code));
    assert_int_equal(code, ENOENT);
    assert_holds(error, "cannot listen on /no/such/folder/x: ");
    mon_unref(m);
}

static void
test_ipv6(void **state)
{
    char error[256];
    int code;
    mon *m = new_monitor();
    con_server *server = try_start(m, "[::1]:0", error, sizeof(error), &code);
    if (server == NULL) {
        mon_unref(m);
        return; /* a machine without IPv6; not skip(): cmocka 1.1 calls that "not ok" in TAP */
    }
    assert_holds(con_address(server), "[::1]:");
    peer p = {.fd = connect_to(con_address(server))};
    SAY(&p, "ps\nquit\n");
    expect_end(&p);
    assert_holds(heard(&p), "0 tasks");
    leave(&p);
    con_stop(server);
    mon_unref(m);
}

static void
test_a_unix_socket_is_its_owners_alone(void **state)
{
    served s = new_served();
    char path[128];
    struct stat file;
    mode_t before = umask(0);
    serve_at(&s, temporary(path, sizeof(path)), NULL);
    umask(before);
    assert_text(con_address(s.server), path);
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(file.st_mode & 07777, 0600);
    peer p = join(&s);
    SAY(&p, "ps\nquit\n");
    expect_end(&p);
    assert_holds(heard(&p), "0 tasks");
    leave(&p);
    unserve(&s);
    assert_int_not_equal(stat(path, &file), 0);
    remove_temporary(path);
}

static void
test_a_stale_file_is_replaced(void **state)
{
    served s = new_served();
    char path[128];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    temporary(path, sizeof(path));
    snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", path);
    int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(dead, (struct sockaddr *)&address, sizeof(address)), 0);
    close(dead);
    serve_at(&s, path, NULL);
    peer p = join(&s);
    SAY(&p, "quit\n");
    expect_end(&p);
    leave(&p);
    unserve(&s);
    remove_temporary(path);
}

static void
test_a_live_one_is_not(void **state)
{
    served s = new_served();
    char path[128], error[256];
    int code;
    struct stat file;
    serve_at(&s, temporary(path, sizeof(path)), NULL);
    assert_null(try_start(s.m, path, error, sizeof(error), &code));
    assert_int_equal(code, EADDRINUSE);
    assert_holds(error, "Address already in use");
    assert_int_equal(stat(path, &file), 0);
    unserve(&s);
    remove_temporary(path);
}

static void
test_a_file_that_is_no_socket_is_kept(void **state)
{
    mon *m = new_monitor();
    char path[128], error[256];
    int code;
    int fd = open(temporary(path, sizeof(path)), O_CREAT | O_WRONLY, 0600);
    close(fd);
    assert_null(try_start(m, path, error, sizeof(error), &code));
    assert_int_equal(code, EADDRINUSE);
    assert_int_equal(access(path, F_OK), 0);
    mon_unref(m);
    remove_temporary(path);
}

static void
test_a_file_that_is_not_ours_any_more_is_kept(void **state)
{
    served first = {.m = new_monitor(), .limits = quick_limits()}, second = first;
    char path[128];
    second.m = new_monitor();
    serve_at(&first, temporary(path, sizeof(path)), NULL);
    unlink(path);
    serve_at(&second, path, NULL);
    unserve(&first);
    assert_int_equal(access(path, F_OK), 0);
    unserve(&second);
    remove_temporary(path);
}

static void
test_descriptors_are_closed_on_exec(void **state)
{
    served s = new_served();
    serve(&s, NULL);
    peer p = join(&s);
    expect(&p, "help lists");
    for (int fd = 3; fd < 64; fd++) {
        struct sockaddr_storage name;
        socklen_t size = sizeof(name);
        if (getsockname(fd, (struct sockaddr *)&name, &size) == 0) {
            assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        }
    }
    leave(&p);
    unserve(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_taken_port),
        cmocka_unit_test(test_what_cannot_be_read_has_no_errno),
        cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_a_unix_socket_is_its_owners_alone),
        cmocka_unit_test(test_a_stale_file_is_replaced),
        cmocka_unit_test(test_a_live_one_is_not),
        cmocka_unit_test(test_a_file_that_is_no_socket_is_kept),
        cmocka_unit_test(test_a_file_that_is_not_ours_any_more_is_kept),
        cmocka_unit_test(test_descriptors_are_closed_on_exec),
    };
    return run_all(tests);
}
