// SPDX-License-Identifier: MIT
/* Whole devices: Xen is a fake, the device process a stock qemu-storage-daemon. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "device.h"
#include "device_internal.h"
#include "fake_xen.h"
#include "log.h"
#include "loop.h"
#include "options.h"
#include "peer.h"
#include "qsd.h"
#include "virtio_features.h"

#define PATIENCE_MS 30000

static struct {
    struct loop *loop;
    struct options options;
    struct device_env env;
    struct device *device[FAKE_XEN_DEVICES];
    bool (*wanted)(struct fake_xen *x);
    struct fake_xen *x;
    struct timer tick;
    int64_t deadline;
    int fds;
} t;

static void finished(void *arg, struct device *d)
{
    (void)arg;
    for (int i = 0; i < FAKE_XEN_DEVICES; i++) {
        if (t.device[i] == d) {
            t.device[i] = NULL;
        }
    }
    device_free(d);
}

static void tick(void *arg)
{
    (void)arg;
    for (int i = 0; i < FAKE_XEN_DEVICES; i++) {
        pid_t pid = t.device[i] ? device_process(t.device[i]) : 0;
        int status;

        if (pid && waitpid(pid, &status, WNOHANG) == pid) {
            device_process_ended(t.device[i], status);
        }
    }
    if (t.wanted(t.x) || loop_now() > t.deadline) {
        loop_stop(t.loop);
    } else {
        loop_timer_set(t.loop, &t.tick, 2, tick, NULL);
    }
}

/* Lets the daemon's code run until something is so. */
static void until_within(bool (*wanted)(struct fake_xen *x), struct fake_xen *x, int ms)
{
    t.wanted = wanted;
    t.x = x;
    t.deadline = loop_now() + ms;
    loop_timer_set(t.loop, &t.tick, 0, tick, NULL);
    assert_int_equal(loop_run(t.loop), 0);
}

#define until(wanted, x)                                                                           \
    do {                                                                                           \
        until_within(wanted, x, PATIENCE_MS);                                                      \
        if (!wanted(x)) {                                                                          \
            fail_msg("never came: %s; state %u, store %d \"%s\"", #wanted, fake_xen_state(x),      \
                     (x)->store_state, (x)->store_error);                                          \
        }                                                                                          \
    } while (0)

static bool ready(struct fake_xen *x)
{
    return x->store_state == STORE_INIT_WAIT;
}

static bool connected(struct fake_xen *x)
{
    return x->store_state == STORE_CONNECTED && x->kick[0] >= 0;
}

static bool xen_ready(struct fake_xen *x)
{
    return fake_xen_state(x) == VSH_STATE_READY;
}

static bool xen_running(struct fake_xen *x)
{
    return fake_xen_state(x) == VSH_STATE_RUNNING;
}

static bool xen_failed(struct fake_xen *x)
{
    return fake_xen_state(x) == VSH_STATE_FAILED;
}

static bool acked(struct fake_xen *x)
{
    return !x->ack_needed;
}

static bool detached(struct fake_xen *x)
{
    return x->detaches > 0;
}

static bool described_again(struct fake_xen *x)
{
    return x->attaches > 1;
}

static bool closed(struct fake_xen *x)
{
    return !t.device[x - fake_xen];
}

static bool has_process(struct fake_xen *x)
{
    struct device *d = t.device[x - fake_xen];

    return d && device_process(d);
}

static bool linked(struct fake_xen *x)
{
    return t.device[x - fake_xen]->phase == PHASE_LINKED;
}

static bool has_complained(struct fake_xen *x)
{
    return t.device[x - fake_xen]->complaint[0];
}

static bool never(struct fake_xen *x)
{
    (void)x;
    return false;
}

static bool returned(struct fake_xen *x)
{
    static unsigned int n;

    n = guest_collect(&x->guest, 0);
    return n > 0;
}

static bool returned_on_1(struct fake_xen *x)
{
    static unsigned int n;

    n = guest_collect(&x->guest, 1);
    return n > 0;
}

static bool queue_stopped(struct fake_xen *x)
{
    return !x->resetting[0];
}

/* A busy machine is no reason; tests that wait for a limit lower it. */
static void raise_limits(void)
{
    t.options.limit_ms = 20000;
    t.options.drain_ms = 20000;
}

static void lower_limits(void)
{
    t.options.limit_ms = 200;
    t.options.drain_ms = 200;
}

static int set_up(void **state)
{
    char arg0[] = "virtio-shadowd", arg1[] = "--run-dir", dir[100];
    char *argv[] = {arg0, arg1, dir, NULL};

    (void)state;
    memset(&t, 0, sizeof(t));
    snprintf(dir, sizeof(dir), "%s", scratch_dir());
    t.fds = count_fds();
    fake_xen_create();
    t.loop = loop_create();
    assert_non_null(t.loop);
    assert_int_equal(options_read(&t.options, 3, argv), OPTIONS_RUN);
    t.options.uid_base = 0;
    raise_limits();
    t.env = (struct device_env){.loop = t.loop, .options = &t.options, .finished = finished};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < FAKE_XEN_DEVICES; i++) {
        if (t.device[i]) {
            device_close(t.device[i], DEVICE_CLOSE_TOOLSTACK);
            until(closed, &fake_xen[i]);
        }
        assert_false(fake_xen[i].attached);
    }
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
    assert_int_equal(errno, ECHILD);
    loop_timer_cancel(t.loop, &t.tick);
    loop_destroy(t.loop);
    options_free(&t.options);
    fake_xen_destroy();
    assert_int_equal(count_fds(), t.fds);
    return 0;
}

