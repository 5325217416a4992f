# SPDX-License-Identifier: GPL-2.0
# gnuplot -e "data='FILE'; out='FILE'": lying bars, the first one on top
set datafile separator "\t"
stats data using 2 nooutput
n = STATS_records
set terminal svg size 1000, 60 + 22 * n font "sans,12" background "white"
set output out
set title "Instructions, by the null hypercall"
set yrange [n - 0.5 : -0.5]
set xrange [0:STATS_max * 1.1]
set grid xtics
set style fill solid 0.8 noborder
set lmargin 62
unset key
set palette defined (0 "white", 1 "#2a7f62", 2 "#b0b0b0", 3 "#c0504d")
set cbrange [0:3]
unset colorbox
plot data using 2:0:(0):2:($0 - 0.4):($0 + 0.4):3:ytic(1) with boxxyerror palette, \
     data using ($2 > 0 ? $2 : 1/0):0:(sprintf(" %.2f", $2)) with labels left
