// SPDX-License-Identifier: MIT
/* What is read from xenstore, templates, options; and which features are offered. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "options.h"
#include "process.h"
#include "store_parse.h"
#include "virtio_features.h"

struct node {
    const char *key;
    const char *value;
};

static char *read_node(void *arg, const char *key)
{
    for (const struct node *n = arg; n->key; n++) {
        if (!strcmp(n->key, key)) {
            return strdup(n->value);
        }
    }
    return NULL;
}

/* As libxl writes it for a disk. */
static const struct node disk_nodes[] = {
    {"shadow", "1"},
    {"shadow-id", "3"},
    {"shadow-queues", "2"},
    {"mode", "w"},
    {"shadow-queue-size", "256"},
    {"params", "/dev/vg/disk"},
    {"state", "1"},
    {"online", "1"},
    {NULL, NULL},
};

static const struct node virtio_nodes[] = {
    {"shadow", "1"},
    {"shadow-id", "0"},
    {"shadow-queues", "2"},
    {"shadow-queue-size", "64"},
    {"type", "virtio,device1a"},
    {"state", "1"},
    {NULL, NULL},
};

/* The nodes with one value changed, or taken away if value is NULL. */
static struct store_device parse(const char *kind, const struct node *nodes, const char *key,
                                 const char *value, bool *ours)
{
    struct node copy[16];
    struct store_device dev = {.frontend = 5, .devid = 51712};
    size_t n = 0;
    bool found;

    for (; nodes->key; nodes++) {
        if (key && !strcmp(nodes->key, key)) {
            continue;
        }
        copy[n++] = *nodes;
    }
    if (key && value) {
        copy[n++] = (struct node){key, value};
    }
    copy[n] = (struct node){NULL, NULL};
    snprintf(dev.kind, sizeof(dev.kind), "%s", kind);
    found = store_parse_device(&dev, read_node, copy);
    if (ours) {
        *ours = found;
    }
    return dev;
}

static void a_disk(void **state)
{
    bool ours;
    struct store_device d = parse("virtio_disk", disk_nodes, NULL, NULL, &ours);

    (void)state;
    assert_true(ours);
    assert_string_equal(d.error, "");
    assert_int_equal(d.shadow_id, 3);
    assert_int_equal(d.nr_queues, 2);
    assert_int_equal(d.queue_size, 256);
    assert_int_equal(d.device_type, 2);
    assert_string_equal(d.path, "/dev/vg/disk");
    assert_false(d.read_only);
    assert_false(d.closing);
    assert_true(parse("virtio_disk", disk_nodes, "mode", "r", NULL).read_only);
}

static void another_virtio_device(void **state)
{
    struct store_device d = parse("virtio", virtio_nodes, NULL, NULL, NULL);

    (void)state;
    assert_string_equal(d.error, "");
    assert_int_equal(d.device_type, 0x1a);
    assert_string_equal(d.path, "");
}

static const struct node net_nodes[] = {
    {"shadow", "1"},
    {"shadow-id", "0"},
    {"shadow-queues", "2"},
    {"shadow-queue-size", "64"},
    {"type", "virtio,device1"},
    {"mac", "02:00:00:aB:cd:ef"},
    {"state", "1"},
    {NULL, NULL},
};

static void a_network_device(void **state)
{
    static const uint8_t given[6] = {2, 0, 0, 0xab, 0xcd, 0xef};
    static const uint8_t derived[6] = {2, 0, 5, 0, 0xca, 0};
    static const char *const bad[] = {
        "",
        "02:00:00:00:00",
        "02:00:00:00:00:00:00",
        "02:00:00:00:00:0",
        "2:00:00:00:00:000",
        "02:00:00:00:00:0g",
        "02-00-00-00-00-00",
        "01:00:00:00:00:00",
        " 2:00:00:00:00:00",
    };
    struct store_device d = parse("virtio", net_nodes, NULL, NULL, NULL);

    (void)state;
    assert_string_equal(d.error, "");
    assert_int_equal(d.device_type, 1);
    assert_memory_equal(d.mac, given, sizeof(given));
    /* Of domain 5, device 51712. */
    d = parse("virtio", net_nodes, "mac", NULL, NULL);
    assert_string_equal(d.error, "");
    assert_memory_equal(d.mac, derived, sizeof(derived));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (!strstr(parse("virtio", net_nodes, "mac", bad[i], NULL).error, "mac")) {
            fail_msg("\"%s\" was taken", bad[i]);
        }
    }
    d = parse("virtio", net_nodes, "shadow-queues", "1", NULL);
    assert_non_null(strstr(d.error, "shadow-queues"));
}

