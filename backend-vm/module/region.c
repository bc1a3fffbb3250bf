// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regions: guest-physical space with struct pages, so that user mappings of it
 * are ordinary ones and get_user_pages (hence O_DIRECT, vmsplice, io_uring)
 * works on them.
 */
#define pr_fmt(fmt) "virtio-shadow: " fmt

#include <linux/err.h>
#include <linux/math.h>
#include <linux/mm.h>
#include <linux/numa.h>
#include <linux/pfn.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include <asm/xen/hypercall.h>

#include <xen/interface/memory.h>
#include <xen/interface/xen.h>

#include "vsh.h"

#if PAGE_SIZE != VSH_FRAME_SIZE
#error "virtio-shadow needs a kernel with pages of 4 KiB, the size of Xen's frames"
#endif

static int add_pages_to(struct vsh_region *r)
{
	/* GENERIC: memremap_pages() leaves the contents alone. */
	r->pgmap.type = MEMORY_DEVICE_GENERIC;
	r->pgmap.range.start = r->res.start;
	r->pgmap.range.end = r->res.end;
	r->pgmap.nr_range = 1;
	r->pgmap.owner = r;

	r->va = memremap_pages(&r->pgmap, NUMA_NO_NODE);
	if (IS_ERR(r->va)) {
		pr_err("cannot make page structures for %pR (%ld): about %llu KiB of memory are needed\n",
		       &r->res, PTR_ERR(r->va),
		       (u64)(resource_size(&r->res) / PAGE_SIZE *
			     sizeof(struct page)) >> 10);
		return PTR_ERR(r->va);
	}
	return 0;
}

struct vsh_region *vsh_region_create(u64 das, u64 size)
{
	u64 align = memremap_compat_align();
	struct vsh_region *r;
	int ret;

	r = kzalloc(sizeof(*r), GFP_KERNEL);
	if (!r)
		return ERR_PTR(-ENOMEM);
	r->das = das;
	r->nr_pages = size >> PAGE_SHIFT;

	ret = vsh_place(&r->res, round_up(size, align), align);
	if (ret)
		goto err_free;

	ret = add_pages_to(r);
	if (ret)
		goto err_release;
	return r;

err_release:
	release_resource(&r->res);
err_free:
	kfree(r);
	return ERR_PTR(ret);
}

/*
 * Whether nobody holds a page of a region that is not mapped any more.  What
 * can be left then are pins of I/O under way.  They only become fewer, so a
 * page that was found free stays free and the search goes on from there.
 */
bool vsh_region_unused(struct vsh_region *r)
{
	struct page *page = virt_to_page(r->va);

	for (; r->scanned < r->nr_pages; r->scanned++) {
		/* one reference is the region's own */
		if (page_count(page + r->scanned) > 1)
			return false;
		if (!(r->scanned & 0xfff))
			cond_resched();
	}
	return true;
}

int vsh_remove_frame(unsigned long gfn)
{
	struct xen_remove_from_physmap xrp = {
		.domid = DOMID_SELF,
		.gpfn = gfn,
	};

	return HYPERVISOR_memory_op(XENMEM_remove_from_physmap, &xrp);
}

/*
 * Takes out of the physmap what Xen has left there of a device that it closed:
 * dummies, in place of pages of requests that were in flight.  Another device
 * that is given this place could show nothing where they are.
 */
void vsh_region_sweep(struct vsh_region *r)
{
	unsigned long first = PHYS_PFN(r->res.start);
	unsigned long i;

	for (i = 0; i < r->nr_pages; i++) {
		vsh_remove_frame(first + i);
		if (!(i & 0xff))
			cond_resched();
	}
}

void vsh_region_destroy(struct vsh_region *r)
{
	memunmap_pages(&r->pgmap);
	release_resource(&r->res);
	kfree(r);
}
