// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file per region.  vhost-user devices map every region of the memory table
 * from offset 0 of the descriptor that came with it, so regions cannot share
 * one file at different offsets.
 *
 * Of the window there are two: all of it for the daemon, and the queues' part
 * for a device process.  The mailbox, with which one can speak to Xen in the
 * daemon's name, and the info page are not in that one at any offset.
 */
#include <linux/anon_inodes.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "vsh.h"

struct vsh_region_file {
	struct vsh_attachment *att;
	struct vsh_region *region;
	unsigned long first;		/* page of the region at offset 0 */
	unsigned long nr_pages;
};

static vm_fault_t vsh_region_fault(struct vm_fault *vmf)
{
	/* The mapping holds the file, and the file this. */
	struct vsh_region_file *rf = vmf->vma->vm_private_data;
	struct page *page;

	if (vmf->pgoff >= rf->nr_pages)
		return VM_FAULT_SIGBUS;

	page = virt_to_page(rf->region->va) + rf->first + vmf->pgoff;
	get_page(page);
	vmf->page = page;
	return 0;
}

static const struct vm_operations_struct vsh_region_vm_ops = {
	.fault = vsh_region_fault,
};

static int vsh_region_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct vsh_region_file *rf = file->private_data;

	/* A private mapping would copy pages that may not be there. */
	if (!(vma->vm_flags & VM_SHARED) || (vma->vm_flags & VM_EXEC))
		return -EINVAL;
	if (vma->vm_pgoff > rf->nr_pages ||
	    vma_pages(vma) > rf->nr_pages - vma->vm_pgoff)
		return -EINVAL;

	/* A core dump would read pages that are not there: in the kernel. */
	vm_flags_mod(vma, VM_DONTDUMP | VM_DONTEXPAND, VM_MAYEXEC);
	vma->vm_private_data = rf;
	vma->vm_ops = &vsh_region_vm_ops;
	return 0;
}

/* For tools that look at what a process was given. */
static void vsh_region_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct vsh_region_file *rf = file->private_data;

	seq_printf(m, "vsh-frontend:\t%u\n", rf->att->frontend);
	seq_printf(m, "vsh-device:\t%u\n", rf->att->device);
	seq_printf(m, "vsh-das:\t%#llx\n",
		   rf->region->das + ((u64)rf->first << PAGE_SHIFT));
	seq_printf(m, "vsh-size:\t%#llx\n", (u64)rf->nr_pages << PAGE_SHIFT);
}

static int vsh_region_release(struct inode *inode, struct file *file)
{
	struct vsh_region_file *rf = file->private_data;

	vsh_attachment_put(rf->att);
	kfree(rf);
	return 0;
}

static const struct file_operations vsh_region_fops = {
	.owner = THIS_MODULE,
	.mmap = vsh_region_mmap,
	.release = vsh_region_release,
	.show_fdinfo = vsh_region_show_fdinfo,
};

static int region_fd(struct vsh_attachment *att, struct vsh_region *region,
		     unsigned long first)
{
	struct vsh_region_file *rf;
	int fd;

	if (first >= region->nr_pages)
		return -ENOENT;

	rf = kzalloc(sizeof(*rf), GFP_KERNEL);
	if (!rf)
		return -ENOMEM;

	vsh_attachment_get(att);
	rf->att = att;
	rf->region = region;
	rf->first = first;
	rf->nr_pages = region->nr_pages - first;

	fd = anon_inode_getfd("[virtio-shadow]", &vsh_region_fops, rf,
			      O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		vsh_attachment_put(att);
		kfree(rf);
	}
	return fd;
}

int vsh_region_fd(struct vsh_attachment *att, unsigned int index)
{
	if (index >= att->nr_regions)
		return -EINVAL;
	return region_fd(att, att->region[index], 0);
}

int vsh_queues_fd(struct vsh_attachment *att)
{
	return region_fd(att, att->window, VSH_FRAME_FIRST_QUEUE);
}
