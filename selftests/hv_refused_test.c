// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module that was built for another KVM is refused, and says so; the right one
 * loads afterwards.  The wrong ones are the right one with a few bytes changed, in
 * memory.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "hv_module_util.h"
#include "kvm_util.h"

/* machine: self */

#define OPS	"hv_dev_ops"
#define WORDS	5	/* of struct kvm_hv_ports_abi, which is the first in OPS */

#define OTHER_KVM	"kvm_hv_ports: refused: built for another KVM"
#define NO_PORTS	"kvm_hv_ports: Unknown symbol"
#define OTHER_KERNEL	"kvm_hv_ports: version magic"

struct image {
	char *bytes;
	size_t size;
};

/* The module's file, for us alone to change */
static struct image image_load(void)
{
	int fd = open(getenv("HV_PORTS_KO"), O_RDONLY | O_CLOEXEC);
	struct image image;
	struct stat st;

	TEST_ASSERT(fd >= 0 && !fstat(fd, &st), "open the module: %s", strerror(errno));
	image.size = st.st_size;
	image.bytes = mmap(NULL, image.size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	TEST_ASSERT(image.bytes != MAP_FAILED, "mmap the module: %s", strerror(errno));
	close(fd);
	return image;
}

static void image_free(struct image *image)
{
	munmap(image->bytes, image->size);
}

static const Elf64_Shdr *image_sections(const struct image *image, int *nr)
{
	const Elf64_Ehdr *elf = (const void *)image->bytes;

	TEST_ASSERT(!memcmp(elf->e_ident, ELFMAG, SELFMAG), "not an ELF file");
	*nr = elf->e_shnum;
	return (const void *)(image->bytes + elf->e_shoff);
}

/* Where an object of the module's is in its file */
static void *image_object(const struct image *image, const char *name, size_t size)
{
	const Elf64_Shdr *section, *symtab;
	const Elf64_Sym *sym, *end;
	int nr;

	section = image_sections(image, &nr);
	for (symtab = section; symtab < section + nr; symtab++)
		if (symtab->sh_type == SHT_SYMTAB)
			break;
	TEST_ASSERT(symtab < section + nr, "the module has no symbols");

	sym = (const void *)(image->bytes + symtab->sh_offset);
	end = sym + symtab->sh_size / sizeof(*sym);
	for (; sym < end; sym++) {
		if (strcmp(image->bytes + section[symtab->sh_link].sh_offset + sym->st_name, name))
			continue;
		TEST_ASSERT(sym->st_size >= size, "%s is too small", name);
		return image->bytes + section[sym->st_shndx].sh_offset + sym->st_value;
	}
	TEST_FAIL("the module has no %s", name);
	return NULL;
}

/* Another last character for each occurrence of @text */
static void image_misspell(const struct image *image, const char *text)
{
	char *at = image->bytes, *end = image->bytes + image->size;
	int found = 0;

	while ((at = memmem(at, end - at, text, strlen(text)))) {
		at += strlen(text);
		at[-1] ^= 1;
		found++;
	}
	TEST_ASSERT(found, "the module has no \"%s\"", text);
}

/* 0 or a negative errno */
static int image_insert(const struct image *image)
{
	return syscall(SYS_init_module, image->bytes, image->size, "") ? -errno : 0;
}

/* The kernel's log from here on */
static int log_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	TEST_ASSERT(fd >= 0, "open /dev/kmsg: %s", strerror(errno));
	TEST_ASSERT(lseek(fd, 0, SEEK_END) >= 0, "seek in /dev/kmsg: %s", strerror(errno));
	return fd;
}

static bool log_says(int fd, const char *text)
{
	char line[8192];
	ssize_t n;

	for (;;) {
		n = read(fd, line, sizeof(line) - 1);
		if (n < 0 && errno == EPIPE)
			continue;
		if (n <= 0)
			return false;
		line[n] = '\0';
		if (strstr(line, text))
			return true;
	}
}

/* The image is refused with @error and @text in the log, and leaves nothing. */
static void refused(const struct image *image, int error, const char *text)
{
	int log = log_open();

	TEST_ASSERT_EQ(image_insert(image), -error);
	TEST_ASSERT(log_says(log, text), "the log does not say \"%s\"", text);
	close(log);
	TEST_ASSERT(access("/sys/module/" HV_MODULE_NAME, F_OK), "it is loaded all the same");
	TEST_ASSERT(access("/dev/hv_ports", F_OK), "it left its device");
}

static void right_one_loads(void)
{
	hv_module_load("");
	hv_module_unload();
}

static void test_unchanged(void)
{
	struct image image = image_load();

	TEST_ASSERT_EQ(image_insert(&image), 0);
	hv_module_unload();
	image_free(&image);
	ksft_test_result_pass("what is changed below loads if it is not\n");
}

static void test_seam(void)
{
	static const char *const what[WORDS] = {
		"version", "what KVM calls", "what the module calls", "struct kvm",
		"struct kvm_vcpu",
	};
	struct image image;
	int word, bit;
	u32 *abi;

	for (word = 0; word < WORDS; word++) {
		for (bit = 0; bit < 32; bit += 8) {
			image = image_load();
			abi = image_object(&image, OPS, WORDS * sizeof(*abi));
			abi[word] ^= BIT(bit);
			refused(&image, ENOEXEC, OTHER_KVM);
			image_free(&image);
		}
		right_one_loads();
		ksft_test_result_pass("a module for another KVM is refused: %s\n", what[word]);
	}
}

static void test_misspelt(const char *text, int error, const char *says, const char *what)
{
	struct image image = image_load();

	image_misspell(&image, text);
	refused(&image, error, says);
	image_free(&image);
	right_one_loads();
	ksft_test_result_pass("%s\n", what);
}

int main(void)
{
	char vermagic[128];
	struct utsname uts;

	hv_module_require();
	ksft_print_header();
	ksft_set_plan(WORDS + 3);
	test_unchanged();
	test_seam();
	test_misspelt("kvm_hv_ports_register", ENOENT, NO_PORTS,
		      "a module beside a KVM without ports is refused");
	TEST_ASSERT(!uname(&uts), "uname");
	snprintf(vermagic, sizeof(vermagic), "vermagic=%s", uts.release);
	test_misspelt(vermagic, ENOEXEC, OTHER_KERNEL,
		      "a module for another kernel is refused");
	ksft_finished();
}
