// SPDX-License-Identifier: MIT
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <virtio-shadow/version.h>

#include "log.h"
#include "virtio_net.h"
#include "virtio_shadow_uapi.h"

#define DEFAULT_RUN_DIR "/run/virtio-shadow"
#define DEFAULT_LIMIT_MS 10000
#define DEFAULT_DRAIN_MS 20000
/* As systemd's documentation has it, nobody else uses those, up to 2147352575. */
#define DEFAULT_UID_BASE 1879048192
#define MIN_UID_BASE 100000
#define MAX_UID_BASE 2130706432

/*
 * Buffered I/O: a page of another domain cannot be handed on to a Xen PV disk, as O_DIRECT would.
 * With writethrough, a guest that survives this VM has not been told of writes that did not.
 *
 * That is why there is a quorum of one: QEMU flushes after each write then, but takes a flush of a
 * file or block device for superfluous until it has counted the write, which it does afterwards. So
 * most writes that overlap would be returned without. A quorum passes every flush on, and then the
 * write has been counted where it matters.
 */
#define DEFAULT_DEVICE_CMD                                                                         \
    "qemu-storage-daemon"                                                                          \
    " --blockdev driver=%D,node-name=image,filename=%P,cache.direct=off,read-only=%R"              \
    " --blockdev driver=quorum,node-name=disk,vote-threshold=1,children.0=image,"                  \
    "read-pattern=fifo,read-only=%R"                                                               \
    " --export type=vhost-user-blk,id=disk,node-name=disk,addr.type=unix,addr.path=%S,"            \
    "writable=%W,num-queues=%Q,writethrough=%T"

/* Unlike by its own default, guests do not get at what listens on this VM's loopback interface. */
#define DEFAULT_NET_CMD "passt --vhost-user --foreground --no-map-gw --repair-path none --socket %s"

static const char usage[] =
    "usage: virtio-shadowd [options]\n"
    "\n"
    "Serves the mediated virtio devices that name this VM as their backend.\n"
    "\n"
    "  -c, --config FILE       read options from FILE, one \"name = value\" a line\n"
    "                          (default " OPTIONS_DEFAULT_CONFIG ", if it exists)\n"
    "      --run-dir DIR       where the sockets of device processes are\n"
    "                          (default " DEFAULT_RUN_DIR ")\n"
    "      --device-cmd CMD    starts the device process of a disk: words apart by\n"
    "                          blanks, with %p path, %d driver (file or host_device),\n"
    "                          %s socket, %q queues, %r read-only and %w writable\n"
    "                          (on or off), %t whether it is to write through, %f\n"
    "                          frontend's domid, %i device's id; in upper case with\n"
    "                          commas doubled\n"
    "      --writethrough WHEN what %t is: auto is on for guests that would go on with\n"
    "                          another VM if this one died, which then loses nothing\n"
    "                          that they have been told is written, at the cost of a\n"
    "                          flush for each write; on, off (default auto)\n"
    "      --net-cmd CMD       the same for network devices, with %m MAC address; empty:\n"
    "                          somebody else serves RUN-DIR/DOMID-ID.sock\n"
    "      --net-mtu MTU       which MTU guests are told (default none)\n"
    "      --image-format WHAT auto: an image whose header says that it is not raw is\n"
    "                          refused, as the default command would show the guest\n"
    "                          the file itself; raw: whatever it says (default auto)\n"
    "      --uid-base UID      the first of the users that device processes run as, each\n"
    "                          as its own; 0: as the daemon does (default 1879048192)\n"
    "      --module FILE       the kernel module's device (default " VSH_DEV_PATH ")\n"
    "      --limit-ms MS       for each answer of a device process (default 10000)\n"
    "      --drain-ms MS       for a device to finish its requests (default 20000)\n"
    "  -v, --verbose           log more\n"
    "  -q, --quiet             log warnings and errors only\n"
    "  -h, --help              this text\n"
    "      --version           the version\n"
    "\n"
    "Exit status: 0 stopped by a signal, 1 an error while running, 2 wrong usage.\n";