static struct store_device disk_node(uint32_t id, const char *path)
{
    struct store_device node = {
        .kind = "virtio_disk",
        .frontend = 7,
        .devid = 51712 + id,
        .shadow_id = id,
        .device_type = VIRTIO_ID_BLOCK,
        .nr_queues = FAKE_XEN_QUEUES,
        .queue_size = 64,
    };

    snprintf(node.path, sizeof(node.path), "%s", path);
    return node;
}

static struct fake_xen *create_node(const struct store_device *node)
{
    uint32_t id = node->shadow_id;

    t.device[id] = device_create(&t.env, node);
    assert_non_null(t.device[id]);
    return &fake_xen[id];
}

static struct fake_xen *create(uint32_t id, const char *path)
{
    struct store_device node = disk_node(id, path);

    return create_node(&node);
}

static struct fake_xen *create_disk(uint32_t id)
{
    char path[128];

    qsd_make_image(path, sizeof(path));
    return create(id, path);
}

static void driver_comes(struct fake_xen *x)
{
    fake_xen_driver_ok(x);
    until(connected, x);
}

static void comes_up(struct fake_xen *x)
{
    until(ready, x);
    driver_comes(x);
}

static struct fake_xen *create_running(uint32_t id)
{
    struct fake_xen *x = create_disk(id);

    comes_up(x);
    return x;
}

static void closes(struct fake_xen *x, enum device_close_reason why)
{
    device_close(t.device[x - fake_xen], why);
    until(closed, x);
}

/* The device is closed, with this in what the toolstack is told. */
static void expect_given_up(struct fake_xen *x, const char *why)
{
    until(closed, x);
    assert_int_equal(x->store_state, STORE_CLOSED);
    assert_non_null(strstr(x->store_error, why));
}

static void set_cmd(char **cmd, const char *to)
{
    free(*cmd);
    *cmd = strdup(to);
}

/* One read, all the way: the sectors of the image say their number. */
static void check_io_on(struct fake_xen *x, unsigned int queue, uint64_t sector)
{
    guest_submit(&x->guest, queue, 0, false, sector, NULL, 4 * SECTOR);
    fake_xen_kick(x, queue);
    until_within(queue ? returned_on_1 : returned, x, PATIENCE_MS);
    assert_int_equal(guest_status(&x->guest, 0), 0);
    for (unsigned int i = 0; i < 4 * SECTOR; i++) {
        assert_int_equal(guest_data(&x->guest, 0)[i], (uint8_t)(sector + i / SECTOR));
    }
}

static void check_io(struct fake_xen *x, uint64_t sector)
{
    check_io_on(x, 0, sector);
}

static struct fake_xen *until_ready(struct fake_xen *x)
{
    until(ready, x);
    return x;
}

static void leave_io_under_way(struct fake_xen *x)
{
    for (unsigned int slot = 0; slot < 8; slot++) {
        guest_submit(&x->guest, 0, slot, false, slot, NULL, 200 * SECTOR);
    }
    fake_xen_kick(x, 0);
}

/* Whatever stops is through with guest memory when it says so. */
static void check_memory_is_left_alone(struct fake_xen *x)
{
    memset(x->guest.ram, 0x5a, GUEST_RAM_SIZE);
    usleep(100000);
    for (uint64_t i = 0; i < GUEST_RAM_SIZE; i++) {
        assert_int_equal(x->guest.ram[i], 0x5a);
    }
}

static void serves_a_disk(void **state)
{
    struct fake_xen *x = create_disk(0);
    const struct vsh_mailbox *m = &x->description;
    uint64_t sectors;

    (void)state;
    until(ready, x);
    assert_int_equal(m->device_id, VIRTIO_ID_BLOCK);
    assert_int_equal(m->nr_queues, FAKE_XEN_QUEUES);
    assert_int_equal(m->queue_size, 64);
    assert_int_equal(m->config_len, 60);
    memcpy(&sectors, m->config, sizeof(sectors));
    assert_int_equal(sectors, QSD_IMAGE_SIZE / SECTOR);
    assert_true(m->device_features & VIRTIO_F_VERSION_1);

    driver_comes(x);
    check_io(x, 10);
    check_io(x, 500);
    assert_int_equal(x->bad_requests, 0);
}

static void requests_before_the_device_was_ready(void **state)
{
    struct fake_xen *x = create_disk(0);

    (void)state;
    until(ready, x);
    fake_xen_driver_ok(x);
    check_io(x, 33); /* the daemon has seen nothing of it yet */
}

static void resets_under_io(void **state)
{
    struct fake_xen *x = create_running(0);

    (void)state;
    for (unsigned int i = 0; i < 5; i++) {
        leave_io_under_way(x);
        fake_xen_driver_reset(x);
        assert_int_equal(fake_xen_state(x), VSH_STATE_RESETTING);
        until(xen_ready, x);
        assert_int_equal(x->acks, i + 1);
        check_memory_is_left_alone(x);
        driver_comes(x);
        check_io(x, 60 + i);
    }
    assert_int_equal(x->attaches, 1);
    assert_int_equal(x->detaches, 0);
    assert_int_equal(x->bad_requests, 0);
}

/* The driver does not wait between reset and DRIVER_OK. */
static void resets_at_once(void **state)
{
    struct fake_xen *x = create_running(0);

    (void)state;
    for (unsigned int i = 0; i < 10; i++) {
        fake_xen_driver_reset(x);
        fake_xen_driver_ok(x);
        until(xen_running, x);
        check_io(x, i);
    }
    assert_int_equal(x->acks, 10);
}

