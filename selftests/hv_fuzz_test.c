// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hostile guest: hypercalls, stores and SynIC changes by chance, from two
 * vCPUs, with an oracle that says what each of them comes to.
 *
 * A seed says everything about a round.  Where guest and oracle disagree, the
 * round is made again from its steps, with fewer and fewer of them, and what is
 * left is printed.
 *
 *	hv_fuzz_test [seed=N] [calls=N | seconds=N] [steps=N]
 */
#include <time.h>

#include "hv_fuzz_run.h"

/* machine: ports timeout=400 */

#define DEFAULT_SEED	0x5eedULL
#define DEFAULT_CALLS	200000
#define DEFAULT_STEPS	10000

/* Seconds that may go into making a list of steps shorter */
#define SHRINK_SECONDS	60

static struct {
	u64 seed;
	u64 calls;
	u64 seconds;
	u64 steps;
} options = { DEFAULT_SEED, DEFAULT_CALLS, 0, DEFAULT_STEPS };

/* A VP's steps, and what makes and judges them */
struct fuzzer {
	struct fz_gen gen;
	struct fz_model model;
	struct fz_run run;
	bool agree;
};

static struct fuzzer fuzzers[FZ_VPS];

/* What the VM of a round is like */
static struct fz_config config_of(struct fz_gen *g)
{
	struct fz_config config = {
		.max_ports = fz_pick(g, 3, 12, 20, 40),
		.max_connections = fz_pick(g, 3, 12, 30, 100),
		.privileges = FZ_MAY_ALL,
		.enforce = fz_percent(g, 30),
		.zeroes_pages = fz_percent(g, 30),
	};

	/* The partition's id has to be known before there is anything to predict. */
	if (fz_percent(g, 30))
		config.privileges &= fz_random(g) | fz_random(g) | FZ_MAY_ID;
	return config;
}

static void fuzzer_init(struct fuzzer *f, u64 seed)
{
	memset(&f->gen, 0, sizeof(f->gen));
	memset(&f->run, 0, sizeof(f->run));
	f->gen.rng = seed;
	f->gen.model = &f->model;
	f->run.model = &f->model;
	f->run.gen = &f->gen;
	f->run.limit = options.steps;
	f->run.batch_size = FZ_BATCH;
	f->run.print_from = options.steps;
	f->run.pages = BIT(FZ_PAGES) - 1;
	f->run.steps = calloc(options.steps, sizeof(*f->run.steps));
	f->run.failed = calloc(options.steps, sizeof(*f->run.failed));
}

static void fuzzer_free(struct fuzzer *f)
{
	free(f->run.dropped);
	free(f->run.failed);
	free(f->run.steps);
}

static void prepare(struct fuzzer *f, struct fz_vm *v, const struct fz_config *config)
{
	fz_model_init(&f->model, v, config);
	f->run.v = v;
	f->run.next = 0;
}

/* Make the steps in a VM of their own; true if all is as expected. */
static bool play(struct fuzzer *f, const struct fz_config *config)
{
	struct fz_vm v;

	fz_vm_create(&v, config);
	prepare(f, &v, config);
	f->agree = fz_play(&f->run);
	fz_vm_free(&v);
	return f->agree;
}

/* Making a list of steps shorter */

static int count_steps(const struct fz_run *r)
{
	int i, count = 0;

	for (i = 0; i < r->limit; i++)
		count += !r->dropped[i];
	return count;
}

static bool is_dropped(const struct fz_run *r, int from, int nr)
{
	while (nr && r->dropped[from + nr - 1])
		nr--;
	return !nr;
}

/* Drop these too; keep it so if the mismatch is still there. */
static void try_without(struct fuzzer *f, const struct fz_config *config, int from,
			const bool *drop, int nr)
{
	struct fz_run *r = &f->run;
	bool before[nr];
	int i;

	memcpy(before, r->dropped + from, nr);
	for (i = 0; i < nr; i++)
		r->dropped[from + i] |= drop[i];
	if (play(f, config))
		memcpy(r->dropped + from, before, nr);
	else
		r->limit = r->mismatch.at + 1;
}

