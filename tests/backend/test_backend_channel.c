// SPDX-License-Identifier: MIT
/* What a device process says of its own accord. */
#include "test.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend_channel.h"

#define CONFIG_CHANGE 2
#define VRING_HOST_NOTIFIER 3

struct message {
    uint32_t request, flags, size;
    uint8_t body[16];
} __attribute__((packed));

static struct {
    struct backend_channel ch;
    int peer;
    int fds;
} t;

static int set_up(void **state)
{
    (void)state;
    t.fds = count_fds();
    backend_channel_init(&t.ch);
    assert_int_equal(backend_channel_open(&t.ch, &t.peer), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    backend_channel_close(&t.ch);
    if (t.peer >= 0) {
        close(t.peer);
    }
    assert_int_equal(count_fds(), t.fds);
    return 0;
}

static void say(uint32_t request, uint32_t flags, uint32_t body)
{
    struct message m = {request, flags, body, {0}};

    assert_int_equal(send(t.peer, &m, 12 + body, 0), 12 + body);
}

/* The status of the answer. */
static uint64_t hear(uint32_t request)
{
    struct message m;
    uint64_t status;

    assert_int_equal(recv(t.peer, &m, 20, MSG_DONTWAIT), 20);
    assert_int_equal(m.request, request);
    assert_int_equal(m.flags, 5);
    assert_int_equal(m.size, 8);
    memcpy(&status, m.body, sizeof(status));
    return status;
}

static void silence(void **state)
{
    char c;

    (void)state;
    assert_int_equal(backend_channel_read(&t.ch), 0);
    assert_int_equal(recv(t.peer, &c, 1, MSG_DONTWAIT), -1);
}

static void the_config_space_changes(void **state)
{
    char c;

    (void)state;
    say(CONFIG_CHANGE, 1, 0);
    assert_int_equal(backend_channel_read(&t.ch), 1);
    assert_int_equal(backend_channel_read(&t.ch), 0);
    assert_int_equal(recv(t.peer, &c, 1, MSG_DONTWAIT), -1); /* no answer was asked for */
    say(CONFIG_CHANGE, 9, 0);
    assert_int_equal(backend_channel_read(&t.ch), 1);
    assert_int_equal(hear(CONFIG_CHANGE), 0);
}

static void other_requests(void **state)
{
    (void)state;
    say(VRING_HOST_NOTIFIER, 1, 16);
    say(VRING_HOST_NOTIFIER, 9, 16);
    assert_int_equal(backend_channel_read(&t.ch), 0);
    assert_true(hear(VRING_HOST_NOTIFIER) != 0);
    say(VRING_HOST_NOTIFIER, 9, 16);
    say(CONFIG_CHANGE, 9, 0);
    say(77, 9, 3);
    assert_int_equal(backend_channel_read(&t.ch), 1);
    assert_true(hear(VRING_HOST_NOTIFIER) != 0);
    assert_int_equal(hear(CONFIG_CHANGE), 0);
    assert_true(hear(77) != 0);
}

static void byte_by_byte(void **state)
{
    static const struct message m[] = {{VRING_HOST_NOTIFIER, 1, 16, {0}},
                                       {CONFIG_CHANGE, 1, 0, {0}}};
    const uint8_t *bytes = (const void *)m;
    size_t len = sizeof(m[0]) + 12;

    (void)state;
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(send(t.peer, &bytes[i], 1, 0), 1);
        assert_int_equal(backend_channel_read(&t.ch), i == len - 1);
    }
}

static void nonsense(void **state)
{
    static const struct message bad[] = {
        {CONFIG_CHANGE, 0, 0, {0}},          /* no version */
        {CONFIG_CHANGE, 2, 0, {0}},          /* another one */
        {CONFIG_CHANGE, 5, 0, {0}},          /* a reply */
        {CONFIG_CHANGE, 1, 501, {0}},        /* longer than any request */
        {CONFIG_CHANGE, 1, UINT32_MAX, {0}}, /* much longer */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(send(t.peer, &bad[i], sizeof(bad[i]), 0), sizeof(bad[i]));
        assert_int_equal(backend_channel_read(&t.ch), -EPROTO);
        tear_down(NULL);
        set_up(NULL);
    }
}

static void the_device_is_gone(void **state)
{
    (void)state;
    say(CONFIG_CHANGE, 1, 0);
    close(t.peer);
    t.peer = -1;
    assert_int_equal(backend_channel_read(&t.ch), 1); /* its last words */
    assert_int_equal(backend_channel_read(&t.ch), -EPIPE);
}

/* It never reads what it is answered: nobody waits for it. */
static void answers_that_nobody_reads(void **state)
{
    int ret = 0;

    (void)state;
    for (int i = 0; i < 100000 && ret >= 0; i++) {
        say(77, 9, 0);
        ret = backend_channel_read(&t.ch);
    }
    assert_int_equal(ret, -EPROTO);
}

/* However much there is to read, a call ends. */
static void endless_talk(void **state)
{
    struct {
        uint32_t request, flags, size;
        uint8_t body[BACKEND_CHANNEL_SIZE - 12];
    } m = {CONFIG_CHANGE, 1, sizeof(m.body), {0}};
    size_t bytes = 0;

    (void)state;
    while (send(t.peer, &m, sizeof(m), MSG_DONTWAIT) == sizeof(m)) {
        bytes += sizeof(m);
    }
    assert_true(bytes > 16 * BACKEND_CHANNEL_SIZE);
    assert_int_equal(backend_channel_read(&t.ch), 1);
    assert_int_equal(backend_channel_read(&t.ch), 1); /* so the first did not read it all */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static const struct CMUnitTest tests[] = {
    TEST(silence),
    TEST(the_config_space_changes),
    TEST(other_requests),
    TEST(byte_by_byte),
    TEST(nonsense),
    TEST(the_device_is_gone),
    TEST(answers_that_nobody_reads),
    TEST(endless_talk),
};

TEST_MAIN(tests)