enum {
    OPT_RUN_DIR = 256,
    OPT_DEVICE_CMD,
    OPT_NET_CMD,
    OPT_NET_MTU,
    OPT_WRITETHROUGH,
    OPT_IMAGE_FORMAT,
    OPT_UID_BASE,
    OPT_MODULE,
    OPT_LIMIT_MS,
    OPT_DRAIN_MS,
    OPT_VERSION
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, 'c'},
    {"run-dir", required_argument, NULL, OPT_RUN_DIR},
    {"device-cmd", required_argument, NULL, OPT_DEVICE_CMD},
    {"net-cmd", required_argument, NULL, OPT_NET_CMD},
    {"net-mtu", required_argument, NULL, OPT_NET_MTU},
    {"writethrough", required_argument, NULL, OPT_WRITETHROUGH},
    {"image-format", required_argument, NULL, OPT_IMAGE_FORMAT},
    {"uid-base", required_argument, NULL, OPT_UID_BASE},
    {"module", required_argument, NULL, OPT_MODULE},
    {"limit-ms", required_argument, NULL, OPT_LIMIT_MS},
    {"drain-ms", required_argument, NULL, OPT_DRAIN_MS},
    {"verbose", no_argument, NULL, 'v'},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

static bool set_text(char **option, const char *value)
{
    char *copy = strdup(value);

    if (!copy) {
        log_error("no memory");
        return false;
    }
    free(*option);
    *option = copy;
    return true;
}

static bool set_number(int *option, const char *name, const char *value, int min, int max)
{
    char *end;
    long number;

    errno = 0;
    number = strtol(value, &end, 10);
    if (errno || end == value || *end || number < min || number > max) {
        log_error("%s is \"%s\": it must be a number from %d to %d", name, value, min, max);
        return false;
    }
    *option = (int)number;
    return true;
}

static bool set_writethrough(enum options_writethrough *option, const char *value)
{
    static const char *const names[] = {
        [WRITETHROUGH_AUTO] = "auto", [WRITETHROUGH_ON] = "on", [WRITETHROUGH_OFF] = "off"};

    for (int i = 0; i < (int)(sizeof(names) / sizeof(names[0])); i++) {
        if (!strcmp(value, names[i])) {
            *option = (enum options_writethrough)i;
            return true;
        }
    }
    log_error("writethrough is \"%s\": it must be auto, on or off", value);
    return false;
}

static bool set_image_format(bool *raw, const char *value)
{
    *raw = !strcmp(value, "raw");
    if (!*raw && strcmp(value, "auto")) {
        log_error("image-format is \"%s\": it must be auto or raw", value);
        return false;
    }
    return true;
}

static bool set_uid_base(int *option, const char *value)
{
    if (!strcmp(value, "0")) {
        *option = 0;
        return true;
    }
    return set_number(option, "uid-base", value, MIN_UID_BASE, MAX_UID_BASE);
}

static bool set_ms(int *option, const char *name, const char *value)
{
    return set_number(option, name, value, 1, 60000);
}

/* The options that may be in a configuration file as well. */
static bool set_option(struct options *o, int option, const char *value)
{
    switch (option) {
    case OPT_RUN_DIR:
        return set_text(&o->run_dir, value);
    case OPT_DEVICE_CMD:
        o->own_cmd = true;
        return set_text(&o->device_cmd, value);
    case OPT_NET_CMD:
        return set_text(&o->net_cmd, value);
    case OPT_NET_MTU:
        return set_number(&o->net_mtu, "net-mtu", value, NET_MIN_MTU, NET_MAX_MTU);
    case OPT_WRITETHROUGH:
        return set_writethrough(&o->writethrough, value);
    case OPT_IMAGE_FORMAT:
        return set_image_format(&o->raw_images, value);
    case OPT_UID_BASE:
        return set_uid_base(&o->uid_base, value);
    case OPT_MODULE:
        return set_text(&o->module, value);
    case OPT_LIMIT_MS:
        return set_ms(&o->limit_ms, "limit-ms", value);
    case OPT_DRAIN_MS:
        return set_ms(&o->drain_ms, "drain-ms", value);
    default:
        return false;
    }
}