/* One queue goes, with all that was under way, and comes back; the other never notices. */
static void one_queue_is_reset_under_io(void **state)
{
    struct fake_xen *x = create_running(0);

    (void)state;
    assert_true(x->description.device_features & VIRTIO_F_RING_RESET);
    for (unsigned int i = 0; i < 5; i++) {
        check_io_on(x, 1, 80 + i);
        leave_io_under_way(x);
        fake_xen_queue_reset(x, 0);
        until(queue_stopped, x);
        assert_int_equal(x->queue_acks, i + 1);
        check_memory_is_left_alone(x);
        assert_int_equal(x->kick[0], -1);
        check_io_on(x, 1, 90 + i);
        fake_xen_queue_enable(x, 0);
        check_io(x, 100 + i);
    }
    assert_int_equal(x->acks, 0);
    assert_int_equal(x->attaches, 1);
    assert_int_equal(x->detaches, 0);
    assert_int_equal(x->bad_requests, 0);
}

/* The driver gives the queue up and resets the device; no acknowledgement is left over. */
static void device_is_reset_while_a_queue_is(void **state)
{
    struct fake_xen *x = create_running(0);

    (void)state;
    leave_io_under_way(x);
    fake_xen_queue_reset(x, 0);
    fake_xen_driver_reset(x);
    until(xen_ready, x);
    x->resetting[0] = false;
    fake_xen_driver_ok(x);
    until(xen_running, x);
    check_io(x, 7);
    check_io_on(x, 1, 8);
    assert_int_equal(x->bad_requests, 0);
}

/* A process that does not return a queue's requests goes; the guest is told, as for any that dies.
 */
static void process_hangs_at_the_reset_of_a_queue(void **state)
{
    struct fake_xen *x = create_running(0);
    pid_t process = device_process(t.device[0]);

    (void)state;
    lower_limits();
    kill(process, SIGSTOP);
    leave_io_under_way(x);
    fake_xen_queue_reset(x, 0);
    until(xen_failed, x);
    assert_int_equal(x->queue_acks, 0);
    raise_limits();
    x->resetting[0] = false;
    fake_xen_driver_reset(x);
    until(described_again, x);
    until(xen_ready, x);
    fake_xen_driver_ok(x);
    until(xen_running, x);
    check_io(x, 9);
}

static void fails_and_recovers(void **state)
{
    struct fake_xen *x = create_running(0);

    (void)state;
    leave_io_under_way(x);
    fake_xen_fail(x);
    until(acked, x);
    check_memory_is_left_alone(x);
    assert_int_equal(fake_xen_state(x), VSH_STATE_FAILED);
    fake_xen_driver_reset(x);
    assert_int_equal(fake_xen_state(x), VSH_STATE_READY);
    driver_comes(x);
    check_io(x, 3);
}

static void device_process_dies(void **state)
{
    struct fake_xen *x = create_running(0);
    pid_t pid = device_process(t.device[0]);

    (void)state;
    leave_io_under_way(x);
    kill(pid, SIGKILL);
    until(detached, x);
    assert_int_equal(fake_xen_state(x), VSH_STATE_FAILED);

    /* Another one is there, and the driver's reset finds it. */
    fake_xen_driver_reset(x);
    until(described_again, x);
    assert_true(device_process(t.device[0]) != pid);
    fake_xen_driver_ok(x);
    check_io(x, 44);
}

static bool all_returned(struct fake_xen *x)
{
    guest_collect(&x->guest, 0);
    return x->guest.queue[0].nr_in_flight == 0;
}

static unsigned int nr_attaches;

static bool described_so_often(struct fake_xen *x)
{
    return x->attaches == nr_attaches && connected(x);
}

static void write_slot(struct fake_xen *x, unsigned int slot, unsigned int round)
{
    uint8_t data[64 * SECTOR];

    memset(data, (int)(round * 16 + slot + 1), sizeof(data));
    guest_submit(&x->guest, 0, slot, true, 512 + 64 * slot, data, sizeof(data));
}

static void check_slot(struct fake_xen *x, unsigned int slot, unsigned int round)
{
    guest_submit(&x->guest, 0, slot, false, 512 + 64 * slot, NULL, 64 * SECTOR);
    fake_xen_kick(x, 0);
    until(all_returned, x);
    assert_int_equal(guest_status(&x->guest, slot), 0);
    for (unsigned int i = 0; i < 64 * SECTOR; i++) {
        assert_int_equal(guest_data(&x->guest, slot)[i], (uint8_t)(round * 16 + slot + 1));
    }
}

/* The driver does not notice: all that it asked for is done, in the end. */
static void another_process_takes_over(void **state)
{
    struct fake_xen *x = create_running(0);

    (void)state;
    x->keep = true;
    for (unsigned int round = 0; round < 8; round++) {
        pid_t pid = device_process(t.device[0]);

        for (unsigned int slot = 0; slot < 8; slot++) {
            write_slot(x, slot, round);
        }
        fake_xen_kick(x, 0);
        /* From before it has seen them to after it is through. */
        until_within(never, x, (int)round);
        kill(pid, SIGKILL);
        nr_attaches = round + 2;
        until(described_so_often, x);
        assert_true(device_process(t.device[0]) != pid);
        until(all_returned, x);
        for (unsigned int slot = 0; slot < 8; slot++) {
            assert_int_equal(guest_status(&x->guest, slot), 0);
            check_slot(x, slot, round);
        }
    }
    assert_int_equal(x->detaches, 8);
    assert_int_equal(x->attaches, 9);
    assert_int_equal(x->bad_requests, 0);
    assert_int_equal(x->store_state, STORE_CONNECTED);
}

/*
 * What was done in which order, by preload/writes.c: nothing; or there was no flush; or the last
 * one began after the last write had ended, and has ended; or the last write is in the page cache
 * only.
 */
