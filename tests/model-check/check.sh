#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The protocols as Spin models: each must hold in every state, and each mistake
# that a model can make on purpose must be found.
# usage: tests/model-check/check.sh [WORK_DIR]
set -u
HERE=$(cd "$(dirname "$0")" && pwd)
WORK=${1:-build/model-check}
command -v spin >/dev/null || { echo "SKIPPED: no spin"; exit 77; }
rm -rf "$WORK"
mkdir -p "$WORK" && cd "$WORK" || exit 1
passed=0
failed=0

# search MODEL DEFINES... - all states of a model; what was found in out
search() {
	model=$1
	shift
	spin -a "$@" "$HERE/$model.pml" >spin.log 2>&1 &&
	    gcc -O1 -w -DSAFETY -DCOLLAPSE -DVECTORSZ=2048 -o pan pan.c &&
	    timeout 120 ./pan -m100000 -n >out || { cat spin.log; return 1; }
	# a search that was cut short has seen nothing
	! grep -qE 'max search depth too small|out of memory|truncated' out
}

# holds, finds MODEL DEFINES... - no state may be wrong; one has to be
holds() {
	if search "$@" && grep -q 'errors: 0' out; then
		passed=$((passed + 1))
		echo "$*: $(grep -m1 -oE '[0-9]+ states' out) are right"
	else
		failed=$((failed + 1))
		echo "$*: FAILED"
		cat out
	fi
}
finds() {
	if search "$@" && grep -q 'errors: [1-9]' out; then
		passed=$((passed + 1))
		echo "$*: found: $(grep -m1 'pan:1' out)"
	else
		failed=$((failed + 1))
		echo "$*: FAILED, the mistake was not found"
		cat out
	fi
}

holds reservation -DSPARE=0 -DSIZE0=1 -DSIZE1=2
holds reservation -DSPARE=1 -DSIZE0=1 -DSIZE1=2
for mistake in 1 2 3 4 5 6 7; do
	finds reservation -DSPARE=0 -DSIZE0=1 -DSIZE1=2 -DBROKEN=$mistake
done
finds reservation -DSPARE=1 -DSIZE0=1 -DSIZE1=2 -DBROKEN=8
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
