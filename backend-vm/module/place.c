// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds unused guest-physical address space.
 *
 * Xen promises in the device tree which parts of it will never hold anything:
 * the "extended regions", reg entries 1 and up of the hypervisor node.  (Entry
 * 0 is for the grant table.)  Outside of them an aperture could hide emulated
 * devices or lie beyond what stage 2 can translate.
 */
#define pr_fmt(fmt) "virtio-shadow: " fmt

#include <linux/ioport.h>
#include <linux/memory_hotplug.h>
#include <linux/minmax.h>
#include <linux/of.h>
#include <linux/of_address.h>
#include <linux/printk.h>
#include <linux/range.h>

#include "vsh.h"

#define FIRST_EXTENDED_REGION	1
/* Xen makes one per RAM bank for a guest, and more only for dom0. */
#define MAX_EXTENDED_REGIONS	8

static struct range extended[MAX_EXTENDED_REGIONS];
static unsigned int nr_extended;

int __init vsh_place_init(void)
{
	struct device_node *np;
	unsigned int i;

	np = of_find_compatible_node(NULL, NULL, "xen,xen");
	if (!np) {
		pr_err("no hypervisor node in the device tree: is this a Xen guest booted with one?\n");
		return -ENODEV;
	}

	for (i = 0; i < MAX_EXTENDED_REGIONS; i++) {
		struct resource res;

		if (of_address_to_resource(np, i + FIRST_EXTENDED_REGION, &res))
			break;
		extended[nr_extended].start = res.start;
		extended[nr_extended].end = res.end;
		nr_extended++;
	}
	of_node_put(np);

	if (!nr_extended) {
		pr_err("Xen offers no extended regions to put apertures in: give this VM less memory than its address space holds\n");
		return -ENODEV;
	}
	return 0;
}

/*
 * From the end of a hole: the balloon and the allocator of unpopulated pages
 * take theirs from the start, and the latter gives up when it finds the place
 * taken.
 */
static resource_size_t highest(void *data, const struct resource *avail,
			       resource_size_t size, resource_size_t align)
{
	resource_size_t start;

	if (avail->end - avail->start + 1 < size)
		return avail->start;
	start = round_down(avail->end - size + 1, align);
	return start < avail->start ? avail->start : start;
}

/* Fills in res, which is then part of iomem_resource. */
int vsh_place(struct resource *res, u64 size, u64 align)
{
	/* the kernel keeps a linear mapping of everything with struct pages */
	struct range mappable = mhp_get_pluggable_range(true);
	unsigned int i;

	for (i = 0; i < nr_extended; i++) {
		u64 min = max(extended[i].start, mappable.start);
		u64 max = min(extended[i].end, mappable.end);

		if (min >= max || max - min + 1 < size)
			continue;

		*res = (struct resource) {
			.name = "virtio-shadow",
			.flags = IORESOURCE_MEM | IORESOURCE_BUSY,
		};
		if (!allocate_resource(&iomem_resource, res, size, min, max,
				       align, highest, NULL))
			return 0;
	}

	pr_err("no room for %llu MiB in the unused guest-physical space: detach other devices\n",
	       size >> 20);
	return -ENOSPC;
}
