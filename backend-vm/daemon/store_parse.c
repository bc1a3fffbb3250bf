// SPDX-License-Identifier: MIT
#include "store_parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <virtio-shadow/abi.h>

#include "virtio_net.h"
#include "virtio_types.h"

#define VIRTIO_TYPE_PREFIX "virtio,device"

bool store_parse_u32(const char *text, uint32_t *value)
{
    unsigned long long v;
    char *end;

    /* strtoull() takes signs and white space, too. */
    if (!isdigit((unsigned char)text[0])) {
        return false;
    }
    errno = 0;
    v = strtoull(text, &end, text[0] == '0' && text[1] == 'x' ? 16 : 10);
    if (errno || *end || v > UINT32_MAX) {
        return false;
    }
    *value = (uint32_t)v;
    return true;
}

static void complain(struct store_device *dev, const char *key, const char *value)
{
    if (!dev->error[0]) {
        snprintf(dev->error, sizeof(dev->error), "xenstore: %s is \"%.40s\"", key,
                 value ? value : "(missing)");
    }
}

static void get_u32(struct store_device *dev, store_reader *read, void *arg, const char *key,
                    uint32_t min, uint32_t max, uint32_t *value)
{
    char *text = read(arg, key);

    if (!text || !store_parse_u32(text, value) || *value < min || *value > max) {
        complain(dev, key, text);
    }
    free(text);
}

static bool is(store_reader *read, void *arg, const char *key, const char *wanted)
{
    char *text = read(arg, key);
    bool same = text && !strcmp(text, wanted);

    free(text);
    return same;
}

/* "virtio,deviceNN": the virtio device id in hexadecimal, as in the guest's device tree. */
static void get_type(struct store_device *dev, store_reader *read, void *arg)
{
    char *text = read(arg, "type");
    char *end = NULL;
    unsigned long id = 0;

    if (text && !strncmp(text, VIRTIO_TYPE_PREFIX, strlen(VIRTIO_TYPE_PREFIX))) {
        const char *digits = text + strlen(VIRTIO_TYPE_PREFIX);

        if (isxdigit((unsigned char)digits[0])) {
            id = strtoul(digits, &end, 16);
        }
    }
    if (!end || *end || id == 0 || id > UINT16_MAX) {
        complain(dev, "type", text);
    }
    dev->device_type = (uint32_t)id;
    free(text);
}

static void get_text(struct store_device *dev, store_reader *read, void *arg, const char *key,
                     char *to, size_t size)
{
    char *text = read(arg, key);

    if (text && strlen(text) >= size) {
        complain(dev, key, text);
    } else if (text) {
        strcpy(to, text);
    }
    free(text);
}

/* What a toolstack does not say it does not do. */
static void get_restart(struct store_device *dev, store_reader *read, void *arg)
{
    char *text = read(arg, "shadow-restart-timeout");
    uint32_t seconds;

    if (text && !store_parse_u32(text, &seconds)) {
        complain(dev, "shadow-restart-timeout", text);
    } else if (text) {
        dev->restartable = seconds > 0;
    }
    free(text);
}

static void get_state(struct store_device *dev, store_reader *read, void *arg)
{
    char *text = read(arg, "state");
    uint32_t state;

    if (!text) {
        /* The toolstack writes all nodes at once: this is one that it is just removing. */
        dev->closing = true;
    } else if (!store_parse_u32(text, &state)) {
        complain(dev, "state", text);
    } else if (state == STORE_CLOSING || state == STORE_CLOSED) {
        dev->closing = true;
    } else {
        dev->served = state == STORE_INIT_WAIT || state == STORE_CONNECTED;
    }
    free(text);
    if (is(read, arg, "online", "0")) {
        dev->closing = true;
    }
}

static bool parse_mac(const char *text, uint8_t mac[6])
{
    for (int i = 0; i < 6; i++, text += 3) {
        char *end;

        if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1])) {
            return false;
        }
        mac[i] = (uint8_t)strtoul(text, &end, 16);
        if (end != text + 2 || *end != (i == 5 ? '\0' : ':')) {
            return false;
        }
    }
    return !(mac[0] & 1); /* no group */
}

/* A toolstack that says nothing leaves what is known of the device, which is less: its place. */
static void get_mac(struct store_device *dev, store_reader *read, void *arg)
{
    char *text = read(arg, "mac");

    if (!text) {
        const uint8_t mac[6] = {
            0x02,
            (uint8_t)(dev->frontend >> 8),
            (uint8_t)dev->frontend,
            (uint8_t)(dev->devid >> 16),
            (uint8_t)(dev->devid >> 8),
            (uint8_t)dev->devid,
        };

        memcpy(dev->mac, mac, sizeof(mac));
    } else if (!parse_mac(text, dev->mac)) {
        complain(dev, "mac", text);
    }
    free(text);
}

/* Can it be mediated at all, and has it got the queues that its driver will look for? */
static void check_type(struct store_device *dev)
{
    const char *name = virtio_type_name(dev->device_type);
    const char *refused = virtio_type_refused(dev->device_type);
    unsigned int min = virtio_type_min_queues(dev->device_type);

    if (dev->error[0]) {
        return;
    }
    if (refused) {
        snprintf(dev->error, sizeof(dev->error), "a virtio %s device cannot be mediated: %s", name,
                 refused);
    } else if (dev->nr_queues < min) {
        snprintf(dev->error, sizeof(dev->error),
                 "a virtio %s device has at least %u queues: shadow-queues is %u", name, min,
                 dev->nr_queues);
    }
}

bool store_parse_device(struct store_device *dev, store_reader *read, void *arg)
{
    bool disk = !strcmp(dev->kind, "virtio_disk");

    if (!is(read, arg, "shadow", "1")) {
        return false;
    }
    get_u32(dev, read, arg, "shadow-id", 0, STORE_MAX_SHADOW_ID, &dev->shadow_id);
    get_u32(dev, read, arg, "shadow-queues", 1, VSH_MAX_QUEUES, &dev->nr_queues);
    get_u32(dev, read, arg, "shadow-queue-size", 1, VSH_MAX_QUEUE_SIZE, &dev->queue_size);
    if (disk) {
        dev->device_type = VIRTIO_ID_BLOCK;
        dev->read_only = is(read, arg, "mode", "r");
        get_text(dev, read, arg, "params", dev->path, sizeof(dev->path));
        get_text(dev, read, arg, "format", dev->format, sizeof(dev->format));
        if (!dev->path[0]) {
            complain(dev, "params", NULL);
        }
    } else {
        get_type(dev, read, arg);
    }
    if (dev->device_type == VIRTIO_ID_NET) {
        get_mac(dev, read, arg);
    }
    check_type(dev);
    get_restart(dev, read, arg);
    get_state(dev, read, arg);
    return true;
}