static const char *durability(const char *log)
{
    char text[4096] = "";
    const char *write, *flush;
    FILE *f = fopen(log, "re");

    if (!f) {
        return "nothing";
    }
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    write = strrchr(text, 'w');
    flush = strrchr(text, 'b');
    if (!flush) {
        return write ? "no flush" : "nothing";
    }
    return write && write < flush && strchr(flush, 'e') ? "flushed" : "cached";
}

/* Writes one by one, and many at a time: what of that is on the disk when they have returned? */
static const char *written(enum options_writethrough option, bool restartable)
{
    struct store_device node;
    const char *found = NULL;
    struct fake_xen *x = &fake_xen[0];
    char path[128], log[128];

    qsd_make_image(path, sizeof(path));
    scratch_path(log, sizeof(log), "writes.log");
    unlink(log);
    setenv("WRITES_LOG", log, 1);
    setenv("LD_PRELOAD", PRELOAD, 1);
    t.options.writethrough = option;
    node = disk_node(0, path);
    node.restartable = restartable;
    create_node(&node);
    until(ready, x);
    unsetenv("LD_PRELOAD");
    driver_comes(x);
    for (unsigned int round = 0; round < 8; round++) {
        const char *now;

        for (unsigned int slot = 0; slot < (round < 2 ? 1 : 8); slot++) {
            write_slot(x, slot, round);
        }
        fake_xen_kick(x, 0);
        until(all_returned, x);
        now = durability(log);
        if (found && strcmp(found, now)) {
            return "not always the same";
        }
        found = now;
    }
    return found;
}

static void disk_of_a_guest_that_goes_on_writes_through(void **state)
{
    (void)state;
    assert_string_equal(written(WRITETHROUGH_AUTO, true), "flushed");
}

static void disk_of_a_guest_that_does_not_need_not(void **state)
{
    (void)state;
    assert_string_equal(written(WRITETHROUGH_AUTO, false), "no flush");
}

static void writes_through_if_told_to(void **state)
{
    (void)state;
    assert_string_equal(written(WRITETHROUGH_ON, false), "flushed");
}

static void does_not_write_through_if_told_so(void **state)
{
    (void)state;
    assert_string_equal(written(WRITETHROUGH_OFF, true), "no flush");
}

/* Requests that come while there is no process. */
static void requests_wait_for_another_process(void **state)
{
    struct fake_xen *x = create_running(0);

    (void)state;
    x->keep = true;
    kill(device_process(t.device[0]), SIGKILL);
    until(detached, x);
    assert_int_equal(fake_xen_state(x), VSH_STATE_WAITING);
    assert_int_equal(x->kick[0], -1);
    write_slot(x, 3, 1);
    until(all_returned, x);
    check_slot(x, 3, 1);
}

/* A process that has lost its connection may still be at work: it has to go first. */
static void process_that_is_lost_is_gone_before_the_next(void **state)
{
    struct fake_xen *x = create_running(0);
    pid_t pid = device_process(t.device[0]);

    (void)state;
    x->keep = true;
    leave_io_under_way(x);
    shutdown(t.device[0]->session.vu.fd, SHUT_RD);
    assert_int_equal(x->detaches, 0);
    until(detached, x);
    assert_int_equal(kill(pid, 0), -1);
    until(all_returned, x);
    check_io(x, 11);
}

/* The whole daemon goes, with its processes, and another one begins. */
static void another_daemon_takes_over(void **state)
{
    struct store_device node;
    struct fake_xen *x = create_running(0);

    (void)state;
    node = *device_node(t.device[0]);
    x->keep = true;
    for (unsigned int slot = 0; slot < 8; slot++) {
        write_slot(x, slot, 5);
    }
    fake_xen_kick(x, 0);
    closes(x, DEVICE_CLOSE_SHUTDOWN);
    assert_int_equal(fake_xen_state(x), VSH_STATE_WAITING);
    assert_int_equal(x->store_state, STORE_CONNECTED);

    node.served = true;
    create_node(&node);
    until(connected, x);
    until(all_returned, x);
    for (unsigned int slot = 0; slot < 8; slot++) {
        check_slot(x, slot, 5);
    }
    assert_int_equal(x->bad_requests, 0);
}

/* What its process says of the lock of an image that another still has is no reason to give up. */
static void daemon_that_takes_over_is_patient(void **state)
{
    struct store_device node = disk_node(0, "/nonexistent/disk");
    struct fake_xen *x;

    (void)state;
    node.served = true;
    x = create_node(&node);
    until(has_process, x);
    until_within(closed, x, 500);
    assert_false(closed(x));
    assert_string_equal(x->store_error, "");
}

static void toolstack_closes_under_io(void **state)
{
    struct fake_xen *x = create_running(0);
    pid_t pid = device_process(t.device[0]);

    (void)state;
    leave_io_under_way(x);
    closes(x, DEVICE_CLOSE_TOOLSTACK);
    assert_int_equal(x->store_state, STORE_CLOSED);
    assert_string_equal(x->store_error, "");
    assert_int_equal(x->detaches, 1);
    assert_int_equal(kill(pid, 0), -1);
    check_memory_is_left_alone(x);
}

static void guest_dies_under_io(void **state)
{
    struct fake_xen *x = create_running(0);
    pid_t pid = device_process(t.device[0]);

    (void)state;
    leave_io_under_way(x);
    fake_xen_gone(x);
    until(closed, x);
    assert_int_equal(x->store_state, STORE_CLOSED);
    assert_int_equal(x->detaches, 0);
    assert_int_equal(kill(pid, 0), -1);
}

