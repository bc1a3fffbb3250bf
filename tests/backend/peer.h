/* SPDX-License-Identifier: MIT */
/*
 * A vhost-user device, a disk if nothing else is said, that knows the protocol
 * and nothing else, in a thread of its own, and that misbehaves at one chosen
 * message.
 */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>
#include <stdint.h>

enum peer_fault {
    PEER_OK,
    PEER_CLOSE,            /* closes instead of answering */
    PEER_CLOSE_UNREAD,     /* closes before it has read the request's body */
    PEER_NEVER,            /* does not answer, and stays */
    PEER_SHORT_HEADER,     /* closes within the reply's header */
    PEER_SHORT_BODY,       /* closes within the reply's body */
    PEER_STALLED_BODY,     /* stops within the reply's body, and stays */
    PEER_SIZE_ZERO,        /* a reply without a body */
    PEER_SIZE_LESS,        /* a body that is one byte short, and says so */
    PEER_SIZE_MORE,        /* one byte longer, and says so */
    PEER_SIZE_HUGE,        /* says 4 GiB - 1 */
    PEER_WRONG_REQUEST,    /* a reply to something else */
    PEER_NOT_A_REPLY,      /* without the reply flag */
    PEER_VERSION,          /* of another protocol version */
    PEER_REFUSE,           /* a non-zero status, where there is one */
    PEER_BAD_VALUE,        /* a value that makes no sense, where there is one */
    PEER_LINGER,           /* all is well, but it does not close when the other side does */
    PEER_FDS,              /* a good reply, with descriptors nobody asked for */
    PEER_SLOW,             /* all is well, one byte at a time, at every message */
    PEER_SLOWER,           /* one byte in a while, at one message */
    PEER_HOLD,             /* a good reply, but not before peer_release() */
    PEER_TALKS_AT_THE_END, /* when the other side has said good-bye */
    PEER_NR_FAULTS,
};

/* What a disk replies to from its beginning until it has two queues. */
#define PEER_MESSAGES (5 + 2 + 2 * 6)

struct peer;

/* fault happens at the message'th one that the peer replies to, from 0; -1: never. */
struct peer *peer_start(const char *path, enum peer_fault fault, int message);

/* A network device, as passt is: no config space, no MQ; and it claims a control queue. */
struct peer *peer_start_net(const char *path);
/* The features that it was given; 0: none yet. */
uint64_t peer_features(struct peer *p);

/* Some other device, with VERSION_1 and these features, as many queues and bytes of config space.
 */
struct peer *peer_start_other(const char *path, uint64_t features, uint64_t queues,
                              uint32_t config_len);

/* A disk that can send requests of its own. */
struct peer *peer_start_resizable(const char *path);
/* Changes its size, and says so where it has somebody to say it to. False: it has nobody. */
bool peer_resize(struct peer *p, uint64_t sectors);

/* Sends what nobody has asked for. When it is at rest. */
void peer_talk(struct peer *p);
/* PEER_HOLD: has it got as far? */
bool peer_holds(struct peer *p);
void peer_release(struct peer *p);

/* Waits for its end. How many messages it replied to, or was to. */
int peer_stop(struct peer *p);

#endif
