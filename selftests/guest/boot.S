/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From the multiboot loader's 32-bit mode (first vCPU) or a start-up IPI
 * (second vCPU) to C in long mode, and from interrupts to C.
 */
#define MULTIBOOT_MAGIC		0x1badb002

#define CR0_PE			(1 << 0)
#define CR0_MP			(1 << 1)
#define CR0_EM			(1 << 2)
#define CR0_PG			(1 << 31)
#define CR4_PAE			(1 << 5)
#define CR4_OSFXSR		(1 << 9)
#define MSR_EFER		0xc0000080
#define EFER_LME		(1 << 8)

/* Page table bits: present, writable, user; in large pages size, PCD, PWT */
#define PTE_TABLE		0x07
#define PTE_LARGE		0x83
#define PTE_LARGE_UNCACHED	0x9b

#define SEG_CODE32		0x08
#define SEG_DATA		0x10
#define SEG_CODE64		0x18

#define STACK_SIZE		16384

/* 8, 10 to 14, 17, 21, 29, 30 */
#define VECTORS_WITH_ERROR_CODE	0x60227d00

	.section .multiboot, "a"
	.balign 4
	.long MULTIBOOT_MAGIC, 0, -MULTIBOOT_MAGIC

	.text
	.code32
	.globl start
start:
	cli
	lgdt gdt_pointer
	ljmp $SEG_CODE32, $1f
1:	mov $stacks + STACK_SIZE, %esp
	mov $vp0_main, %ebx
	jmp enter_long_mode

second_vp:
	mov $stacks + 2 * STACK_SIZE, %esp
	mov $vp1_main, %ebx

/* %esp: the stack, %ebx: the C function to go on in */
enter_long_mode:
	mov $SEG_DATA, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs

	mov %cr4, %eax
	or $(CR4_PAE | CR4_OSFXSR), %eax
	mov %eax, %cr4
	mov $page_map, %eax
	mov %eax, %cr3
	mov $MSR_EFER, %ecx
	rdmsr
	or $EFER_LME, %eax
	wrmsr
	mov %cr0, %eax
	and $~CR0_EM, %eax
	or $(CR0_PG | CR0_MP | CR0_PE), %eax
	mov %eax, %cr0
	ljmp $SEG_CODE64, $1f

	.code64
1:	mov %ebx, %ebx
	xor %ebp, %ebp
	call *%rbx
	ud2

/*
 * Copied below 1 MiB and entered there in real mode, with %cs:0 at its start.
 */
	.code16
	.globl trampoline, trampoline_end
trampoline:
	cli
	mov %cs, %ax
	mov %ax, %ds
	lgdtl trampoline_gdt_pointer - trampoline
	mov %cr0, %eax
	or $CR0_PE, %eax
	mov %eax, %cr0
	ljmpl $SEG_CODE32, $second_vp
trampoline_gdt_pointer:
	.word gdt_end - gdt - 1
	.long gdt
trampoline_end:

/*
 * One stub of 16 bytes for each vector, so that C can compute its address.
 * Every stub leaves an error code and the vector on the stack.
 */
	.code64
	.balign 16
	.globl interrupt_stubs
interrupt_stubs:
	.set vector, 0
	.rept 256
	.balign 16
	.if vector >= 32 || !(VECTORS_WITH_ERROR_CODE >> (vector & 31) & 1)
	push $0
	.endif
	pushq $vector
	jmp interrupt_common
	.set vector, vector + 1
	.endr

interrupt_common:
	push %rax
	push %rcx
	push %rdx
	push %rsi
	push %rdi
	push %r8
	push %r9
	push %r10
	push %r11
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	cld
	mov %rsp, %rdi
	call interrupt
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rdx
	pop %rcx
	pop %rax
	add $16, %rsp
	iretq

	.data
	.balign 8
gdt:
	.quad 0
	.quad 0x00cf9b000000ffff	/* 32-bit code */
	.quad 0x00cf93000000ffff	/* data */
	.quad 0x00af9b000000ffff	/* 64-bit code */
gdt_end:
gdt_pointer:
	.word gdt_end - gdt - 1
	.long gdt

/* The first 4 GiB, mapped one to one; devices are in the last of them. */
	.balign 4096
page_map:
	.quad page_directory_pointers + PTE_TABLE
	.fill 511, 8, 0
page_directory_pointers:
	.quad page_directories + PTE_TABLE
	.quad page_directories + 0x1000 + PTE_TABLE
	.quad page_directories + 0x2000 + PTE_TABLE
	.quad page_directories + 0x3000 + PTE_TABLE
	.fill 508, 8, 0
page_directories:
	.set page, 0
	.rept 3 * 512
	.quad (page << 21) + PTE_LARGE
	.set page, page + 1
	.endr
	.rept 512
	.quad (page << 21) + PTE_LARGE_UNCACHED
	.set page, page + 1
	.endr

	.bss
	.balign 16
stacks:
	.skip 2 * STACK_SIZE

	.section .note.GNU-stack, "", @progbits