static void node_vanishes(void **state)
{
    struct fake_xen *x = create_running(0);

    (void)state;
    closes(x, DEVICE_CLOSE_NODE_GONE);
    assert_int_equal(x->store_state, STORE_CONNECTED); /* nothing was written any more */
}

static void daemon_stops(void **state)
{
    struct fake_xen *x = create_running(0);

    (void)state;
    closes(x, DEVICE_CLOSE_SHUTDOWN);
    assert_int_equal(x->store_state, STORE_CONNECTED);
    assert_int_equal(x->detaches, 1);

    /* And the next one finds a device that the driver is still using. */
    x = create_disk(0);
    fake_xen_driver_reset(x);
    until(described_again, x);
    fake_xen_driver_ok(x);
    check_io(x, 12);
}

static void closed_at_any_moment(void **state)
{
    (void)state;
    for (int ms = 0; ms < 120; ms += 10) {
        struct fake_xen *x = create_disk(0);

        until_within(never, x, ms);
        closes(x, DEVICE_CLOSE_TOOLSTACK);
        assert_int_equal(x->store_state, STORE_CLOSED);
        assert_int_equal(fake_xen_state(x), VSH_STATE_IDLE);
    }
}

static void image_is_missing(void **state)
{
    (void)state;
    expect_given_up(create(0, "/nonexistent/image"), "/nonexistent/image");
}

static void no_such_program(void **state)
{
    (void)state;
    set_cmd(&t.options.device_cmd, "/nonexistent/device --socket=%s");
    expect_given_up(create_disk(0), "127");
}

static void program_that_never_listens(void **state)
{
    (void)state;
    set_cmd(&t.options.device_cmd, "sleep 1000");
    expect_given_up(create_disk(0), "listen");
}

static void node_is_malformed(void **state)
{
    struct store_device node = disk_node(0, "/x");

    (void)state;
    strcpy(node.error, "xenstore: shadow-queues is \"77\"");
    expect_given_up(create_node(&node), "shadow-queues");
    assert_int_equal(fake_xen[0].attaches, 0);
}

static void attached_at_the_second_try(void **state)
{
    struct fake_xen *x = &fake_xen[0];

    (void)state;
    x->attach_error = -EBUSY;
    create_disk(0);
    until(ready, x);
}

static void may_not_attach(void **state)
{
    struct fake_xen *x = &fake_xen[0];

    (void)state;
    x->attach_error = -EPERM;
    x->attach_always = true;
    create_disk(0);
    expect_given_up(x, "not its backend");
}

static void xen_refuses_the_description(void **state)
{
    struct fake_xen *x = create_disk(0);

    (void)state;
    x->refusal = VSH_ERR_QUEUES;
    expect_given_up(x, "number of queues");
}

static void write_header(const char *path, const char *magic, size_t len, off_t at)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, magic, len, at), len);
    close(fd);
}

/* The default command shows what is in a file: of a qcow2 image that is its header and its tables.
 */
static void image_of_another_format_is_refused(void **state)
{
    static const struct {
        const char *name, *magic;
        size_t len;
        off_t at;
    } formats[] = {
        {"qcow2", "QFI\xfb\0\0\0\3", 8, 0},
        {"qed", "QED", 4, 0},
        {"vmdk", "KDMV", 4, 0},
        {"vmdk", "# Disk DescriptorFile\n", 22, 0},
        {"vdi", "\x7f\x10\xda\xbe", 4, 64},
        {"vhdx", "vhdxfile", 8, 0},
        {"luks", "LUKS\xba\xbe", 6, 0},
    };
    struct store_device node;
    char path[128];

    (void)state;
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        qsd_make_image(path, sizeof(path));
        write_header(path, formats[i].magic, formats[i].len, formats[i].at);
        expect_given_up(create(0, path), formats[i].name);
        assert_non_null(strstr(fake_xen[0].store_error, "image-format"));
    }
    /* Unless it is said that it is raw: by the toolstack, or here. */
    node = disk_node(0, path);
    strcpy(node.format, "raw");
    closes(until_ready(create_node(&node)), DEVICE_CLOSE_TOOLSTACK);
    t.options.raw_images = true;
    closes(until_ready(create(0, path)), DEVICE_CLOSE_TOOLSTACK);
    /* And what the toolstack calls something else is not looked at. */
    strcpy(node.format, "qcow2");
    expect_given_up(create_node(&node), "format is qcow2");
}

/* A line of the process's status. */
static void check_status(pid_t pid, const char *wanted)
{
    char path[64], text[8192] = "";
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    f = fopen(path, "re");
    assert_non_null(f);
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    if (!strstr(text, wanted)) {
        fail_msg("no %s in: %s", wanted, text);
    }
}

static void copy_image(const char *from, const char *to)
{
    int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_true(in >= 0 && out >= 0);
    assert_int_equal(sendfile(out, in, NULL, QSD_IMAGE_SIZE), QSD_IMAGE_SIZE);
    close(in);
    close(out);
}

#define UID_BASE 1879048192u

static void with_users(void)
{
    if (geteuid() != 0) {
        skip();
    }
    t.options.uid_base = UID_BASE;
    chmod(scratch_dir(), 0711);
}

/* It reaches its image, with mode 0600, and nothing else of root's, and it can become nobody else.
 */
