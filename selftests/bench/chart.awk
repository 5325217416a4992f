# SPDX-License-Identifier: GPL-2.0
#
# The bars of the chart: label, tab, how many null hypercalls, tab, colour.
# Sections are parted by an empty bar.

/^#/ || !NF { next }

FILENAME ~ /rows$/ {
	is_section[++n] = /^=/
	what[n] = $1
	label[n] = $0
	sub(/^[^ \t]+[ \t]+/, "", label[n])
	gsub(/_/, "\\\\\\\\_", label[n])
	next
}

$2 == 1 { count[$1] = $3 }

function colour(name) { return name ~ /module/ ? 1 : name ~ /qemu/ ? 3 : 2 }

END {
	null = count["null.absent"]
	for (i = 1; i <= n; i++) {
		if (is_section[i])
			shown = label[i] ~ /slot freed|same with|newly set|already set|^From one VM/
		if (is_section[i] && shown)
			printf "{/:Bold %s}\t0\t0\n", label[i]
		else if (shown && null && what[i] in count)
			printf "%s\t%.3f\t%d\n", label[i], count[what[i]] / null, colour(what[i])
	}
}
