// SPDX-License-Identifier: MIT
/* The vhost-user frontend against a device that misbehaves, at each message in turn. */
#include "test.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "drive.h"
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
        {GUEST_WINDOW_DAS, GUEST_WINDOW_SIZE, GUEST_WINDOW_DAS, guest.window_fd},
    };
    struct session_queue queue[QUEUES];
    int err = drive_open(s, path, &disk);

    if (err) {
        /* After an error nothing of it is left. */
        assert_int_equal(s->vu.fd, -1);
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
    err = drive_start(s, s->features, regions, 2, queue, QUEUES);
    if (!err) {
        err = drive_stop(s);
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

    drive_init(&s, limit_ms);
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
    drive_begin();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    drive_end();
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
    drive_init(&s, LONG_LIMIT_MS);
    assert_int_equal(drive_open(&s, path, &net), 0);
    assert_int_equal(s.nr_queues, 2);
    assert_int_equal(s.config_len, sizeof(config));
    assert_memory_equal(s.config, config, sizeof(config));
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
    drive_init(&s, LONG_LIMIT_MS);
    assert_int_equal(drive_open(&s, path, &big), 0);
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
    drive_init(&s, LONG_LIMIT_MS);
    assert_int_equal(drive_open(&s, path, &narrow), -EPROTO);
    assert_int_equal(s.state, SESSION_FAILED);
    peer_stop(p);
}

/* Types whose length is known: just that, whatever else the device would take for good. */
static void config_spaces_have_the_length_of_their_type(void **state)
{
    static const struct {
        uint32_t type;
        uint64_t features;
        uint32_t len, queues;
    } known[] = {
        {2, 0, 60, 1},  {2, 1 << 12, 60, 2}, {8, 0, 36, 4},  {18, 0, 136, 4},
        {19, 0, 8, 4},  {26, 0, 40, 4},      {26, 1, 44, 4}, {41, 0, 8, 4},
        {99, 0, 84, 4}, {3, 0, 12, 4},       {4, 0, 0, 4},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        const struct session_device device = {.type = known[i].type, .max_queues = 4};
        uint32_t exact = known[i].len ? known[i].len : 256;

        for (int less = 0; less <= (known[i].type == 99 || known[i].type == 3 ? 0 : 1); less++) {
            struct peer *p = peer_start_other(path, known[i].features, 8, exact - (uint32_t)less);
            struct session s;
            int err;

            drive_init(&s, LONG_LIMIT_MS);
            err = drive_open(&s, path, &device);
            if (less && known[i].len) {
                assert_int_equal(err, -EPROTO);
                assert_non_null(strstr(session_error(&s), "needs one"));
            } else {
                assert_int_equal(err, 0);
                assert_int_equal(s.config_len, known[i].len);
                assert_int_equal(s.nr_queues, known[i].queues);
                /* Beyond it there is nothing of what was in memory. */
                for (uint32_t at = s.config_len; at < sizeof(s.config); at++) {
                    assert_int_equal(s.config[at], 0);
                }
            }
            session_close(&s);
            peer_stop(p);
        }
    }
}

/* fs needs 2 queues, scsi and vsock 3: what the device has and what the toolstack gave both count.
 */
static void fewer_queues_than_a_type_needs_are_refused(void **state)
{
    static const struct {
        uint32_t type, min;
    } types[] = {{26, 2}, {8, 3}, {19, 3}, {1, 2}};

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        for (uint32_t queues = types[i].min - 1; queues <= types[i].min; queues++) {
            const struct session_device device = {.type = types[i].type, .max_queues = 8};
            struct peer *p = peer_start_other(path, 0, queues, 256);
            struct session s;

            drive_init(&s, LONG_LIMIT_MS);
            assert_int_equal(drive_open(&s, path, &device), queues < types[i].min ? -EPROTO : 0);
            if (queues < types[i].min) {
                assert_non_null(strstr(session_error(&s), "queue(s)"));
            } else {
                assert_int_equal(s.nr_queues, queues);
            }
            session_close(&s);
            peer_stop(p);
        }
    }
}

/* The driver would look for as many as the device says. */
static void config_space_speaks_of_the_queues_that_there_are(void **state)
{
    const struct session_device scsi = {.type = 8, .max_queues = 4};
    struct peer *p = peer_start_other(path, 0, 8, 36);
    struct session s;

    (void)state;
    drive_init(&s, LONG_LIMIT_MS);
    assert_int_equal(drive_open(&s, path, &scsi), 0);
    assert_int_equal(s.config[0], 2); /* of 2^32 - 1 */
    assert_int_equal(s.config[1] | s.config[2] | s.config[3], 0);
    session_close(&s);
    peer_stop(p);
}