static void process_has_a_user_of_its_own(void **state)
{
    char path[128], line[128];
    struct fake_xen *x;
    struct stat st;

    (void)state;
    with_users();
    qsd_make_image(path, sizeof(path));
    x = create(0, path);
    comes_up(x);
    check_io(x, 30);
    for (const char *const *who = (const char *const[]){"Uid", "Gid", NULL}; *who; who++) {
        unsigned int user = UID_BASE + 7 * 256;

        snprintf(line, sizeof(line), "\n%s:\t%u\t%u\t%u\t%u\n", *who, user, user, user, user);
        check_status(device_process(t.device[0]), line);
    }
    check_status(device_process(t.device[0]), "\nGroups:\t \n");
    check_status(device_process(t.device[0]), "\nCapPrm:\t0000000000000000\n");
    check_status(device_process(t.device[0]), "\nCapEff:\t0000000000000000\n");
    check_status(device_process(t.device[0]), "\nCapBnd:\t0000000000000000\n");
    check_status(device_process(t.device[0]), "\nNoNewPrivs:\t1\n");
    assert_true(getxattr(path, "system.posix_acl_access", NULL, 0) > 0);
    closes(x, DEVICE_CLOSE_TOOLSTACK);
    /* What it was given is taken back. */
    assert_int_equal(getxattr(path, "system.posix_acl_access", NULL, 0), -1);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    snprintf(line, sizeof(line), "%s/7-0", t.options.run_dir);
    assert_int_equal(stat(line, &st), -1);
}

/* Where there are no access control lists, as in a kernel's devtmpfs without them. */
static void image_is_given_to_the_group_of_its_process(void **state)
{
    char dir[128], path[192], from[128];
    struct fake_xen *x;
    struct stat st;

    (void)state;
    with_users();
    qsd_make_image(from, sizeof(from));
    scratch_path(dir, sizeof(dir), "ramfs");
    mkdir(dir, 0755);
    if (mount("none", dir, "ramfs", 0, NULL)) {
        rmdir(dir);
        skip();
    }
    chmod(dir, 0755);
    snprintf(path, sizeof(path), "%s/disk", dir);
    copy_image(from, path);
    x = create(0, path);
    comes_up(x);
    check_io(x, 30);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_gid, UID_BASE + 7 * 256);
    assert_int_equal(st.st_mode & 0777, 0660);
    closes(x, DEVICE_CLOSE_TOOLSTACK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_gid, getegid());
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(umount(dir), 0);
    rmdir(dir);
}

static void process_of_another_device_has_another_user(void **state)
{
    char line[128];

    (void)state;
    with_users();
    create_running(0);
    create_running(2);
    snprintf(line, sizeof(line), "\nUid:\t%u\t", UID_BASE + 7 * 256 + 2);
    check_status(device_process(t.device[2]), line);
}

/* Only its own process can serve a device, whatever is found where the socket should be. */
static void socket_of_another_user_is_refused(void **state)
{
    char path[128];
    struct peer *p;

    (void)state;
    with_users();
    set_cmd(&t.options.device_cmd, "sleep 1000");
    create_disk(0);
    until(has_process, &fake_xen[0]);
    snprintf(path, sizeof(path), "%s/7-0/sock", t.options.run_dir);
    p = peer_start(path, PEER_OK, -1);
    until(has_complained, &fake_xen[0]);
    assert_non_null(strstr(t.device[0]->complaint, "the socket is user 0's"));
    closes(&fake_xen[0], DEVICE_CLOSE_TOOLSTACK);
    assert_int_equal(peer_stop(p), 0);
}

/* A socket that somebody else serves, and goes on serving. */
static void serves_a_socket(void **state)
{
    struct qsd qsd;
    struct fake_xen *x;

    (void)state;
    qsd_start(&qsd, FAKE_XEN_QUEUES);
    x = create(0, qsd.socket);
    until(ready, x);
    assert_false(has_process(x));
    driver_comes(x);
    check_io(x, 8);
    closes(x, DEVICE_CLOSE_TOOLSTACK);
    assert_int_equal(waitpid(qsd.pid, NULL, WNOHANG), 0);
    qsd_stop(&qsd);
}

/* A stopped process answers nothing: it is killed, and the driver gets on. */
static void process_hangs_at_reset(void **state)
{
    struct fake_xen *x = create_running(0);

    (void)state;
    lower_limits();
    kill(device_process(t.device[0]), SIGSTOP);
    fake_xen_driver_reset(x);
    until(xen_ready, x);
    assert_int_equal(x->acks, 1);
    fake_xen_driver_ok(x);
    check_io(x, 21);
}

static void process_hangs_at_the_end(void **state)
{
    struct fake_xen *x = create_running(0);

    (void)state;
    lower_limits();
    kill(device_process(t.device[0]), SIGSTOP);
    closes(x, DEVICE_CLOSE_TOOLSTACK);
    assert_int_equal(x->store_state, STORE_CLOSED);
}

/* Where tests have a peer listen. */
static const char *peer_socket(void)
{
    static char path[100];

    scratch_path(path, sizeof(path), "peer.sock");
    return path;
}

static void socket_lingers_at_reset(void **state)
{
    struct fake_xen *x;
    struct peer *p;

    (void)state;
    p = peer_start(peer_socket(), PEER_LINGER, -1);
    x = create(0, peer_socket());
    comes_up(x);
    lower_limits();
    fake_xen_driver_reset(x);
    until(xen_ready, x);
    assert_int_equal(x->acks, 1);
    closes(x, DEVICE_CLOSE_TOOLSTACK);
    peer_stop(p);
}

static struct store_device net_node(uint32_t id)
{
    struct store_device node = disk_node(id, "");

    strcpy(node.kind, "virtio");
    node.device_type = VIRTIO_ID_NET;
    node.mac[0] = 2;
    node.mac[5] = 0x99;
    return node;
}

static struct fake_xen *create_net(uint32_t id)
{
    struct store_device node = net_node(id);

    return create_node(&node);
}

/* The socket that a device without a path has. */
static void own_socket(char *path, size_t size, uint32_t id)
{
    snprintf(path, size, "%s/7-%u.sock", t.options.run_dir, id);
}

