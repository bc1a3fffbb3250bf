// SPDX-License-Identifier: MIT
#include "qsd.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"
#include "process.h"
#include "test.h"

void qsd_make_image(char *path, size_t size)
{
    static unsigned int nr;
    char name[32];
    int fd;

    snprintf(name, sizeof(name), "disk,%u.raw", nr++); /* a comma, to be quoted */
    scratch_path(path, size, name);
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    for (unsigned int i = 0; i < QSD_IMAGE_SIZE / SECTOR; i++) {
        uint8_t sector[SECTOR];

        memset(sector, (int)(i & 0xff), sizeof(sector));
        assert_int_equal(write(fd, sector, sizeof(sector)), sizeof(sector));
    }
    close(fd);
}

void qsd_start(struct qsd *q, unsigned int nr_queues)
{
    char queues[12], error[128];
    const struct process_var vars[] = {{'p', q->image}, {'s', q->socket}, {'q', queues}, {0, NULL}};
    struct stat st;
    char **argv;

    qsd_make_image(q->image, sizeof(q->image));
    scratch_path(q->socket, sizeof(q->socket), "qsd.sock");
    unlink(q->socket);
    snprintf(queues, sizeof(queues), "%u", nr_queues);
    argv = process_arguments("qemu-storage-daemon --blockdev driver=file,node-name=disk,"
                             "filename=%P --export type=vhost-user-blk,id=disk,node-name=disk,"
                             "addr.type=unix,addr.path=%S,writable=on,num-queues=%q",
                             vars, error);
    assert_non_null(argv);
    q->pid = process_start(argv, &(struct process_setup){0});
    assert_true(q->pid > 0);
    free(argv);
    for (int i = 0; stat(q->socket, &st) && i < 500; i++) {
        assert_int_equal(waitpid(q->pid, NULL, WNOHANG), 0);
        usleep(10000);
    }
    assert_int_equal(stat(q->socket, &st), 0);
}

void qsd_stop(struct qsd *q)
{
    int status;

    kill(q->pid, SIGTERM);
    assert_int_equal(waitpid(q->pid, &status, 0), q->pid);
    assert_true(WIFEXITED(status));
    unlink(q->image);
}
