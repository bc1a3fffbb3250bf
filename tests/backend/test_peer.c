// SPDX-License-Identifier: MIT
/* The vhost-user frontend against a device that misbehaves, at each message in turn. */
#include "test.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest.h"
#include "loop.h"
#include "peer.h"
#include "session.h"
#include "virtio_features.h"

/*
 * For each message: no limit to speak of, where nothing has to wait for it, so
 * that a busy machine does not matter.
 */
#define LIMIT_MS 100
#define LONG_LIMIT_MS 30000
#define QUEUES 2

/* What a session replies to from opening it to stopping it, if all goes well. */
#define OPEN_MESSAGES 5 /* features, protocol features, owner, queues, config */
#define MESSAGES (OPEN_MESSAGES + 2 + QUEUES * 6)

static const struct session_device disk = {.type = VIRTIO_ID_BLOCK, .max_queues = QUEUES};
static const struct session_device net = {
    .type = VIRTIO_ID_NET, .max_queues = 8, .net = {.mac = {2, 3, 4, 5, 6, 7}}};
static struct guest guest;
static char path[100];

struct outcome {
    int err;
    int messages;
    char error[160];
};

static int run_session(struct session *s)
{
    const struct vhost_user_region regions[] = {
        {GUEST_RAM_BASE, GUEST_RAM_SIZE, GUEST_RAM_BASE, guest.ram_fd},
        {VSH_WINDOW_DAS, GUEST_WINDOW_SIZE, VSH_WINDOW_DAS, guest.window_fd},
    };
    struct session_queue queue[QUEUES];
    int err = session_open(s, path, &disk);

    if (err) {
        /* After an error nothing of it is left. */
        assert_false(session_is_open(s));
        return err;
    }
    assert_int_equal(s->nr_queues, QUEUES);
    for (int i = 0; i < QUEUES; i++) {
        const struct guest_queue *q = &guest.queue[i];

        queue[i] = (struct session_queue){
            .size = q->size,
            .rings = {.desc = q->desc, .avail = q->avail, .used = q->used},
            .kick = eventfd(0, EFD_CLOEXEC),
            .call = eventfd(0, EFD_CLOEXEC),
        };
    }
    err = session_start(s, s->features, regions, 2, queue, QUEUES);
    if (!err) {
        err = session_stop(s);
    }
    for (int i = 0; i < QUEUES; i++) {
        close(queue[i].kick);
        close(queue[i].call);
    }
    session_close(s);
    return err;
}

static struct outcome meet_within(enum peer_fault fault, int message, int limit_ms)
{
    int fds = count_fds();
    struct peer *p = peer_start(path, fault, message);
    struct outcome o = {0};
    struct session s;

    session_init(&s, limit_ms);
    o.err = run_session(&s);
    strcpy(o.error, session_error(&s));
    o.messages = peer_stop(p);
    assert_int_equal(count_fds(), fds);
    return o;
}

static struct outcome meet(enum peer_fault fault, int message)
{
    return meet_within(fault, message, LONG_LIMIT_MS);
}

/* The same until it was not the machine that was late. */
static struct outcome meet_late(enum peer_fault fault, int message)
{
    struct outcome o;

    for (int tries = 0; tries < 20; tries++) {
        o = meet_within(fault, message, LIMIT_MS);
        if (o.messages > message) {
            break;
        }
        assert_int_equal(o.err, -ETIMEDOUT);
    }
    assert_int_equal(o.err, -ETIMEDOUT);
    return o;
}

static int set_up(void **state)
{
    (void)state;
    scratch_path(path, sizeof(path), "peer.sock");
    guest_create(&guest, QUEUES, 64);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    guest_destroy(&guest);
    return 0;
}

static void a_good_device_is_no_error(void **state)
{
    struct outcome o = meet(PEER_OK, -1);

    (void)state;
    assert_string_equal(o.error, "");
    assert_int_equal(o.err, 0);
    assert_int_equal(o.messages, MESSAGES);
}

/* At every message: an error that says which, in time, and nothing of it is left. */
static void always_an_error(enum peer_fault fault, bool waits)
{
    for (int i = 0; i < MESSAGES; i++) {
        struct outcome o = waits ? meet_late(fault, i) : meet(fault, i);

        if (!o.err || !o.error[0]) {
            fail_msg("fault %d at message %d was not noticed: %d \"%s\"", fault, i, o.err, o.error);
        }
        if (!waits && o.err == -ETIMEDOUT) {
            fail_msg("fault %d at message %d was waited for: %s", fault, i, o.error);
        }
        assert_int_equal(o.messages, i + 1);
    }
}

static void closes(void **state)
{
    (void)state;
    always_an_error(PEER_CLOSE, false);
}

static void closes_with_the_request_unread(void **state)
{
    (void)state;
    always_an_error(PEER_CLOSE_UNREAD, false);
}

static void never_answers(void **state)
{
    (void)state;
    always_an_error(PEER_NEVER, true);
}

static void short_header(void **state)
{
    (void)state;
    always_an_error(PEER_SHORT_HEADER, false);
}

static void short_body(void **state)
{
    (void)state;
    always_an_error(PEER_SHORT_BODY, false);
}

static void stalled_body(void **state)
{
    (void)state;
    always_an_error(PEER_STALLED_BODY, true);
}

static void size_zero(void **state)
{
    (void)state;
    always_an_error(PEER_SIZE_ZERO, false);
}

