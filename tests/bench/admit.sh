#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Instructions of one assert_can_boot_here with 10 and with 100,000 VMs.
# usage: admit.sh BENCH_ADMIT DIR
set -eu
calls=1000
count() {
	out="$2/callgrind.$1"
	valgrind --tool=callgrind --callgrind-out-file="$out" \
	    --collect-atstart=no \
	    "$3" "$1" "$calls" >"$out.log" 2>&1
	awk '/^summary:/ {print $2}' "$out"
}
few=$(count 10 "$2" "$1")
many=$(count 100000 "$2" "$1")
awk -v a="$few" -v b="$many" -v n="$calls" 'BEGIN {
	printf "10 VMs: %.0f instructions a call; 100,000 VMs: %.0f; ", a/n, b/n
	printf "ratio %.3f (budget 1.1)\n", b/a }'
