// SPDX-License-Identifier: MIT
/* The vhost-user frontend against a stock qemu-storage-daemon. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "drive.h"
#include "guest.h"
#include "qsd.h"
#include "session.h"
#include "virtio_features.h"

#define QUEUES 2
#define QUEUE_SIZE 64

static const struct session_device disk = {.type = VIRTIO_ID_BLOCK, .max_queues = QUEUES};
static const struct session_device one_queue = {.type = VIRTIO_ID_BLOCK, .max_queues = 1};

struct fixture {
    struct qsd qsd;
    struct guest guest;
    struct session session;
    struct session_queue queue[QUEUES];
    int fds;
};

static int set_up(void **state)
{
    static struct fixture f;

    memset(&f, 0, sizeof(f));
    scratch_dir();
    f.fds = count_fds();
    qsd_start(&f.qsd, QUEUES);
    guest_create(&f.guest, QUEUES, QUEUE_SIZE);
    drive_begin();
    drive_init(&f.session, 20000);
    for (int i = 0; i < QUEUES; i++) {
        f.queue[i].kick = -1;
        f.queue[i].call = -1;
    }
    *state = &f;
    return 0;
}

static void close_eventfds(struct fixture *f)
{
    for (int i = 0; i < QUEUES; i++) {
        if (f->queue[i].kick >= 0) {
            close(f->queue[i].kick);
            close(f->queue[i].call);
            f->queue[i].kick = -1;
        }
    }
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    session_close(&f->session);
    drive_end();
    close_eventfds(f);
    guest_destroy(&f->guest);
    qsd_stop(&f->qsd);
    assert_int_equal(count_fds(), f->fds);
    return 0;
}

static void open_session(struct fixture *f)
{
    int err = drive_open(&f->session, f->qsd.socket, &disk);

    if (err) {
        fail_msg("drive_open: %d, %s", err, session_error(&f->session));
    }
}

static void start(struct fixture *f)
{
    const struct vhost_user_region regions[] = {
        {GUEST_RAM_BASE, GUEST_RAM_SIZE, GUEST_RAM_BASE, f->guest.ram_fd},
        {GUEST_WINDOW_DAS, GUEST_WINDOW_SIZE, GUEST_WINDOW_DAS, f->guest.window_fd},
    };
    int err;

    close_eventfds(f);
    for (int i = 0; i < QUEUES; i++) {
        const struct guest_queue *q = &f->guest.queue[i];

        f->queue[i] = (struct session_queue){
            .size = q->size,
            .rings = {.desc = q->desc, .avail = q->avail, .used = q->used},
            .kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
            .call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
        };
    }
    /* Without EVENT_IDX: the test's rings ask for every notification. */
    err = drive_start(&f->session, f->session.features & ~VIRTIO_F_EVENT_IDX, regions, 2, f->queue,
                      QUEUES);
    if (err) {
        fail_msg("drive_start: %d, %s", err, session_error(&f->session));
    }
}

/* Kicks, and waits for calls until n requests of the queue are back. */
static void run(struct fixture *f, unsigned int queue, unsigned int n)
{
    struct pollfd pfd = {.fd = f->queue[queue].call, .events = POLLIN};
    unsigned int got = 0;
    eventfd_t calls;

    assert_int_equal(eventfd_write(f->queue[queue].kick, 1), 0);
    while (got < n) {
        assert_int_equal(poll(&pfd, 1, 5000), 1);
        assert_int_equal(eventfd_read(f->queue[queue].call, &calls), 0);
        got += guest_collect(&f->guest, queue);
    }
    assert_int_equal(got, n);
}

static void wait_for_end(struct fixture *f)
{
    assert_int_equal(drive_stop(&f->session), 0);
}

static void learns_what_the_device_is(void **state)
{
    struct fixture *f = *state;
    uint64_t sectors;

    open_session(f);
    assert_true(f->session.features & VIRTIO_F_VERSION_1);
    assert_int_equal(f->session.features >> 24, (VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC |
                                                 VIRTIO_F_EVENT_IDX | VIRTIO_F_RING_RESET) >>
                                                    24);
    assert_int_equal(f->session.features & 1 << 11, 0); /* CONFIG_WCE */
    assert_int_equal(f->session.nr_queues, QUEUES);
    assert_int_equal(f->session.config_len, 60);
    memcpy(&sectors, f->session.config, sizeof(sectors));
    assert_int_equal(sectors, QSD_IMAGE_SIZE / SECTOR);
    assert_int_equal(f->session.config[34], QUEUES);
}

static void driver_is_told_of_no_more_queues_than_there_are(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(drive_open(&f->session, f->qsd.socket, &one_queue), 0);
    assert_int_equal(f->session.nr_queues, 1);
    assert_int_equal(f->session.config[34] | f->session.config[35] << 8, 1);
}

static void reads_sectors(void **state)
{
    struct fixture *f = *state;

    open_session(f);
    start(f);
    for (unsigned int slot = 0; slot < 8; slot++) {
        guest_submit(&f->guest, 0, slot, false, 100 + slot * 16, NULL, 8 * SECTOR);
    }
    run(f, 0, 8);
    for (unsigned int slot = 0; slot < 8; slot++) {
        assert_int_equal(guest_status(&f->guest, slot), 0);
        for (unsigned int i = 0; i < 8 * SECTOR; i++) {
            assert_int_equal(guest_data(&f->guest, slot)[i],
                             (uint8_t)(100 + slot * 16 + i / SECTOR));
        }
    }
}