static struct peer *start_net_peer(void)
{
    char path[100];

    own_socket(path, sizeof(path), 0);
    return peer_start_net(path);
}

static void serves_a_network_device(void **state)
{
    static const uint8_t config[] = {2, 0, 0, 0, 0, 0x99, 1, 0, 1, 0, 0, 0};
    struct fake_xen *x;
    struct peer *p;

    (void)state;
    set_cmd(&t.options.net_cmd, "");
    p = start_net_peer();
    x = create_net(0);
    until(ready, x);
    assert_int_equal(x->description.device_id, VIRTIO_ID_NET);
    assert_int_equal(x->description.nr_queues, 2);
    assert_int_equal(x->description.config_len, sizeof(config));
    assert_memory_equal(x->description.config, config, sizeof(config));
    assert_int_equal(x->description.device_features,
                     VIRTIO_F_VERSION_1 | 1 << 5 | 1 << 15 | 1 << 16);
    driver_comes(x);
    /* The device is given nothing that it did not offer. */
    assert_int_equal(peer_features(p), VIRTIO_F_VERSION_1 | 1 << 30 | 1 << 15);
    closes(x, DEVICE_CLOSE_TOOLSTACK);
    peer_stop(p);
}

static void network_device_vanishes(void **state)
{
    struct fake_xen *x;
    struct peer *p;

    (void)state;
    set_cmd(&t.options.net_cmd, "");
    p = start_net_peer();
    x = create_net(0);
    comes_up(x);
    peer_stop(p);
    until(detached, x);
    assert_int_equal(fake_xen_state(x), VSH_STATE_FAILED);
    p = start_net_peer();
    fake_xen_driver_reset(x);
    until(described_again, x);
    assert_int_equal(x->description.config[5], 0x99);
    closes(x, DEVICE_CLOSE_TOOLSTACK);
    peer_stop(p);
}

/* What a network device's process is told, by one that can only tell what it was told. */
static void starts_the_process_of_a_network_device(void **state)
{
    char path[160];

    (void)state;
    set_cmd(&t.options.net_cmd, "touch %s.%m.%f.%i.%q");
    expect_given_up(create_net(1), "net-cmd");
    own_socket(path, sizeof(path), 1);
    strcat(path, ".02:00:00:00:00:99.7.1.2");
    assert_int_equal(unlink(path), 0);

    set_cmd(&t.options.net_cmd, "no-such-passt %s");
    expect_given_up(create_net(1), "127");
}

static bool config_told(struct fake_xen *x)
{
    return x->configs > 0;
}

static uint64_t told_sectors(const struct fake_xen *x)
{
    uint64_t sectors;

    memcpy(&sectors, x->description.config, sizeof(sectors));
    return sectors;
}

static void a_disk_grows_in_use(void **state)
{
    struct fake_xen *x;
    struct peer *p;

    (void)state;
    p = peer_start_resizable(peer_socket());
    x = create(0, peer_socket());
    comes_up(x);
    assert_int_equal(told_sectors(x), 1000);
    assert_true(peer_resize(p, 2000));
    until(config_told, x);
    assert_int_equal(told_sectors(x), 2000);
    assert_int_equal(x->description.config[34], FAKE_XEN_QUEUES);
    assert_int_equal(fake_xen_state(x), VSH_STATE_RUNNING);

    /* Nothing new: the driver is not interrupted for it. */
    x->configs = 0;
    assert_true(peer_resize(p, 2000));
    until_within(never, x, 200);
    assert_int_equal(x->configs, 0);
    assert_int_equal(x->bad_requests, 0);
    closes(x, DEVICE_CLOSE_TOOLSTACK);
    peer_stop(p);
}

/* Before the driver runs it, and while nobody listens: the next session finds out. */
static void a_disk_grows_between_two_runs(void **state)
{
    struct fake_xen *x;
    struct peer *p;

    (void)state;
    p = peer_start_resizable(peer_socket());
    x = create(0, peer_socket());
    until(ready, x);
    assert_true(peer_resize(p, 1500));
    until(config_told, x);
    assert_int_equal(told_sectors(x), 1500);

    driver_comes(x);
    lower_limits(); /* that peer does not come back */
    fake_xen_driver_reset(x);
    until(xen_ready, x);
    peer_stop(p);
    t.options.limit_ms = 20000;
    x->configs = 0;
    p = peer_start_resizable(peer_socket());
    peer_resize(p, 3000);
    until(config_told, x);
    assert_int_equal(told_sectors(x), 3000);
    assert_int_equal(x->attaches, 1);
    closes(x, DEVICE_CLOSE_TOOLSTACK);
    peer_stop(p);
}

/* A step of the other device; that it takes much longer than here is the fault of nobody. */
#define SOON_MS 5000
/* More than all of these tests together take. */
#define SILENCE_MS 600000

static void soon(bool (*wanted)(struct fake_xen *x), struct fake_xen *x)
{
    until_within(wanted, x, SOON_MS);
    assert_true(wanted(x));
}

static void is_served(struct fake_xen *x, uint64_t sector)
{
    check_io(x, sector);
    fake_xen_driver_reset(x);
    soon(xen_ready, x);
    fake_xen_driver_ok(x);
    soon(connected, x);
    check_io(x, sector + 1);
    leave_io_under_way(x);
    fake_xen_queue_reset(x, 0);
    soon(queue_stopped, x);
    fake_xen_queue_enable(x, 0);
    check_io(x, sector + 2);
}

