// SPDX-License-Identifier: GPL-2.0-only
/*
 * Console, interrupts and the second vCPU.
 */
#include <stdarg.h>

#include "boot.h"
#include "lib.h"

#define COM1			0x3f8
#define UART_FIFO_SIZE		16
#define UART_FCR		2
#define UART_LCR		3
#define UART_LSR		5
#define UART_LSR_THRE		0x20
#define DEBUG_EXIT_PORT		0xf4

#define PIC1_DATA		0x21
#define PIC2_DATA		0xa1

#define APIC_BASE		0xfee00000UL
#define APIC_EOI		0x0b0
#define APIC_SPIV		0x0f0
#define APIC_ISR		0x100
#define APIC_ICR		0x300
#define APIC_ICR2		0x310
#define APIC_LVT0		0x350
#define APIC_SPIV_ENABLE	0x100
#define APIC_LVT_MASKED		0x10000
#define APIC_ICR_INIT		0x4500
#define APIC_ICR_STARTUP	0x4600
#define APIC_ICR_FIXED		0x4000
#define APIC_ICR_BUSY		0x1000

#define MSR_GS_BASE		0xc0000101
#define SEG_CODE64		0x18
#define IDT_INTERRUPT_GATE	0x8e00
#define EXCEPTIONS		32

#define VECTOR_WAKE		0xf0
#define WAKE_TRIES		6000
#define VECTOR_SPURIOUS		0xff

#define TRAMPOLINE		0x8000

struct idt_entry {
	u16 offset0;
	u16 selector;
	u16 flags;
	u16 offset1;
	u32 offset2;
	u32 reserved;
};

static struct idt_entry idt[256];
static interrupt_fn handlers[256];

/* What %gs points to */
static const u64 vp_numbers[NR_VPS] = { 0, 1 };

/* Strings */

void *memcpy(void *to, const void *from, size_t size)
{
	void *ret = to;

	asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size)
		     : : "memory");
	return ret;
}

void *memset(void *to, int value, size_t size)
{
	void *ret = to;

	asm volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(value)
		     : "memory");
	return ret;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const u8 *x = a, *y = b;

	for (; size; x++, y++, size--) {
		if (*x != *y)
			return *x - *y;
	}
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

/* Console */

#define LINE_SIZE		256

struct line {
	size_t len;
	char text[LINE_SIZE];
};

static void line_char(struct line *line, char c)
{
	if (line->len < LINE_SIZE)
		line->text[line->len++] = c;
}

static void line_string(struct line *line, const char *s, size_t max)
{
	while (*s && max--)
		line_char(line, *s++);
}

static void line_number(struct line *line, u64 n, unsigned int base,
			unsigned int width)
{
	char digits[24];
	unsigned int i = 0;

	do {
		digits[i++] = "0123456789abcdef"[n % base];
		n /= base;
	} while (n);
	while (i < width && i < sizeof(digits))
		digits[i++] = '0';
	while (i)
		line_char(line, digits[--i]);
}

/* %s %.*s %c %d %u %x and %lu %lx, numbers with a width of zeroes */
static void line_vprintf(struct line *line, const char *fmt, va_list args)
{
	for (; *fmt; fmt++) {
		unsigned int width = 0;
		size_t max = -1UL;
		bool wide = false;
		u64 n;

		if (*fmt != '%') {
			line_char(line, *fmt);
			continue;
		}
		fmt++;
		if (fmt[0] == '.' && fmt[1] == '*') {
			max = va_arg(args, int);
			fmt += 2;
		}
		for (; *fmt >= '0' && *fmt <= '9'; fmt++)
			width = width * 10 + *fmt - '0';
		if (*fmt == 'l') {
			wide = true;
			fmt++;
		}

		switch (*fmt) {
		case 's':
			line_string(line, va_arg(args, const char *), max);
			break;
		case 'c':
			line_char(line, va_arg(args, int));
			break;
		case 'd':
		case 'u':
		case 'x':
			n = wide ? va_arg(args, u64) : va_arg(args, u32);
			line_number(line, n, *fmt == 'x' ? 16 : 10, width);
			break;
		default:
			line_char(line, *fmt);
		}
	}
}

static void uart_init(void)
{
	outb(COM1 + UART_LCR, 0x03);
	outb(COM1 + UART_FCR, 0x07);
}

static void uart_write(const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (i % UART_FIFO_SIZE == 0)
			wait_for(inb(COM1 + UART_LSR) & UART_LSR_THRE);
		outb(COM1, s[i]);
	}
}

static u64 irq_save(void)
{
	u64 flags;

	asm volatile("pushfq; popq %0; cli" : "=r"(flags) : : "memory");
	return flags;
}

static void irq_restore(u64 flags)
{
	asm volatile("pushq %0; popfq" : : "r"(flags) : "memory", "cc");
}

static struct {
	u32 owner;	/* vCPU number + 1 */
	u32 depth;
	u64 flags;
} console;

void console_lock(void)
{
	u32 self = this_vp() + 1;
	u64 flags = irq_save();

	if (READ_ONCE(console.owner) != self) {
		while (__sync_val_compare_and_swap(&console.owner, 0, self)) {
			irq_restore(flags);
			cpu_relax();
			irq_save();
		}
		console.flags = flags;
	}
	console.depth++;
}

void console_unlock(void)
{
	u64 flags = console.flags;

	if (--console.depth)
		return;
	__sync_lock_release(&console.owner);
	irq_restore(flags);
}

static void vprint(const char *prefix, const char *fmt, va_list args)
{
	struct line line = {};

	line_string(&line, prefix, LINE_SIZE);
	line_vprintf(&line, fmt, args);
	if (line.len == LINE_SIZE)
		line.len--;
	line_char(&line, '\n');

	console_lock();
	uart_write(line.text, line.len);
	console_unlock();
}

