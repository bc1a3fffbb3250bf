/* SPDX-License-Identifier: MIT */
/*
 * Pages in flight: which pages of the frontend the backend may see, and why.
 *
 * Buffers take and put pages; what that means for the backend's access is
 * worked out when it is committed, for a whole batch of buffers with one flush.
 */
#ifndef SVQ_PAGES_H
#define SVQ_PAGES_H

#include <virtio-shadow/svq.h>

void svq_pages_init(struct svq_pages *p, struct svq_dev *dev);

/*
 * A buffer covers gfn; write: the device writes it.  Returns which record is that
 * page's until all is put; SVQ_NO_RECORD, and nothing done, if there is none left, or
 * gfn is a page of a table.
 */
#define SVQ_NO_RECORD   (~0U)

uint32_t svq_pages_take(struct svq_pages *p, uint64_t gfn, bool write);

/*
 * Is there neither a buffer nor a table, and has the backend nothing there?
 * Then nothing that was kept of it is any more.
 */
bool svq_pages_unused(struct svq_pages *p, uint64_t gfn);

/*
 * A table, which the device reads, covers this page and has it alone.  It is
 * protected, and becomes writable again by the commit that takes it away from the
 * backend.  It must be unused in all queues, and there must be a record.  Also
 * undone by svq_pages_put() or by holding and unholding it, as if read.
 */
void svq_pages_take_table(struct svq_pages *p, const struct svq_table_page *t, bool first);

/* Is there a table? */
bool svq_pages_is_table(const struct svq_pages *p, uint64_t gfn);

/* Undo one svq_pages_take() of the same gfn and direction. */
void svq_pages_put(struct svq_pages *p, uint64_t gfn, bool write);

/* The same, if hint may be what svq_pages_take() has returned. */
void svq_pages_put_hint(struct svq_pages *p, uint64_t gfn, uint32_t hint, bool write);

/*
 * The buffer goes, but the device may still be using it: unless other buffers
 * want the page, the backend's dummy takes its place.  Until it is unheld.
 */
void svq_pages_hold(struct svq_pages *p, uint64_t gfn, bool write);
void svq_pages_unhold(struct svq_pages *p, uint64_t gfn);

/*
 * Make the backend's access what takes, puts and holds since the last commit
 * ask for.  On return everything that was put or held and is not covered by another buffer in
 * flight is inaccessible, flush included, and what was a table's is writable for
 * the driver again.  Counts into q's statistics.
 * SVQ_NOT_ALONE: not all was done, and the same call has to be made by who is alone
 * with the device.  On an error the device must be failed.
 */
enum svq_error svq_pages_commit(struct svq_dev *dev, struct svq_queue *q);

/*
 * The frame at gfn, for which there is a reference, or SVQ_NO_FRAME if that is not
 * plain RAM of the frontend's.  *own: the reference is the caller's, to be dropped
 * by svq_env_forget(); else it is kept here, until the next call of any of these.
 */
uint64_t svq_pages_frame(struct svq_pages *p, uint64_t gfn, bool *own);

/*
 * Zero len bytes from byte at on of the page at gfn, which a buffer that the device
 * writes has taken: before it is granted, as far as it is not yet.  Unless the device is
 * to read something there as well: then the backend is shown it in any case, and what is
 * to be read may lie in that very place.
 */
enum svq_error svq_pages_zero(struct svq_pages *p, uint64_t gfn, uint32_t at, uint32_t len);

/* Let go of what is kept of pages in no flight: a part, and true while there is more. */
bool svq_pages_forget(struct svq_pages *p);

/*
 * What follows is for who is alone with the device.
 *
 * Put the backend's dummy in the place of everything in flight and forget all
 * takes.  Does a bounded part; returns true while there is more.
 */
bool svq_pages_take_away(struct svq_dev *dev);

/* Empty the places of the dummies.  Bounded in the same way. */
bool svq_pages_clear(struct svq_dev *dev);

/*
 * There is no backend any more, and none yet: what is in flight is taken and
 * what was protected remains so, but nobody sees it.  Nothing is dirty, held or
 * a dummy.  Bounded in the same way.
 */
bool svq_pages_suspend(struct svq_dev *dev);

/* Begin to make it visible again. */
void svq_pages_begin_resume(struct svq_dev *dev);

/*
 * Make it visible again, in the same way.  On an error the device must be
 * failed.
 */
bool svq_pages_resume(struct svq_dev *dev, enum svq_error *err);

/* Records of pages in the place of which the backend sees its dummy. */
unsigned int svq_pages_dummies(const struct svq_dev *dev);

#endif /* SVQ_PAGES_H */
