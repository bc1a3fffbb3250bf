/* SPDX-License-Identifier: MIT */
/*
 * How the guest starts: an arm64 Linux image to the toolstack, entered at EL1 with
 * the MMU off. Memory is mapped where it is, by blocks: RAM and Xen's pages as
 * normal memory, all else below 1 GiB as device memory.
 */
#define DEVICE  0x401                   /* block, access flag, MAIR index 0 */
#define NORMAL  0x705                   /* the same, inner shareable, index 1 */

    .section .head, "ax"
    .globl _start
_start:
    b       boot
    .word   0
    .quad   0x80000                     /* from the start of RAM */
    .quad   image_size
    .quad   0, 0, 0, 0
    .ascii  "ARM\x64"
    .word   0

boot:
    bl      mmu_on
    ldr     x0, =stack0_end
    mov     sp, x0
    bl      hand_main
1:  wfi
    b       1b

    .globl second_boot
second_boot:
    bl      mmu_on
    ldr     x0, =stack1_end
    mov     sp, x0
    bl      second_main
1:  wfi
    b       1b

mmu_on:
    ldr     x0, =vectors
    msr     vbar_el1, x0
    ldr     x0, =0xff04                 /* MAIR 0: device, 1: write-back */
    msr     mair_el1, x0
    ldr     x0, =0x200803519            /* 39 bits of address, 4 KiB, cacheable, 40 bits out */
    msr     tcr_el1, x0
    ldr     x0, =table_l1
    msr     ttbr0_el1, x0
    isb
    tlbi    vmalle1
    dsb     nsh
    isb
    mrs     x0, sctlr_el1
    orr     x0, x0, #1                  /* MMU */
    orr     x0, x0, #4                  /* data cache */
    orr     x0, x0, #0x1000             /* instruction cache */
    bic     x0, x0, #2                  /* alignment is not checked */
    msr     sctlr_el1, x0
    isb
    ret

/* What faults is stepped over; aborted() counts it. Registers that C may change are kept. */
    .macro  vector target
    .balign 0x80
    b       \target
    .endm

    .balign 0x800
vectors:
    .rept   4
    vector  stuck
    .endr
    vector  sync
    .rept   11
    vector  stuck
    .endr

stuck:
    b       stuck

sync:
    sub     sp, sp, #192
    stp     x0, x1, [sp, #0]
    stp     x2, x3, [sp, #16]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x30, [sp, #144]
    mrs     x0, esr_el1
    mrs     x1, far_el1
    mrs     x2, elr_el1
    bl      aborted
    mrs     x2, elr_el1
    add     x2, x2, #4
    msr     elr_el1, x2
    ldp     x0, x1, [sp, #0]
    ldp     x2, x3, [sp, #16]
    ldp     x4, x5, [sp, #32]
    ldp     x6, x7, [sp, #48]
    ldp     x8, x9, [sp, #64]
    ldp     x10, x11, [sp, #80]
    ldp     x12, x13, [sp, #96]
    ldp     x14, x15, [sp, #112]
    ldp     x16, x17, [sp, #128]
    ldp     x18, x30, [sp, #144]
    add     sp, sp, #192
    eret

/* x0: number, x1 to x5: arguments */
    .globl hypercall
hypercall:
    mov     x16, x0
    mov     x0, x1
    mov     x1, x2
    mov     x2, x3
    mov     x3, x4
    mov     x4, x5
    hvc     #0xea1
    ret

/* x0: function, x1 to x3: arguments */
    .globl psci
psci:
    hvc     #0
    ret

/*
 * SYSTEM_SUSPEND: returns 0 when the guest has been woken up, by way of wake_boot, and
 * otherwise why not. What C expects to be kept is kept on the stack.
 */
    .globl system_suspend
system_suspend:
    stp     x29, x30, [sp, #-96]!
    stp     x19, x20, [sp, #16]
    stp     x21, x22, [sp, #32]
    stp     x23, x24, [sp, #48]
    stp     x25, x26, [sp, #64]
    stp     x27, x28, [sp, #80]
    mov     x9, sp
    ldr     x10, =asleep_sp
    str     x9, [x10]
    ldr     x0, =0xc400000e
    ldr     x1, =wake_boot
    mov     x2, #0
    hvc     #0
    b       1f
wake_boot:
    bl      mmu_on
    ldr     x10, =asleep_sp
    ldr     x9, [x10]
    mov     sp, x9
    mov     x0, #0
1:  ldp     x27, x28, [sp, #80]
    ldp     x25, x26, [sp, #64]
    ldp     x23, x24, [sp, #48]
    ldp     x21, x22, [sp, #32]
    ldp     x19, x20, [sp, #16]
    ldp     x29, x30, [sp], #96
    ret

    .section .data
    .balign 4096
table_l1:
    .quad   table_low + 3
    .quad   0x40000000 + NORMAL
    .fill   510, 8, 0
table_low:
    .set    addr, 0
    .rept   512
    .if     addr >= 0x38000000 && addr < 0x3a000000
    .quad   addr + NORMAL               /* grant table, console, xenstore */
    .else
    .quad   addr + DEVICE
    .endif
    .set    addr, addr + 0x200000
    .endr

    .section .bss
    .balign 16
    .skip   16384
stack0_end:
    .skip   16384
stack1_end:
asleep_sp:
    .skip   8