void print(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vprint("", fmt, args);
	va_end(args);
}

void say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vprint(this_vp() ? "vp1: " : "vp0: ", fmt, args);
	va_end(args);
}

void finish(enum guest_exit code)
{
	outl(DEBUG_EXIT_PORT, code);
	for (;;)
		asm volatile("cli; hlt");
}

void fail(const char *fmt, ...)
{
	va_list args;

	console_lock();
	va_start(args, fmt);
	vprint(this_vp() ? "FAIL vp1: " : "FAIL vp0: ", fmt, args);
	va_end(args);
	finish(GUEST_FAIL);
}

/* Local APIC and interrupts */

static u32 apic_read(u32 reg)
{
	return READ_ONCE(*(u32 *)(APIC_BASE + reg));
}

static void apic_write(u32 reg, u32 value)
{
	WRITE_ONCE(*(u32 *)(APIC_BASE + reg), value);
}

void end_of_interrupt(void)
{
	apic_write(APIC_EOI, 0);
}

bool interrupt_in_service(unsigned int vector)
{
	return apic_read(APIC_ISR + vector / 32 * 16) >> vector % 32 & 1;
}

static void apic_init(void)
{
	apic_write(APIC_LVT0, APIC_LVT_MASKED);
	apic_write(APIC_SPIV, APIC_SPIV_ENABLE | VECTOR_SPURIOUS);
}

static void send_ipi(u32 apic_id, u32 command)
{
	apic_write(APIC_ICR2, apic_id << 24);
	apic_write(APIC_ICR, command);
	wait_for(!(apic_read(APIC_ICR) & APIC_ICR_BUSY));
}

void set_interrupt(unsigned int vector, interrupt_fn fn)
{
	handlers[vector] = fn;
}

void interrupt(struct interrupt_frame *frame)
{
	if (frame->vector < EXCEPTIONS) {
		u64 cr2;

		asm volatile("movq %%cr2, %0" : "=r"(cr2));
		console_lock();
		say("exception %lu error 0x%lx at 0x%lx address 0x%lx",
		    frame->vector, frame->error_code, frame->rip, cr2);
		finish(GUEST_CRASH);
	}
	if (frame->vector == VECTOR_SPURIOUS)
		return;
	if (!handlers[frame->vector])
		fail("vector %lu, which has no use",
		     frame->vector);
	handlers[frame->vector](frame->vector);
}

static void idt_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(idt); i++) {
		u64 stub = (u64)interrupt_stubs[i];

		idt[i] = (struct idt_entry) {
			.offset0 = stub,
			.selector = SEG_CODE64,
			.flags = IDT_INTERRUPT_GATE,
			.offset1 = stub >> 16,
			.offset2 = stub >> 32,
		};
	}
}

static void vp_init(unsigned int vp)
{
	struct {
		u16 limit;
		u64 base;
	} __packed idt_pointer = {
		.limit = sizeof(idt) - 1,
		.base = (u64)idt,
	};

	wrmsr(MSR_GS_BASE, (u64)&vp_numbers[vp]);
	asm volatile("lidt %0" : : "m"(idt_pointer));
	apic_init();
	asm volatile("sti");
}

/* vCPUs */

struct work {
	void (*fn)(void *arg);
	void *arg;
};

static bool second_vp_up;
static struct work *second_vp_work;

unsigned int this_vp(void)
{
	u64 vp;

	asm volatile("movq %%gs:0, %0" : "=r"(vp));
	return vp;
}

static void wake_interrupt(unsigned int vector)
{
	end_of_interrupt();
}

/* Halts between jobs, so that what wakes it is shown to wake it. */
void vp1_main(void)
{
	vp_init(1);
	WRITE_ONCE(second_vp_up, true);

	for (;;) {
		struct work *work;

		asm volatile("cli");
		while (!(work = READ_ONCE(second_vp_work)))
			asm volatile("sti; hlt; cli" : : : "memory");
		asm volatile("sti");

		work->fn(work->arg);
		/* What was done is seen before the word that it is done. */
		mb();
		WRITE_ONCE(second_vp_work, NULL);
	}
}

void start_second_vp(void)
{
	memcpy((void *)TRAMPOLINE, trampoline, trampoline_end - trampoline);
	set_interrupt(VECTOR_WAKE, wake_interrupt);

	send_ipi(1, APIC_ICR_INIT);
	send_ipi(1, APIC_ICR_STARTUP | TRAMPOLINE / PAGE_SIZE);
	if (!wait_for(READ_ONCE(second_vp_up)))
		fail("the second vCPU does not start");
}

void on_vp(unsigned int vp, void (*fn)(void *arg), void *arg)
{
	struct work work = { .fn = fn, .arg = arg };
	unsigned int i;

	if (vp == this_vp()) {
		fn(arg);
		return;
	}

	/* The other vCPU may look before the interrupt makes it. */
	mb();
	WRITE_ONCE(second_vp_work, &work);
	/*
	 * Once would do, but an emulated SVM that forgets the interrupt shadow
	 * can take the interrupt between sti and hlt, and then sleep.
	 */
	for (i = 0; i < WAKE_TRIES; i++) {
		send_ipi(1, APIC_ICR_FIXED | VECTOR_WAKE);
		if (wait_ticks(!READ_ONCE(second_vp_work),
			       WAIT_TICKS / WAKE_TRIES))
			return;
	}
	fail("the second vCPU does not come back");
}

void vp0_main(void)
{
	outb(PIC1_DATA, 0xff);
	outb(PIC2_DATA, 0xff);
	uart_init();
	idt_init();
	vp_init(0);

	guest_main();
	finish(GUEST_PASS);
}
