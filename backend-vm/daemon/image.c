// SPDX-License-Identifier: MIT
#include "image.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define HEADER 512

static const struct {
    const char *name;
    size_t at, len;
    const char *magic;
} formats[] = {
    {"qcow2", 0, 4, "QFI\xfb"},
    {"qed", 0, 4, "QED\0"},
    {"vmdk", 0, 4, "KDMV"},
    {"vmdk", 0, 4, "COWD"},
    {"vmdk", 0, 21, "# Disk DescriptorFile"},
    {"vdi", 0x40, 4, "\x7f\x10\xda\xbe"},
    {"vhdx", 0, 8, "vhdxfile"},
    {"vhd", 0, 8, "conectix"},
    {"luks", 0, 6, "LUKS\xba\xbe"},
    {"parallels", 0, 16, "WithoutFreeSpace"},
    {"parallels", 0, 16, "WithouFreSpacExt"},
};

#define NR_FORMATS ((int)(sizeof(formats) / sizeof(formats[0])))

int image_probe(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char header[HEADER];
    ssize_t n;

    if (fd < 0) {
        return 0;
    }
    n = read(fd, header, sizeof(header));
    close(fd);
    for (int i = 0; i < NR_FORMATS; i++) {
        if (n >= (ssize_t)(formats[i].at + formats[i].len) &&
            !memcmp(header + formats[i].at, formats[i].magic, formats[i].len)) {
            return i + 1;
        }
    }
    return 0;
}

const char *image_format_name(int format)
{
    return format >= 1 && format <= NR_FORMATS ? formats[format - 1].name : NULL;
}

/* As the kernel has it in the attribute: a version, and entries in the order of their tags. */
#define ACL_NAME "system.posix_acl_access"
#define ACL_VERSION 2
#define MAX_ENTRIES 256

enum { USER_OBJ = 1, USER = 2, GROUP_OBJ = 4, GROUP = 8, MASK = 16, OTHER = 32 };

#define NO_ID UINT32_MAX

struct entry {
    uint16_t tag, perm;
    uint32_t id;
} __attribute__((packed));

struct acl {
    uint32_t version;
    struct entry entry[MAX_ENTRIES];
    int nr; /* not in the attribute */
} __attribute__((packed));

static void add(struct acl *acl, uint16_t tag, uint16_t perm, uint32_t id)
{
    struct entry e = {.tag = htole16(tag), .perm = htole16(perm), .id = htole32(id)};
    int i = acl->nr;

    while (i > 0 && le16toh(acl->entry[i - 1].tag) > tag) {
        acl->entry[i] = acl->entry[i - 1];
        i--;
    }
    acl->entry[i] = e;
    acl->nr++;
}

static struct entry *find(struct acl *acl, uint16_t tag, uint32_t id)
{
    for (int i = 0; i < acl->nr; i++) {
        if (le16toh(acl->entry[i].tag) == tag && (id == NO_ID || le32toh(acl->entry[i].id) == id)) {
            return &acl->entry[i];
        }
    }
    return NULL;
}

static void drop(struct acl *acl, struct entry *e)
{
    if (e) {
        acl->nr--;
        memmove(e, e + 1, (size_t)(&acl->entry[acl->nr] - e) * sizeof(*e));
    }
}

static int get(const char *path, struct acl *acl)
{
    ssize_t n = getxattr(path, ACL_NAME, acl, offsetof(struct acl, nr));
    struct stat st;

    if (n >= 0) {
        if (n < (ssize_t)offsetof(struct acl, entry) || acl->version != htole32(ACL_VERSION)) {
            return -EPROTO;
        }
        acl->nr = (int)(((size_t)n - offsetof(struct acl, entry)) / sizeof(struct entry));
        return acl->nr + 2 > MAX_ENTRIES ? -ENOSPC : 0;
    }
    if (errno != ENODATA || stat(path, &st)) {
        return -errno;
    }
    acl->version = htole32(ACL_VERSION);
    acl->nr = 0;
    add(acl, USER_OBJ, st.st_mode >> 6 & 7, NO_ID);
    add(acl, GROUP_OBJ, st.st_mode >> 3 & 7, NO_ID);
    add(acl, OTHER, st.st_mode & 7, NO_ID);
    return 0;
}

static int set(const char *path, const struct acl *acl)
{
    size_t len = offsetof(struct acl, entry) + (size_t)acl->nr * sizeof(struct entry);

    return setxattr(path, ACL_NAME, acl, len, 0) ? -errno : 0;
}

static int allow(const char *path, uid_t user, bool read_only)
{
    uint16_t perm = read_only ? 4 : 6;
    struct entry *mask, *group;
    struct acl acl;
    int err = get(path, &acl);

    if (err) {
        return err;
    }
    drop(&acl, find(&acl, USER, user));
    add(&acl, USER, perm, user);
    mask = find(&acl, MASK, NO_ID);
    if (mask) {
        mask->perm |= htole16(perm);
    } else {
        group = find(&acl, GROUP_OBJ, NO_ID);
        add(&acl, MASK, (uint16_t)(perm | (group ? le16toh(group->perm) : 0)), NO_ID);
    }
    return set(path, &acl);
}

static int disallow(const char *path, uid_t user)
{
    struct acl acl;
    int err = get(path, &acl);

    if (err || !find(&acl, USER, user)) {
        return err;
    }
    drop(&acl, find(&acl, USER, user));
    if (!find(&acl, USER, NO_ID) && !find(&acl, GROUP, NO_ID)) {
        drop(&acl, find(&acl, MASK, NO_ID));
    }
    return set(path, &acl);
}

static int allow_group(struct image_access *access, const char *path, uid_t user, bool read_only)
{
    struct stat st;

    if (stat(path, &st)) {
        return -errno;
    }
    access->group = st.st_gid;
    access->mode = st.st_mode & 07777;
    if (chown(path, (uid_t)-1, user) ||
        chmod(path, (access->mode & ~070u) | (read_only ? 040 : 060))) {
        return -errno;
    }
    access->by_group = true;
    return 0;
}

int image_allow(struct image_access *access, const char *path, uid_t user, bool read_only)
{
    int err = allow(path, user, read_only);

    if (err == -EOPNOTSUPP) {
        err = allow_group(access, path, user, read_only);
    }
    access->given = !err;
    return err;
}

int image_disallow(struct image_access *access, const char *path, uid_t user)
{
    int err = 0;

    if (access->given && !access->by_group) {
        err = disallow(path, user);
    } else if (access->given &&
               (chown(path, (uid_t)-1, access->group) || chmod(path, access->mode))) {
        err = -errno;
    }
    *access = (struct image_access){0};
    return err;
}