static char *trim(char *text)
{
    size_t len;

    text += strspn(text, " \t");
    len = strlen(text);
    while (len && strchr(" \t\r\n", text[len - 1])) {
        text[--len] = '\0';
    }
    return text;
}

static bool set_by_name(struct options *o, const char *name, const char *value)
{
    for (const struct option *l = long_options; l->name; l++) {
        if (l->val >= OPT_RUN_DIR && l->has_arg == required_argument && !strcmp(l->name, name)) {
            return set_option(o, l->val, value);
        }
    }
    log_error("unknown option \"%s\"", name);
    return false;
}

static bool read_config(struct options *o, const char *path, bool must_exist)
{
    FILE *f = fopen(path, "re");
    unsigned int number = 0;
    char *line = NULL;
    size_t size = 0;
    bool ok = true;

    if (!f) {
        if (errno == ENOENT && !must_exist) {
            return true;
        }
        log_error("cannot read %s: %s", path, strerror(errno));
        return false;
    }
    while (ok && getline(&line, &size, f) >= 0) {
        char *name = trim(line);
        char *equals = strchr(name, '=');

        number++;
        if (!*name || *name == '#') {
            continue;
        }
        if (!equals) {
            ok = false;
        } else {
            *equals = '\0';
            ok = set_by_name(o, trim(name), trim(equals + 1));
        }
        if (!ok) {
            log_error("%s, line %u: expected \"name = value\"", path, number);
        }
    }
    free(line);
    fclose(f);
    return ok;
}

static enum options_result command_line(struct options *o, int argc, char **argv,
                                        const char **config)
{
    int c;

    optind = 1;
    while ((c = getopt_long(argc, argv, "c:vqh", long_options, NULL)) >= 0) {
        switch (c) {
        case 'c':
            *config = optarg;
            break;
        case 'v':
            o->verbosity = LOG_LEVEL_DEBUG;
            break;
        case 'q':
            o->verbosity = LOG_LEVEL_WARN;
            break;
        case 'h':
            fputs(usage, stdout);
            return OPTIONS_DONE;
        case OPT_VERSION:
            puts("virtio-shadowd " VSH_RELEASE);
            return OPTIONS_DONE;
        case '?':
            fputs("Try virtio-shadowd --help.\n", stderr);
            return OPTIONS_BAD;
        default:
            if (!set_option(o, c, optarg)) {
                return OPTIONS_BAD;
            }
        }
    }
    if (optind < argc) {
        log_error("\"%s\" is one argument too many: try --help", argv[optind]);
        return OPTIONS_BAD;
    }
    return OPTIONS_RUN;
}

enum options_result options_read(struct options *o, int argc, char **argv)
{
    const char *config = NULL;
    enum options_result result;

    *o = (struct options){.limit_ms = DEFAULT_LIMIT_MS,
                          .drain_ms = DEFAULT_DRAIN_MS,
                          .uid_base = DEFAULT_UID_BASE,
                          .verbosity = LOG_LEVEL_INFO};
    if (!set_text(&o->run_dir, DEFAULT_RUN_DIR) || !set_text(&o->device_cmd, DEFAULT_DEVICE_CMD) ||
        !set_text(&o->net_cmd, DEFAULT_NET_CMD) || !set_text(&o->module, VSH_DEV_PATH)) {
        return OPTIONS_BAD;
    }

    /* Twice: the first time for --config, the second because the command line goes first. */
    result = command_line(o, argc, argv, &config);
    if (result != OPTIONS_RUN) {
        return result;
    }
    if (!read_config(o, config ? config : OPTIONS_DEFAULT_CONFIG, config != NULL)) {
        return OPTIONS_BAD;
    }
    return command_line(o, argc, argv, &config);
}

void options_free(struct options *o)
{
    free(o->run_dir);
    free(o->device_cmd);
    free(o->net_cmd);
    free(o->module);
}