/* A session with this end of a pair of sockets, and its device is the other. */
static int adopt(struct session *s, int limit_ms)
{
    int fd[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
    drive_init(s, limit_ms);
    session_adopt(s, fd[0], &disk);
    return fd[1];
}

/* More than was asked for, in one go with a good answer. */
static void talks_unasked(void **state)
{
    static const struct {
        uint32_t head[3];
        uint64_t features;
        char more[5];
    } __attribute__((packed))
    answer = {{1, 5, 8}, 1ULL << 32 | 1ULL << 30, {'h', 'e', 'l', 'l', 'o'}};
    struct session s;
    int fd = adopt(&s, LONG_LIMIT_MS);

    (void)state;
    assert_int_equal(write(fd, &answer, sizeof(answer)), sizeof(answer));
    assert_int_equal(drive_while(&s, SESSION_OPENING), SESSION_FAILED);
    assert_int_equal(s.err, -EPROTO);
    assert_non_null(strstr(session_error(&s), "nobody asked"));
    close(fd);
}

/* It talks when the session has nothing to ask it, and then when it was told to stop. */
static void talks_while_it_runs(void **state)
{
    (void)state;
    for (int stopped = 0; stopped < 2; stopped++) {
        struct peer *p = peer_start(path, PEER_TALKS_AT_THE_END, -1);
        struct session s;

        drive_init(&s, LONG_LIMIT_MS);
        assert_int_equal(drive_open(&s, path, &disk), 0);
        if (stopped) {
            session_stop(&s);
            drive_while(&s, SESSION_ENDING);
        } else {
            peer_talk(p);
            drive_while(&s, SESSION_OPEN);
        }
        assert_int_equal(s.state, SESSION_FAILED);
        assert_int_equal(s.err, -EPROTO);
        session_close(&s);
        peer_stop(p);
    }
}

/* All of it is good, but it comes byte by byte. */
static void one_byte_at_a_time(void **state)
{
    struct outcome o = meet(PEER_SLOW, -1);

    (void)state;
    assert_string_equal(o.error, "");
    assert_int_equal(o.err, 0);
    assert_int_equal(o.messages, MESSAGES);
}

/* However often something comes: the limit is for the whole message. */
static void one_byte_at_a_time_for_too_long(void **state)
{
    struct peer *p = peer_start(path, PEER_SLOWER, 0);
    int64_t start = loop_now();
    struct session s;

    (void)state;
    drive_init(&s, LIMIT_MS);
    assert_int_equal(drive_open(&s, path, &disk), -ETIMEDOUT);
    assert_true(loop_now() - start < 10 * LIMIT_MS);
    peer_stop(p);
}

/* It does not read what it is sent: sending must not wait, nor keep the processor busy. */
static void never_reads(void **state)
{
    struct session s;
    struct timespec before, after;
    int small = 1, fd[2];
    char junk[4096] = {0};

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
    assert_int_equal(setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
    while (send(fd[0], junk, sizeof(junk), MSG_DONTWAIT) > 0) {
    }
    while (send(fd[0], junk, 1, MSG_DONTWAIT) > 0) {
    }
    drive_init(&s, LIMIT_MS);
    session_adopt(&s, fd[0], &disk);
    assert_true(vhost_user_sending(&s.vu));
    assert_int_equal(write(fd[1], junk, 1), 1);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    assert_int_equal(drive_while(&s, SESSION_OPENING), SESSION_FAILED);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    assert_int_equal(s.err, -ETIMEDOUT);
    assert_true((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000 <
                LIMIT_MS / 2);
    close(fd[1]);
}

/* Told to stop while it is still being asked, or given queues: it hears of it after one answer. */
static void is_stopped_at_every_message(void **state)
{
    (void)state;
    for (int message = 0; message < OPEN_MESSAGES; message++) {
        struct peer *p = peer_start(path, PEER_HOLD, message);
        struct session s;

        drive_init(&s, LONG_LIMIT_MS);
        assert_int_equal(session_open(&s, path, &disk), 0);
        while (!peer_holds(p)) {
            drive_for(1);
        }
        session_stop(&s);
        assert_int_equal(s.state, SESSION_ENDING);
        peer_release(p);
        assert_int_equal(drive_while(&s, SESSION_ENDING), SESSION_ENDED);
        session_close(&s);
        assert_int_equal(peer_stop(p), message + 1);
    }
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
    TEST(config_spaces_have_the_length_of_their_type),
    TEST(fewer_queues_than_a_type_needs_are_refused),
    TEST(config_space_speaks_of_the_queues_that_there_are),
    TEST(talks_unasked),
    TEST(talks_while_it_runs),
    TEST(one_byte_at_a_time),
    TEST(one_byte_at_a_time_for_too_long),
    TEST(is_stopped_at_every_message),
    TEST(never_reads),
};

TEST_MAIN(tests)
