# SPDX-License-Identifier: GPL-2.0
#
# Holds what was counted against the figures that are kept.
#
#	awk -f compare.awk figures.json counted
#
# Ends with a line "verdict PASSED FAILED".

# A row of bench.json
/"instructions":/ {
	split($0, part, "\"")
	name[++n] = part[4]
	sub(/.*"instructions": */, "")
	kept[part[4]] = $0 + 0
	next
}

# Of counted, the first round
NF == 7 && $2 == 1 { count[$1] = $3 }

END {
	for (i = 1; i <= n; i++) {
		# The one waits for grace periods, the others are sums.
		if (name[i] ~ /^(teardown|floor)/)
			continue
		ratio = count[name[i]] / kept[name[i]]
		good = ratio > 0 && ratio <= 1.03
		if (good)
			passed++
		else
			failed++
		printf "%s %d %s: %.0f, kept %.0f (%+.2f %%)\n", good ? "ok" : "not ok",
			passed + failed, name[i], count[name[i]], kept[name[i]],
			100 * (ratio - 1)
	}
	printf "verdict %d %d\n", passed, failed
}