static void bad_device(struct fake_xen *good, enum peer_fault fault, int message)
{
    struct fake_xen *bad = &fake_xen[1];
    struct peer *p = peer_start(peer_socket(), fault, message);

    create(1, peer_socket());
    until_within(ready, bad, 100);
    fake_xen_driver_ok(bad);
    until_within(never, bad, 20);
    is_served(good, 5 + (uint64_t)message);
    device_close(t.device[1], DEVICE_CLOSE_TOOLSTACK);
    t.options.drain_ms = 50;
    is_served(good, 50 + (uint64_t)message);
    soon(closed, bad);
    t.options.drain_ms = 20000;
    peer_stop(p);
    fake_xen_driver_reset(bad);
    assert_int_equal(fake_xen_state(bad), VSH_STATE_IDLE);
}

/*
 * A device process that has fallen silent, at every message, keeps no other guest waiting: its time
 * limit is one that this test does not live to see.
 */
static void a_silent_device_disturbs_no_other(void **state)
{
    struct fake_xen *good = create_running(0);

    (void)state;
    t.options.limit_ms = SILENCE_MS;
    for (int message = 0; message < PEER_MESSAGES; message++) {
        bad_device(good, PEER_NEVER, message);
    }
    assert_int_equal(good->bad_requests, 0);
    assert_int_equal(good->detaches, 0);
}

static void a_device_that_stalls_in_its_answer_disturbs_no_other(void **state)
{
    struct fake_xen *good = create_running(0);

    (void)state;
    t.options.limit_ms = SILENCE_MS;
    for (int message = 0; message < PEER_MESSAGES; message += 4) {
        bad_device(good, PEER_STALLED_BODY, message);
        bad_device(good, PEER_SLOWER, message);
    }
    assert_int_equal(good->detaches, 0);
}

/* The one that is silent is given up when its time is over, and not before. */
static void a_silent_device_is_given_up(void **state)
{
    struct peer *p = peer_start(peer_socket(), PEER_NEVER, 2);
    int64_t start = loop_now();
    struct fake_xen *x;

    (void)state;
    t.options.limit_ms = 300;
    x = create(0, peer_socket());
    until(has_complained, x);
    assert_true(loop_now() - start >= 300);
    assert_non_null(strstr(t.device[0]->complaint, "SET_OWNER: no answer within 300 ms"));
    closes(x, DEVICE_CLOSE_TOOLSTACK);
    peer_stop(p);
}

/* A process of ours that has stopped: the next takes its place, and the driver's requests. */
static void a_process_that_falls_silent_is_replaced(void **state)
{
    struct fake_xen *x = create_running(0);
    pid_t pid = device_process(t.device[0]);

    (void)state;
    x->keep = true;
    t.options.limit_ms = 2000;
    fake_xen_driver_reset(x);
    until(xen_ready, x);
    until(linked, x);
    kill(pid, SIGSTOP);
    fake_xen_driver_ok(x);
    until(detached, x);
    assert_int_equal(kill(pid, 0), -1);
    raise_limits();
    until(connected, x);
    assert_true(device_process(t.device[0]) != pid);
    check_io(x, 70);
}

static void several_devices(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < FAKE_XEN_DEVICES; i++) {
        create_running(i);
    }
    for (uint32_t i = 0; i < FAKE_XEN_DEVICES; i++) {
        check_io(&fake_xen[i], 100 + i);
    }
    fake_xen_gone(&fake_xen[1]);
    until(closed, &fake_xen[1]);
    check_io(&fake_xen[0], 7);
    check_io(&fake_xen[2], 9);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static const struct CMUnitTest tests[] = {
    TEST(serves_a_disk),
    TEST(requests_before_the_device_was_ready),
    TEST(resets_under_io),
    TEST(resets_at_once),
    TEST(one_queue_is_reset_under_io),
    TEST(device_is_reset_while_a_queue_is),
    TEST(process_hangs_at_the_reset_of_a_queue),
    TEST(fails_and_recovers),
    TEST(device_process_dies),
    TEST(another_process_takes_over),
    TEST(disk_of_a_guest_that_goes_on_writes_through),
    TEST(disk_of_a_guest_that_does_not_need_not),
    TEST(writes_through_if_told_to),
    TEST(does_not_write_through_if_told_so),
    TEST(requests_wait_for_another_process),
    TEST(process_that_is_lost_is_gone_before_the_next),
    TEST(another_daemon_takes_over),
    TEST(daemon_that_takes_over_is_patient),
    TEST(toolstack_closes_under_io),
    TEST(guest_dies_under_io),
    TEST(node_vanishes),
    TEST(daemon_stops),
    TEST(closed_at_any_moment),
    TEST(image_is_missing),
    TEST(no_such_program),
    TEST(program_that_never_listens),
    TEST(node_is_malformed),
    TEST(attached_at_the_second_try),
    TEST(may_not_attach),
    TEST(xen_refuses_the_description),
    TEST(image_of_another_format_is_refused),
    TEST(process_has_a_user_of_its_own),
    TEST(image_is_given_to_the_group_of_its_process),
    TEST(process_of_another_device_has_another_user),
    TEST(socket_of_another_user_is_refused),
    TEST(serves_a_socket),
    TEST(process_hangs_at_reset),
    TEST(process_hangs_at_the_end),
    TEST(socket_lingers_at_reset),
    TEST(serves_a_network_device),
    TEST(network_device_vanishes),
    TEST(starts_the_process_of_a_network_device),
    TEST(a_disk_grows_in_use),
    TEST(a_disk_grows_between_two_runs),
    TEST(a_silent_device_disturbs_no_other),
    TEST(a_device_that_stalls_in_its_answer_disturbs_no_other),
    TEST(a_silent_device_is_given_up),
    TEST(a_process_that_falls_silent_is_replaced),
    TEST(several_devices),
};

TEST_MAIN(tests)
