#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# All of `make check`, phase by phase; prints what each took and why one failed.
# usage: tests/check.sh [PHASE...]   (default: all)
set -u
cd "$(dirname "$0")/.." || exit 1
LOG=build/log
mkdir -p "$LOG"
MAKE=${MAKE:-make}
JOBS=${JOBS:-2}
PY=/usr/bin/python3
passed=0
failed=0
skipped=0
table=

# phase NAME COMMAND... - run it, log it, time it; exit status 77: not tested
phase() {
	name=$1
	shift
	case " $want " in *" $name "*|"  ") ;; *) return ;; esac
	start=$(date +%s)
	printf '%-12s ' "$name"
	"$@" >"$LOG/$name.log" 2>&1
	case $? in
	0) passed=$((passed + 1)); word=ok ;;
	77) skipped=$((skipped + 1)); word=SKIPPED ;;
	*) failed=$((failed + 1)); word=FAILED ;;
	esac
	took=$(($(date +%s) - start))
	printf '%-7s %4d s  %s\n' "$word" "$took" \
	    "$(grep -aE '^(Synthesis|SKIPPED|[0-9]+ (passed|rounds|files))' \
	    "$LOG/$name.log" 2>/dev/null | tail -1 | tr -d '\033')"
	[ "$word" != FAILED ] || tail -n 40 "$LOG/$name.log"
}

# suites DIR - every Criterion program of a build; one line each
suites() {
	rc=0
	total=0
	for t in "$1"/tests/unit-*; do
		[ -x "$t" ] || continue
		echo "== $t"
		rm -f "$t".san.*
		ASAN_OPTIONS="log_path=$t.san:detect_leaks=1:$ASAN_MORE" \
		UBSAN_OPTIONS="print_stacktrace=1:log_path=$t.san" \
		    timeout 900 "$t" --jobs "$JOBS" --color=never || rc=1
		total=$((total + 1))
		# Criterion calls a leaking test passed: the reports count.
		for r in "$t".san.*; do
			[ -f "$r" ] || continue
			echo "-- sanitizer report $r"
			cat "$r"
			rc=1
		done
	done
	[ "$total" -gt 0 ] || { echo "no suite was built"; rc=1; }
	return $rc
}

unit() { ASAN_MORE= suites build; }
asan() {
	ASAN_MORE=allocator_may_return_null=1
	$MAKE -j"$JOBS" O=build/asan SAN=address,undefined OPT=-O1 \
	    variant-tests && suites build/asan
}
tsan() {
	$MAKE -j"$JOBS" O=build/tsan SAN=thread OPT=-O1 variant-stress ||
	    return 1
	rc=0
	for t in build/tsan/tests/stress-*; do
		case $t in *.a) continue ;; esac
		echo "== $t"
		TSAN_OPTIONS=halt_on_error=0:exitcode=66 timeout 600 "$t" ||
		    { echo "$t: exit status $?"; rc=1; }
	done
	return $rc
}
# on_asan SCRIPT..., on_tsan SCRIPT... - clients of a daemon built so: less of
# what is repeated, and memory is the sanitizer's
scripts() {
	for script in "$@"; do
		echo "== $script"
		EVENTS_BOUND_KIB=500 EVENTS_PARKED=400 MISUSE_EVERY=5 \
		    $PY "tests/clients/$script.py" || return
	done
}
on_asan() {
	ASAN_OPTIONS=detect_leaks=1 DAEMON=build/asan/xenapi-memoryd \
	    scripts "$@"
}
on_tsan() {
	TSAN_OPTIONS=exitcode=66 DAEMON=build/tsan/xenapi-memoryd scripts "$@"
}
clang_build() {
	$MAKE -j"$JOBS" O=build/clang CC=clang variant-tests
}
purity() { sh tests/model/check_purity.sh; }
contract() { $PY tests/clients/contract.py; }
diskfull() { $PY tests/clients/diskfull.py; }
hypervisor() { $PY tests/clients/hypervisor.py; }
install() { $PY tests/clients/install.py; }
hostile() { $PY tests/clients/hostile.py; }
client() { $PY tests/clients/os_xenapi.py; }
npm() { $PY tests/clients/npm_xen_api.py; }
replay() { $PY tests/clients/replay.py; }
curl_wire() { $PY tests/clients/wire_curl.py; }
json() { $PY tests/clients/json_rpc.py; }
misuse() { $PY tests/clients/misuse.py; }
roles() {
	$MAKE build/make-certs && $PY tests/clients/roles.py
}
asan_roles() { $MAKE build/make-certs && on_asan roles; }
tsan_roles() { $MAKE build/make-certs && on_tsan roles; }
wire() { $PY tests/clients/wire.py; }
xe() { $PY tests/clients/xe.py; }
thin_cli() { $PY tests/clients/thin_cli.py; }
asan_xe() {
	ASAN_OPTIONS=detect_leaks=1 XE=build/asan/xe-memory \
	LSAN_OPTIONS=suppressions=tests/clients/xe.supp:print_suppressions=0 \
	    $PY tests/clients/xe.py
}
events() { $PY tests/clients/events.py; }
reserve() {
	$PY tests/clients/full_host.py && $PY tests/clients/reservations.py
}
race() { $PY tests/clients/race.py; }
crash() { $PY tests/clients/crash.py "${CRASH_ROUNDS:-200}"; }
fuzz() { $MAKE fuzz-bounded; }
xenstore() { timeout 300 $PY tests/xenlab/store.py; }
xen() { timeout 900 $PY tests/xenlab/xen.py xenstored oxenstored; }
xen_stats() { timeout 900 $PY tests/xenlab/xen.py statistics; }
style() { $MAKE -j"$JOBS" style; }
spin() { sh tests/model-check/check.sh; }
nothing_to_do() { $MAKE -q build; }

want="$*"
phase unit unit
phase rebuild nothing_to_do
phase purity purity
phase style style
phase spin spin
phase contract contract
phase client client
phase npm npm
phase replay replay
phase json json
phase misuse misuse
phase curl curl_wire
phase xe xe
phase events events
phase reserve reserve
phase roles roles
phase thin-cli thin_cli
phase wire wire
phase diskfull diskfull
phase hypervisor hypervisor
phase install install
phase hostile hostile
phase xenstore xenstore
phase xen xen
phase xen-stats xen_stats
phase clang clang_build
phase asan asan
phase asan-client on_asan os_xenapi replay
phase asan-npm on_asan npm_xen_api
phase asan-xe asan_xe
phase asan-roles asan_roles
phase asan-cli on_asan thin_cli
phase asan-wire on_asan wire json_rpc misuse
phase asan-events on_asan events reservations
phase tsan tsan
phase tsan-client on_tsan crowd os_xenapi replay
phase tsan-npm on_tsan npm_xen_api
phase tsan-roles tsan_roles
phase tsan-cli on_tsan thin_cli xe
phase tsan-wire on_tsan wire json_rpc misuse reservations
phase tsan-events on_tsan events
phase race race
phase crash crash
phase fuzz fuzz
echo "logs of all phases: $LOG/"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
