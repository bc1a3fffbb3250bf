#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Take the functions that the tests are about, with the types that they need, out of a patched tree of
# Xen, so that they are compiled as they are. No copy of them is kept here.
#
#   extract.sh <tree of Xen> <directory to write to>
set -euo pipefail

tree=$1
out=$2
p2m=xen/arch/arm/mmu/p2m.c
p2m_h=xen/arch/arm/include/asm/p2m.h
common_h=xen/include/xen/p2m-common.h
domain_h=xen/arch/arm/include/asm/domain.h

die()
{
    echo "extract.sh: $*" >&2
    exit 1
}

[ -f "$tree/$p2m" ] || die "$tree has no $p2m: is it a tree of Xen, as testbed/build.sh xen-tree makes it?"
mkdir -p "$out"

# What begins with a line that matches $2, up to the first one that matches $3, of file $1.
range()
{
    awk -v file="$1" -v begin="$2" -v end="$3" '
        !on && !seen && $0 ~ begin { on = 1; seen = 1; printf "#line %d \"%s\"\n", NR, file }
        on { print }
        on && $0 ~ end { on = 0; done = 1 }
        END { exit !done }' "$tree/$1" ||
        die "$1 has nothing that begins with '$2' and ends with '$3': teach tests/p2m/extract.sh where it is"
}

# The function $2 of file $1, and the declarations of it that come before.
func()
{
    awk -v file="$1" -v name="$2" '
        !on && $0 ~ "^[a-z_].*[ *]" name "\\(" { on = 1; printf "#line %d \"%s\"\n", NR, file }
        on { print }
        on && /^{/ { body = 1 }
        on && (/^}/ || (!body && /;$/)) { done += body; on = 0; body = 0 }
        END { exit done != 1 }' "$tree/$1" ||
        die "$1 has no function $2, or two: teach tests/p2m/extract.sh where it is"
}

sed '/^#include/d' "$tree/xen/arch/arm/include/asm/lpae.h" >"$out/lpae.h"

{
    range $p2m_h '^typedef enum {$' '^} p2m_type_t;'
    range $p2m_h '^#define p2m_to_mask' '^#define p2m_is_foreign'
    range $p2m_h '^struct p2m_domain {' '^};'
    range $domain_h '^struct paging_domain {' '^};'
    range $common_h '^struct p2m_foreign {' '^};'
    range $common_h '^struct p2m_foreign_reserve {' '^};'
    range $common_h '^#define P2M_FOREIGN_TABLES' '^};'
} >"$out/p2m-types.h"

{
    range $p2m '^static mfn_t .*empty_root_mfn;' ';'
    for name in generate_vttbr p2m_pool_take p2m_pool_put p2m_alloc_page p2m_free_page \
        p2m_set_allocation; do
        func $p2m $name
    done
    range $p2m '^static DEFINE_PER_CPU.*vmid_loaded' '^static DEFINE_PER_CPU.*vmid_to_load'
    for name in p2m_may_be_loaded p2m_begin_load p2m_end_load p2m_tlb_only_here p2m_restore_state \
        p2m_force_tlb_flush_sync p2m_tlb_flush_sync; do
        func $p2m $name
    done
    func xen/arch/arm/p2m.c p2m_write_unlock
    for name in p2m_get_root_pointer p2m_mem_access_radix_get p2m_is_valid p2m_is_mapping \
        p2m_is_superpage; do
        func $p2m $name
    done
    range $p2m '^#define GUEST_TABLE_MAP_FAILED' '^#define GUEST_TABLE_NORMAL_PAGE'
    # It is declared before it is used, and defined after that.
    range $p2m '^static int p2m_create_table' '[;)]$'
    for name in p2m_next_level p2m_get_entry p2m_set_permission mfn_to_p2m_entry page_to_p2m_table \
        p2m_write_pte p2m_remove_pte p2m_create_table p2m_mem_access_radix_set p2m_put_foreign_page \
        p2m_put_l3_page p2m_put_l2_superpage p2m_put_page p2m_free_entry p2m_split_superpage \
        p2m_shatter_entry __p2m_set_entry p2m_set_entry; do
        func $p2m $name
    done
    range $p2m '^struct p2m_walk {' '^#endif .. CONFIG_P2M_FOREIGN_BATCH' | sed '/^#endif/d'
    for name in p2m_invalidate_table p2m_clear_root_pages p2m_invalidate_root \
        p2m_resolve_translation_fault p2m_teardown; do
        func $p2m $name
    done
} >"$out/p2m-real.h"