static void writes_sectors(void **state)
{
    struct fixture *f = *state;
    uint8_t data[4 * SECTOR], back[4 * SECTOR];
    int fd;

    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * 7 + 3);
    }
    open_session(f);
    start(f);
    guest_submit(&f->guest, 1, 0, true, 1000, data, sizeof(data));
    run(f, 1, 1);
    assert_int_equal(guest_status(&f->guest, 0), 0);

    fd = open(f->qsd.image, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, back, sizeof(back), 1000 * SECTOR), sizeof(back));
    close(fd);
    assert_memory_equal(back, data, sizeof(data));
}

static void error_beyond_the_end(void **state)
{
    struct fixture *f = *state;

    open_session(f);
    start(f);
    guest_submit(&f->guest, 0, 0, false, QSD_IMAGE_SIZE / SECTOR, NULL, 2 * SECTOR);
    run(f, 0, 1);
    assert_int_equal(guest_status(&f->guest, 0), 1); /* VIRTIO_BLK_S_IOERR */
}

/* Far more than a ring has room for, so that indices wrap around it. */
static void rings_wrap(void **state)
{
    struct fixture *f = *state;

    open_session(f);
    start(f);
    for (unsigned int round = 0; round < 100; round++) {
        for (unsigned int slot = 0; slot < 8; slot++) {
            guest_submit(&f->guest, 0, slot, false, round + slot, NULL, 2 * SECTOR);
        }
        run(f, 0, 8);
        assert_int_equal(guest_data(&f->guest, 3)[0], (uint8_t)(round + 3));
    }
}

static void closes_its_end_when_stopped(void **state)
{
    struct fixture *f = *state;

    open_session(f);
    start(f);
    guest_submit(&f->guest, 0, 0, false, 1, NULL, 2 * SECTOR);
    run(f, 0, 1);
    wait_for_end(f);
}

/* Stopped with requests under way: they are through before it closes its end. */
static void finishes_requests_before_it_closes(void **state)
{
    struct fixture *f = *state;

    open_session(f);
    start(f);
    for (unsigned int slot = 0; slot < 8; slot++) {
        guest_submit(&f->guest, 0, slot, false, slot, NULL, 200 * SECTOR);
    }
    assert_int_equal(eventfd_write(f->queue[0].kick, 1), 0);
    wait_for_end(f);
    /* Whatever happens after the end must not reach guest memory any more. */
    memset(f->guest.ram, 0x5a, GUEST_RAM_SIZE);
    usleep(200000);
    for (uint64_t i = 0; i < GUEST_RAM_SIZE; i++) {
        assert_int_equal(f->guest.ram[i], 0x5a);
    }
}

static void starts_again_after_a_reset(void **state)
{
    struct fixture *f = *state;

    for (int round = 0; round < 5; round++) {
        open_session(f);
        guest_reset_rings(&f->guest);
        start(f);
        guest_submit(&f->guest, 0, 0, false, 40 + (uint64_t)round, NULL, 2 * SECTOR);
        run(f, 0, 1);
        assert_int_equal(guest_data(&f->guest, 0)[0], 40 + round);
        wait_for_end(f);
    }
}

static void only_live_queues_are_started(void **state)
{
    struct fixture *f = *state;

    open_session(f);
    f->guest.queue[1].size = 0;
    start(f);
    assert_int_equal(f->session.live, 1);
    guest_submit(&f->guest, 0, 0, false, 9, NULL, 2 * SECTOR);
    run(f, 0, 1);
    assert_int_equal(guest_data(&f->guest, 0)[0], 9);
    wait_for_end(f);
}

/* Requests that were there before the device was: one kick finds them. */
static void finds_requests_that_were_waiting(void **state)
{
    struct fixture *f = *state;

    guest_submit(&f->guest, 0, 0, false, 77, NULL, 2 * SECTOR);
    open_session(f);
    start(f);
    run(f, 0, 1);
    assert_int_equal(guest_data(&f->guest, 0)[SECTOR], 78);
}

static void nobody_listens(void **state)
{
    struct fixture *f = *state;
    char path[128];

    scratch_path(path, sizeof(path), "nobody.sock");
    assert_int_equal(session_open(&f->session, path, &one_queue), -ENOENT);
    assert_int_equal(f->session.state, SESSION_CLOSED);
}

static void path_too_long(void **state)
{
    struct fixture *f = *state;
    char path[300];

    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(session_open(&f->session, path, &one_queue), -ENAMETOOLONG);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(learns_what_the_device_is, set_up, tear_down),
    cmocka_unit_test_setup_teardown(driver_is_told_of_no_more_queues_than_there_are, set_up,
                                    tear_down),
    cmocka_unit_test_setup_teardown(reads_sectors, set_up, tear_down),
    cmocka_unit_test_setup_teardown(writes_sectors, set_up, tear_down),
    cmocka_unit_test_setup_teardown(error_beyond_the_end, set_up, tear_down),
    cmocka_unit_test_setup_teardown(rings_wrap, set_up, tear_down),
    cmocka_unit_test_setup_teardown(closes_its_end_when_stopped, set_up, tear_down),
    cmocka_unit_test_setup_teardown(finishes_requests_before_it_closes, set_up, tear_down),
    cmocka_unit_test_setup_teardown(starts_again_after_a_reset, set_up, tear_down),
    cmocka_unit_test_setup_teardown(only_live_queues_are_started, set_up, tear_down),
    cmocka_unit_test_setup_teardown(finds_requests_that_were_waiting, set_up, tear_down),
    cmocka_unit_test_setup_teardown(nobody_listens, set_up, tear_down),
    cmocka_unit_test_setup_teardown(path_too_long, set_up, tear_down),
};

TEST_MAIN(tests)