static void size_less(void **state)
{
    (void)state;
    always_an_error(PEER_SIZE_LESS, false);
}

static void size_more(void **state)
{
    (void)state;
    always_an_error(PEER_SIZE_MORE, false);
}

static void size_huge(void **state)
{
    (void)state;
    always_an_error(PEER_SIZE_HUGE, false);
}

static void reply_to_another_request(void **state)
{
    (void)state;
    always_an_error(PEER_WRONG_REQUEST, false);
}

static void request_instead_of_a_reply(void **state)
{
    (void)state;
    always_an_error(PEER_NOT_A_REPLY, false);
}

static void other_version(void **state)
{
    (void)state;
    always_an_error(PEER_VERSION, false);
}

/* The replies that are a status: all that were not asked for a value. */
static void refusals(void **state)
{
    static const int first = OPEN_MESSAGES;

    (void)state;
    for (int i = first; i < MESSAGES; i++) {
        struct outcome o = meet(PEER_REFUSE, i);

        assert_int_equal(o.err, -EIO);
        assert_non_null(strstr(o.error, "refused"));
    }
}

/* At message 0 features, 3 queues, 4 config space. */
static void senseless_values(void **state)
{
    static const int messages[] = {0, 3, 4};

    (void)state;
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        assert_int_equal(meet(PEER_BAD_VALUE, messages[i]).err, -EPROTO);
    }
}

static void unwanted_descriptors_are_dropped(void **state)
{
    (void)state;
    for (int i = 0; i < MESSAGES; i++) {
        assert_int_equal(meet(PEER_FDS, i).err, 0); /* and meet() counts descriptors */
    }
}

/* Of a network device: two queues, whatever it says, and a config space that it does not have. */
static void opens_a_network_device(void **state)
{
    static const uint8_t config[] = {2, 3, 4, 5, 6, 7, 1, 0, 1, 0, 0, 0};
    struct peer *p = peer_start_net(path);
    struct session s;

    (void)state;
    session_init(&s, LONG_LIMIT_MS);
    assert_int_equal(session_open(&s, path, &net), 0);
    assert_int_equal(s.nr_queues, 2);
    assert_int_equal(s.config_len, sizeof(config));
    assert_memory_equal(s.config, config, sizeof(config));
    assert_int_equal(session_read_config(&s), 0); /* it is not asked for it */
    /* As it is, but for what takes a control queue, and with what is in the config space. */
    assert_int_equal(s.features, VIRTIO_F_VERSION_1 | 1 << 15 | 1 << 16 | 1 << 5);
    session_close(&s);
    peer_stop(p);
}

static void opens_a_network_device_with_an_mtu(void **state)
{
    struct session_device big = net;
    struct peer *p = peer_start_net(path);
    struct session s;

    (void)state;
    big.net.mtu = 9000;
    session_init(&s, LONG_LIMIT_MS);
    assert_int_equal(session_open(&s, path, &big), 0);
    assert_true(s.features & 1 << 3);
    assert_int_equal(s.config[10] | s.config[11] << 8, 9000);
    session_close(&s);
    peer_stop(p);
}

static void a_network_device_needs_two_queues(void **state)
{
    struct session_device narrow = net;
    struct peer *p = peer_start_net(path);
    struct session s;

    (void)state;
    narrow.max_queues = 1;
    session_init(&s, LONG_LIMIT_MS);
    assert_int_equal(session_open(&s, path, &narrow), -EPROTO);
    assert_false(session_is_open(&s));
    peer_stop(p);
}

/* Unasked messages while it runs. */
static void talks_unasked(void **state)
{
    struct session s;
    int fd[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
    session_init(&s, LIMIT_MS);
    vhost_user_adopt(&s.vu, fd[0]);
    assert_int_equal(session_ended(&s), 0);
    assert_int_equal(write(fd[1], "hello", 5), 5);
    assert_int_equal(session_ended(&s), -EPROTO);
    close(fd[1]);
    assert_int_equal(session_ended(&s), 1);
    session_close(&s);
}

/* It does not read what it is sent: sending must not wait for ever either. */
static void never_reads(void **state)
{
    static const struct vhost_user_rings rings;
    struct vhost_user vu;
    int64_t start = loop_now();
    int fd[2], err = 0;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
    vhost_user_init(&vu, LIMIT_MS);
    vhost_user_adopt(&vu, fd[0]);
    for (int i = 0; !err && i < 100000; i++) {
        err = vhost_user_set_vring_addr(&vu, 0, &rings);
    }
    assert_int_equal(err, -ETIMEDOUT);
    assert_true(loop_now() - start < 5000);
    vhost_user_close(&vu);
    close(fd[1]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static const struct CMUnitTest tests[] = {
    TEST(a_good_device_is_no_error),
    TEST(closes),
    TEST(closes_with_the_request_unread),
    TEST(never_answers),
    TEST(short_header),
    TEST(short_body),
    TEST(stalled_body),
    TEST(size_zero),
    TEST(size_less),
    TEST(size_more),
    TEST(size_huge),
    TEST(reply_to_another_request),
    TEST(request_instead_of_a_reply),
    TEST(other_version),
    TEST(refusals),
    TEST(senseless_values),
    TEST(unwanted_descriptors_are_dropped),
    TEST(opens_a_network_device),
    TEST(opens_a_network_device_with_an_mtu),
    TEST(a_network_device_needs_two_queues),
    TEST(talks_unasked),
    TEST(never_reads),
};

TEST_MAIN(tests)