static void types_with_addresses_in_their_requests_are_refused(void **state)
{
    static const char *const types[][2] = {
        {"virtio,device5", "balloon"}, {"virtio,device10", "gpu"},
        {"virtio,device17", "iommu"},  {"virtio,device18", "mem"},
        {"virtio,device1b", "pmem"},   {"virtio,device1f", "video decoder"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct store_device d = parse("virtio", virtio_nodes, "type", types[i][0], NULL);

        if (!strstr(d.error, types[i][1]) || !strstr(d.error, "cannot be mediated: i")) {
            fail_msg("%s: \"%s\"", types[i][0], d.error);
        }
        assert_true(strlen(d.error) < sizeof(d.error) - 1);
    }
}

static void queues_that_a_type_needs(void **state)
{
    (void)state;
    assert_non_null(strstr(parse("virtio", virtio_nodes, "shadow-queues", "1", NULL).error,
                           "fs device has at least 2 queues: shadow-queues is 1"));
    assert_string_equal(parse("virtio", virtio_nodes, "type", "virtio,device4", NULL).error, "");
    assert_non_null(
        strstr(parse("virtio", virtio_nodes, "type", "virtio,device8", NULL).error, "at least 3"));
    assert_non_null(strstr(parse("virtio", virtio_nodes, "type", "virtio,device13", NULL).error,
                           "vsock device has at least 3"));
}

static void not_mediated(void **state)
{
    bool ours;

    (void)state;
    parse("virtio_disk", disk_nodes, "shadow", NULL, &ours);
    assert_false(ours);
    parse("virtio_disk", disk_nodes, "shadow", "0", &ours);
    assert_false(ours);
    parse("virtio_disk", disk_nodes, "shadow", "yes", &ours);
    assert_false(ours);
}

static void going_away(void **state)
{
    (void)state;
    assert_true(parse("virtio_disk", disk_nodes, "state", "5", NULL).closing);
    assert_true(parse("virtio_disk", disk_nodes, "state", "6", NULL).closing);
    assert_true(parse("virtio_disk", disk_nodes, "state", NULL, NULL).closing);
    assert_true(parse("virtio_disk", disk_nodes, "online", "0", NULL).closing);
    assert_false(parse("virtio_disk", disk_nodes, "online", NULL, NULL).closing);
    assert_false(parse("virtio_disk", disk_nodes, "state", "4", NULL).closing);

    assert_false(parse("virtio_disk", disk_nodes, NULL, NULL, NULL).restartable);
    assert_false(parse("virtio_disk", disk_nodes, "shadow-restart-timeout", "0", NULL).restartable);
    assert_true(parse("virtio_disk", disk_nodes, "shadow-restart-timeout", "60", NULL).restartable);
    assert_string_not_equal(
        parse("virtio_disk", disk_nodes, "shadow-restart-timeout", "x", NULL).error, "");

    /* By another daemon: the toolstack does not wait. */
    assert_true(parse("virtio_disk", disk_nodes, "state", "4", NULL).served);
    assert_true(parse("virtio_disk", disk_nodes, "state", "2", NULL).served);
    assert_false(parse("virtio_disk", disk_nodes, "state", "1", NULL).served);
}

static void malformed_nodes_are_named(void **state)
{
    static const struct {
        const char *kind, *key, *value;
    } bad[] = {
        {"virtio_disk", "shadow-id", NULL},
        {"virtio_disk", "shadow-id", ""},
        {"virtio_disk", "shadow-id", "-1"},
        {"virtio_disk", "shadow-id", "70000"},
        {"virtio_disk", "shadow-id", "3x"},
        {"virtio_disk", "shadow-queues", "0"},
        {"virtio_disk", "shadow-queues", "9"},
        {"virtio_disk", "shadow-queue-size", "0"},
        {"virtio_disk", "shadow-queue-size", "2048"},
        {"virtio_disk", "shadow-queue-size", "99999999999999999999"},
        {"virtio_disk", "params", NULL},
        {"virtio_disk", "params", ""},
        {"virtio_disk", "state", " 1"},
        {"virtio", "type", NULL},
        {"virtio", "type", "virtio,device"},
        {"virtio", "type", "virtio,device0"},
        {"virtio", "type", "virtio,device1ag"},
        {"virtio", "type", "virtio,device 2"},
        {"virtio", "type", "virtio,device12345"},
        {"virtio", "type", "block"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        bool disk = !strcmp(bad[i].kind, "virtio_disk");
        struct store_device d =
            parse(bad[i].kind, disk ? disk_nodes : virtio_nodes, bad[i].key, bad[i].value, NULL);

        if (!strstr(d.error, bad[i].key)) {
            fail_msg("%s = %s: \"%s\"", bad[i].key, bad[i].value ? bad[i].value : "(missing)",
                     d.error);
        }
    }
}

static void a_path_that_is_too_long(void **state)
{
    struct store_device d;
    char path[400];

    (void)state;
    memset(path, 'p', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    d = parse("virtio_disk", disk_nodes, "params", path, NULL);
    assert_non_null(strstr(d.error, "params"));
    assert_string_equal(d.path, "");
}

static const struct process_var vars[] = {{'p', "/a,b c"}, {'q', "4"}, {'e', ""}, {0, NULL}};

static void templates(void **state)
{
    char error[128];
    char **argv = process_arguments("  run file=%P,x  %p %q%%%e%q ", vars, error);

    (void)state;
    assert_non_null(argv);
    assert_string_equal(argv[0], "run");
    assert_string_equal(argv[1], "file=/a,,b c,x");
    assert_string_equal(argv[2], "/a,b c");
    assert_string_equal(argv[3], "4%4");
    assert_null(argv[4]);
    free(argv);
}

static void bad_templates(void **state)
{
    static const char *const bad[] = {"", "   ", "run %x", "run %", "run 100%"};
    char error[128];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        error[0] = '\0';
        assert_null(process_arguments(bad[i], vars, error));
        assert_true(error[0] != '\0');
    }
}

/* Not even those that were not marked. */
static void a_process_gets_no_descriptors_of_ours(void **state)
{
    int fd = dup(STDERR_FILENO), status;
    char command[64], error[128];
    char **argv;
    pid_t pid;

    (void)state;
    assert_true(fd > STDERR_FILENO);
    snprintf(command, sizeof(command), "test -e /proc/self/fd/%d", fd);
    argv = process_arguments(command, vars, error);
    assert_non_null(argv);
    pid = process_start(argv, &(struct process_setup){0});
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    free(argv);
    close(fd);
}

static enum options_result read_options(struct options *o, const char *arg1, const char *arg2)
{
    char *argv[] = {(char *)"virtio-shadowd", (char *)arg1, (char *)arg2, NULL};

    return options_read(o, arg2 ? 3 : arg1 ? 2 : 1, argv);
}

static enum options_result read_config(struct options *o, const char *text)
{
    char path[128];
    FILE *f;

    scratch_path(path, sizeof(path), "conf");
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    return read_options(o, "--config", path);
}

static void command_line(void **state)
{
    struct options o;

    (void)state;
    assert_int_equal(read_options(&o, NULL, NULL), OPTIONS_RUN);
    assert_string_equal(o.run_dir, "/run/virtio-shadow");
    assert_non_null(strstr(o.device_cmd, "cache.direct=off"));
    options_free(&o);
    assert_int_equal(read_options(&o, "--drain-ms", "123"), OPTIONS_RUN);
    assert_int_equal(o.drain_ms, 123);
    options_free(&o);
    assert_int_equal(read_options(&o, "--drain-ms", "0"), OPTIONS_BAD);
    options_free(&o);
    assert_int_equal(read_options(&o, "--limit-ms", "12s"), OPTIONS_BAD);
    options_free(&o);
    assert_int_equal(read_options(&o, "--nonsense", NULL), OPTIONS_BAD);
    options_free(&o);
    assert_int_equal(read_options(&o, "--net-mtu", "9000"), OPTIONS_RUN);
    assert_int_equal(o.net_mtu, 9000);
    assert_non_null(strstr(o.net_cmd, "--no-map-gw"));
    options_free(&o);
    assert_int_equal(read_options(&o, "--net-mtu", "67"), OPTIONS_BAD);
    options_free(&o);
    assert_int_equal(o.writethrough, WRITETHROUGH_AUTO);
    assert_int_equal(read_options(&o, "--writethrough", "off"), OPTIONS_RUN);
    assert_int_equal(o.writethrough, WRITETHROUGH_OFF);
    options_free(&o);
    assert_int_equal(read_options(&o, "--writethrough", "on"), OPTIONS_RUN);
    assert_int_equal(o.writethrough, WRITETHROUGH_ON);
    options_free(&o);
    assert_int_equal(read_options(&o, "--writethrough", "yes"), OPTIONS_BAD);
    options_free(&o);
    assert_int_equal(read_options(&o, "--image-format", "raw"), OPTIONS_RUN);
    assert_true(o.raw_images);
    options_free(&o);
    assert_int_equal(read_options(&o, "--image-format", "qcow2"), OPTIONS_BAD);
    options_free(&o);
    assert_int_equal(read_options(&o, "--uid-base", "200000"), OPTIONS_RUN);
    assert_int_equal(o.uid_base, 200000);
    options_free(&o);
    assert_int_equal(read_options(&o, "--uid-base", "1000"), OPTIONS_BAD);
    options_free(&o);
    assert_int_equal(read_options(&o, "word", NULL), OPTIONS_BAD);
    options_free(&o);
    assert_int_equal(read_options(&o, "--config", "/nonexistent/file"), OPTIONS_BAD);
    options_free(&o);
}

static void config_file(void **state)
{
    struct options o;

    (void)state;
    assert_int_equal(read_config(&o, "# comment\n\n  run-dir =  /tmp/x \nlimit-ms=7\n"
                                     "device-cmd = a --b=%p c=d\nnet-cmd =\n"),
                     OPTIONS_RUN);
    assert_string_equal(o.run_dir, "/tmp/x");
    assert_string_equal(o.device_cmd, "a --b=%p c=d");
    assert_string_equal(o.net_cmd, "");
    assert_int_equal(o.limit_ms, 7);
    options_free(&o);
    assert_int_equal(read_config(&o, "run-dir /tmp\n"), OPTIONS_BAD);
    options_free(&o);
    assert_int_equal(read_config(&o, "colour = red\n"), OPTIONS_BAD);
    options_free(&o);
    assert_int_equal(read_config(&o, "config = /etc/passwd\n"), OPTIONS_BAD);
    options_free(&o);
    assert_int_equal(read_config(&o, "limit-ms = many\n"), OPTIONS_BAD);
    options_free(&o);
}

static void only_features_that_can_be_carried(void **state)
{
    uint64_t all = UINT64_MAX;
    uint64_t blk = features_offered(2, all, false), net = features_offered(1, all, false);

    (void)state;
    /* Of the bits that concern queues and transport: INDIRECT_DESC, EVENT_IDX, VERSION_1. */
    for (int bit = 24; bit <= 49; bit++) {
        bool carried = bit == 28 || bit == 29 || bit == 32;

        assert_int_equal(net >> bit & 1, carried);
        /* RING_RESET is the daemon's. */
        assert_int_equal(blk >> bit & 1, carried || bit == 40);
    }
    /* All others of the device's type ... */
    assert_int_equal(features_offered(4, all, false) | ((1ULL << 50) - (1ULL << 24)), all);
    /* ... but for CONFIG_WCE, SECURE_ERASE and ZONED. */
    assert_int_equal(features_offered(4, all, false) & ~blk, 1 << 11 | 1 << 16 | 1 << 17);
    /* ... and for what a control queue or a config space would take: offloads and MRG_RXBUF stay.
     */
    assert_int_equal(net & ((1 << 24) - 1),
                     0xffffff & ~(1 << 2 | 1 << 3 | 1 << 5 | 1 << 16 | 1 << 17 | 1 << 18 | 1 << 19 |
                                  1 << 20 | 1 << 21 | 1 << 22 | 1 << 23));
    assert_int_equal(net >> 50, 1 << 4 | 1 << 5 | 1 << 6 | 1 << 8 | 1 << 9); /* USO, HDRLEN */
    assert_int_equal(features_offered(2, all & ~(1ULL << 32), false), 0);
    assert_int_equal(features_offered(2, 1ULL << 32, false), 1ULL << 32 | 1ULL << 40);
    assert_int_equal(features_offered(1, 1ULL << 32, false), 1ULL << 32);
}

static void more_features_on_the_rings_of_the_driver(void **state)
{
    uint64_t all = UINT64_MAX;

    (void)state;
    /* RING_PACKED and IN_ORDER, which shadow virtqueues do without. */
    assert_int_equal(features_offered(2, all, true) & ~features_offered(2, all, false),
                     1ULL << 34 | 1ULL << 35);
    /* RING_RESET takes a look at the rings, which are not the daemon's to look at then. */
    assert_int_equal(features_offered(2, all, false) & ~features_offered(2, all, true), 1ULL << 40);
    /* ... if the device has them. */
    assert_int_equal(features_offered(2, 1ULL << 32, true), 1ULL << 32);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_disk),
    cmocka_unit_test(another_virtio_device),
    cmocka_unit_test(a_network_device),
    cmocka_unit_test(types_with_addresses_in_their_requests_are_refused),
    cmocka_unit_test(queues_that_a_type_needs),
    cmocka_unit_test(not_mediated),
    cmocka_unit_test(going_away),
    cmocka_unit_test(malformed_nodes_are_named),
    cmocka_unit_test(a_path_that_is_too_long),
    cmocka_unit_test(templates),
    cmocka_unit_test(bad_templates),
    cmocka_unit_test(a_process_gets_no_descriptors_of_ours),
    cmocka_unit_test(command_line),
    cmocka_unit_test(config_file),
    cmocka_unit_test(only_features_that_can_be_carried),
    cmocka_unit_test(more_features_on_the_rings_of_the_driver),
};

TEST_MAIN(tests)
