# SPDX-License-Identifier: GPL-2.0
#
# Makes the table, its JSON and the verdict of what was measured.
#
#	awk -v json=FILE -v machine=TEXT -f table.awk rows targets counted timed
#
# With only_timed=1 nothing was counted.
#
# A measurement is a line: NAME ROUND MEDIAN P90 P99 MAX MEAN, and one of timed
# besides "info NAME VALUE".  Ends with a line "verdict PASSED FAILED".

function file_is(name) { return FILENAME ~ "(^|/)" name "$" }

function agree(name,	a, b)
{
	a = count[name, 1]
	b = count[name, 2]
	return a <= 1.005 * b && b <= 1.005 * a
}

function verdict(good, text)
{
	if (good)
		passed++
	else
		failed++
	printf "%s %d %s\n", good ? "ok" : "not ok", passed + failed, text
}

function row(name, text,	n, i)
{
	if (!count[name, 1]) {
		missing[++nr_missing] = name
		printf "  %-72s            -\n", text
		return
	}
	printf "  %-72s %12d %9.2f\n", text, count[name, 1] + 0.5, count[name, 1] / null
	# The end of a VM, which waits for grace periods, is seen once.
	if (count[name, 2] && !agree(name))
		apart[++nr_apart] = name
	printf "%s\n    {\"name\": \"%s\", \"instructions\": %.1f, \"ratio\": %.4f, \"second\": %.1f}",
		nr_json++ ? "," : "", name, count[name, 1], count[name, 1] / null,
		count[name, 2] >json
}

function target(i,	a, b, r, good, text)
{
	a = count[over[i], 1]
	b = count[under[i], 1]
	r = b ? a / b : 0
	good = a && b && (relation[i] == "<=" ? r <= bound[i] : r >= bound[i])
	text = sprintf("%s: %.3f, wanted %s %s", meaning[i], r, relation[i], bound[i])
	verdict(good, text)
	printf "%s\n    {\"target\": \"%s\", \"of\": \"%s\", \"to\": \"%s\", \"ratio\": %.4f, \"wanted\": \"%s %s\", \"met\": %s}",
		(i > 1) ? "," : "", meaning[i], over[i], under[i], r, relation[i], bound[i],
		good ? "true" : "false" >json
}

function timed_row(name, text)
{
	if (!((name) in median))
		return
	printf "  %-72s %9.1f %9.1f %9.1f %9d\n", text, median[name] / khz * 1000,
		p90[name] / khz * 1000, p99[name] / khz * 1000, khz * 1000 / mean[name]
	printf "%s\n    {\"name\": \"%s\", \"median_us\": %.2f, \"p90_us\": %.2f, \"p99_us\": %.2f, \"per_second\": %.0f}",
		nr_timed++ ? "," : "", name, median[name] / khz * 1000, p90[name] / khz * 1000,
		p99[name] / khz * 1000, khz * 1000 / mean[name] >json
}

/^#/ || !NF { next }

file_is("rows") && /^\+/ {
	what[++n] = $2
	sum[$2] = $0
	label[n] = $0
	sub(/.*\|[ \t]*/, "", label[n])
	next
}

file_is("rows") {
	is_section[++n] = /^=/
	what[n] = $1
	label[n] = $0
	sub(/^[^ \t]+[ \t]+/, "", label[n])
	next
}

file_is("targets") {
	t++
	over[t] = $1
	under[t] = $2
	relation[t] = $3
	bound[t] = $4
	meaning[t] = $0
	for (i = 1; i <= 4; i++)
		sub(/^[^ \t]+[ \t]+/, "", meaning[t])
	next
}

file_is("counted") { count[$1, $2] = $3 }

file_is("timed") {
	if ($1 == "info") {
		if ($2 == "tsc_khz")
			khz = $3
		next
	}
	median[$1] = $3
	p90[$1] = $4
	p99[$1] = $5
	mean[$1] = $7
}

# "+ NAME = TERM ... | LABEL", once for each round
function add_up(name, round,	part, i, of)
{
	split(sum[name], part)
	for (i = 4; part[i] != "|"; i++) {
		of = part[i]
		sub(/^-/, "", of)
		count[name, round] += (part[i] ~ /^-/ ? -1 : 1) * count[of, round]
	}
}

function counted_table(	i)
{
	for (i in sum) {
		add_up(i, 1)
		add_up(i, 2)
	}
	null = count["null.absent", 1]
	if (!null)
		null = 1
	printf "%-74s %12s %9s\n", "", "instructions", "to null"
	for (i = 1; i <= n; i++)
		if (is_section[i])
			printf "%s\n", label[i]
		else
			row(what[i], label[i])
}

function timed_table(	i)
{
	if (!khz)
		return
	printf "\nBy the clock, on a machine that is %s: indicative\n", machine
	printf "  %-72s %9s %9s %9s %9s\n", "", "median us", "90 %", "99 %", "per s"
	for (i = 1; i <= n; i++)
		if (!is_section[i])
			timed_row(what[i], label[i])
		else if (label[i] !~ /^The floor/)
			printf "%s\n", label[i]
}

# By the clock alone, on a machine that has the module loaded
function native_verdict(	i)
{
	for (i = 1; i <= n; i++) {
		if (is_section[i] || what[i] in sum || what[i] ~ /\.absent$|qemu/ ||
		    median[what[i]] > 0)
			continue
		printf "# not measured: %s\n", what[i]
		nr_missing++
	}
	verdict(nr_timed && !nr_missing, sprintf("everything was measured, %d rows", nr_timed))
}

function verdicts(	i)
{
	printf "\n"
	if (only_timed) {
		native_verdict()
		return
	}
	for (i = 1; i <= t; i++)
		target(i)
	for (i = 1; i <= nr_missing; i++)
		printf "# not measured: %s\n", missing[i]
	verdict(!nr_missing, "everything was measured")
	for (i = 1; i <= nr_apart; i++)
		printf "# %s: %.1f, then %.1f\n", apart[i], count[apart[i], 1], count[apart[i], 2]
	verdict(!nr_apart, "two rounds agree within 0.5 %")
}

END {
	printf "{\n  \"kernel\": \"%s\",\n  \"flavour\": \"%s\",\n  \"compiler\": \"%s\",\n",
		kernel, flavour, compiler >json
	printf "  \"counted\": [" >json
	if (!only_timed)
		counted_table()
	printf "\n  ],\n  \"timed\": [" >json
	timed_table()
	printf "\n  ],\n  \"targets\": [" >json
	verdicts()
	printf "\n  ]\n}\n" >json
	printf "verdict %d %d\n", passed, failed
}