/* The last one is what does not come out as expected, whether it fails or not. */
static void try_without_failed(struct fuzzer *f, const struct fz_config *config)
{
	const int nr = f->run.limit - 1;
	bool drop[nr + 1];

	memcpy(drop, f->run.failed, nr);
	try_without(f, config, 0, drop, nr);
}

/* Try it with chunks of that size; false if time is over. */
static bool shrink_by(struct fuzzer *f, const struct fz_config *config, int chunk,
		      time_t give_up, int *tries)
{
	struct fz_run *r = &f->run;
	bool drop[chunk];
	int from;

	memset(drop, true, chunk);
	for (from = r->limit - chunk; from >= 0; from -= chunk) {
		if (time(NULL) >= give_up)
			return false;
		if (from + chunk > r->limit || is_dropped(r, from, chunk))
			continue;
		try_without(f, config, from, drop, chunk);
		(*tries)++;
	}
	return true;
}

/* Returns how often it was tried. */
static int shrink(struct fuzzer *f, const struct fz_config *config)
{
	const time_t give_up = time(NULL) + SHRINK_SECONDS;
	struct fz_run *r = &f->run;
	int chunk, before, tries = 1;

	try_without_failed(f, config);
	do {
		before = count_steps(r);
		for (chunk = max(r->limit / 2, 1); chunk; chunk /= 2)
			if (!shrink_by(f, config, chunk, give_up, &tries))
				return tries;
	} while (count_steps(r) < before);
	return tries;
}

/* What is wrong, with the fewest steps that can be found */

static void print_state(const struct fuzzer *f, const struct fz_config *config, u64 seed)
{
	int i;

	ksft_print_msg("seed %#lx, step %d: %s\n", seed, f->run.mismatch.at,
		       f->run.mismatch.what);
	ksft_print_msg("ports %u connections %u privileges %#x%s%s\n", config->max_ports,
		       config->max_connections, config->privileges,
		       config->enforce ? " enforced" : "",
		       config->zeroes_pages ? ", pages zeroed" : "");
	for (i = 0; i < FZ_VPS; i++)
		fz_print_vp(&f->model, i);
}

#define LAST_STEPS	120

/* The step from which on there are so many */
static int last_steps(const struct fz_run *r)
{
	int count = 0, from = r->limit;

	while (from && count < LAST_STEPS)
		count += !r->dropped[--from];
	return from;
}

static void print_last(const struct fz_run *r)
{
	int i;

	for (i = last_steps(r); i < r->limit; i++)
		fz_print_step(i, &r->steps[i], NULL);
}

static void print_shortest(struct fuzzer *f, const struct fz_config *config)
{
	int tries;

	f->run.limit = f->run.mismatch.at + 1;
	tries = shrink(f, config);
	ksft_print_msg("the shortest found in %d tries, %d steps:\n", tries,
		       count_steps(&f->run));
	f->run.batch_size = 1;
	f->run.print_from = last_steps(&f->run);
	play(f, config);
	ksft_print_msg("%s\n", f->run.mismatch.what);
}

static void report(struct fuzzer *f, const struct fz_config *config, u64 seed)
{
	struct fz_run *r = &f->run;

	print_state(f, config, seed);
	r->gen = NULL;
	r->limit = r->mismatch.at + 1;
	r->dropped = calloc(r->limit, sizeof(bool));
	if (!play(f, config)) {
		print_shortest(f, config);
		return;
	}
	ksft_print_msg("These steps alone do not show it again.  The last of them:\n");
	print_last(r);
}

/* One after the other, everything predicted */
static bool round_in_order(u64 seed, u64 *calls)
{
	struct fuzzer *f = &fuzzers[0];
	struct fz_config config;

	fuzzer_init(f, seed);
	config = config_of(&f->gen);
	play(f, &config);
	*calls += f->run.calls;
	if (!f->agree)
		report(f, &config, seed);
	fuzzer_free(f);
	return f->agree;
}

/* Both VPs at once */

static void *play_thread(void *data)
{
	struct fuzzer *f = data;

	f->agree = fz_play(&f->run);
	return NULL;
}

static void play_at_once(const struct fz_config *config)
{
	pthread_t threads[FZ_VPS];
	struct fz_vm v;
	int i;

	fz_vm_create(&v, config);
	for (i = 0; i < FZ_VPS; i++)
		prepare(&fuzzers[i], &v, config);
	for (i = 0; i < FZ_VPS; i++)
		TEST_ASSERT(!pthread_create(&threads[i], NULL, play_thread, &fuzzers[i]),
			    "pthread_create");
	for (i = 0; i < FZ_VPS; i++)
		pthread_join(threads[i], NULL);
	fz_vm_free(&v);
}

static bool finish_at_once(const struct fz_config *config, u64 seed, u64 *calls)
{
	bool agree = true;
	int i;

	for (i = 0; i < FZ_VPS; i++) {
		*calls += fuzzers[i].run.calls;
		if (agree && !fuzzers[i].agree) {
			ksft_print_msg("vp %d beside another:\n", i);
			report(&fuzzers[i], config, seed);
			agree = false;
		}
	}
	for (i = 0; i < FZ_VPS; i++)
		fuzzer_free(&fuzzers[i]);
	return agree;
}

static void init_at_once(u64 seed)
{
	int i;

	for (i = 0; i < FZ_VPS; i++) {
		fuzzer_init(&fuzzers[i], seed + ((u64)i << 32));
		fuzzers[i].gen.fixed_vp = true;
		fuzzers[i].gen.vp = i;
	}
}

/* Each with ports, SINTs and memory of its own, everything predicted */
static bool round_apart(u64 seed, u64 *calls)
{
	struct fz_config config;
	int i, page;

	init_at_once(seed);
	config = config_of(&fuzzers[0].gen);
	config.max_ports = 1024;
	config.max_connections = 4096;
	for (i = 0; i < FZ_VPS; i++) {
		fuzzers[i].gen.alone = true;
		fuzzers[i].run.pages = 0;
		for (page = 0; page < FZ_RAM_PAGES; page++)
			if (fz_owner(page) == i)
				fuzzers[i].run.pages |= BIT(page);
	}
	play_at_once(&config);
	return finish_at_once(&config, seed, calls);
}

/* All over each other; what can be said is said by fz_documented(). */
static bool round_in_chaos(u64 seed, u64 *calls)
{
	struct fz_config config;
	int i;

	init_at_once(seed);
	config = config_of(&fuzzers[0].gen);
	for (i = 0; i < FZ_VPS; i++)
		fuzzers[i].run.chaos = true;
	play_at_once(&config);
	return finish_at_once(&config, seed, calls);
}

static const struct part {
	const char *name;
	bool (*round)(u64 seed, u64 *calls);
	/* Of the calls, or of the time */
	u32 percent;
} parts[] = {
	{ "in order", round_in_order, 70 },
	{ "apart, at once", round_apart, 15 },
	{ "in chaos, at once", round_in_chaos, 15 },
};

static bool is_over(const struct part *part, u64 calls, time_t began)
{
	if (options.seconds)
		return time(NULL) >= began + options.seconds * part->percent / 100;
	return calls >= options.calls * part->percent / 100;
}

static bool fuzz(const struct part *part)
{
	const time_t began = time(NULL);
	u64 calls = 0, seed = options.seed;
	bool agree = true;

	while (agree && !is_over(part, calls, began)) {
		/* First, since it may be the last that is heard of it. */
		ksft_print_msg("%s: seed %#lx\n", part->name, seed);
		agree = part->round(seed++, &calls);
		hv_module_await_unused();
	}
	ksft_print_msg("seeds %#lx to %#lx: %lu calls in %ld s\n", options.seed, seed - 1,
		       calls, time(NULL) - began);
	return agree;
}

static void parse(const char *arg)
{
	static const struct {
		const char *name;
		u64 *value;
	} names[] = {
		{ "seed=", &options.seed },
		{ "calls=", &options.calls },
		{ "seconds=", &options.seconds },
		{ "steps=", &options.steps },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strncmp(arg, names[i].name, strlen(names[i].name))) {
			*names[i].value = strtoull(arg + strlen(names[i].name), NULL, 0);
			return;
		}
	}
	TEST_FAIL("What does \"%s\" mean?", arg);
}

int main(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		parse(argv[i]);

	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(parts));
	for (i = 0; i < ARRAY_SIZE(parts); i++)
		ksft_test_result(fuzz(&parts[i]), "%s\n", parts[i].name);
	ksft_finished();
}
