#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What `make check` runs, phase by phase; lanes.py runs them side by side.
# usage: tests/check.sh [PHASE...]      (default: all)
#        tests/check.sh --only PHASE    here, without lanes and without a log
set -u
cd "$(dirname "$0")/.." || exit 1
MAKE=${MAKE:-make}
JOBS=${JOBS:-$(nproc)}
PY=/usr/bin/python3
export MAKE JOBS

# phase NAME SECONDS AFTER COMMAND... - a row: it is ended after so long; the
# phases whose end it waits for: NAME,..., -: none, if:NAME: if it is run
phase() {
	if [ "$1" = "$only" ]; then
		shift 3
		"$@"
		exit
	fi
	[ -n "$only" ] || echo "$1 $2 $3"
}

# suite PROGRAM - one Criterion program.  Once, on a very busy machine, Criterion
# could not start the process of a test and gave up (why is not known): with
# exactly that text it is tried again, and the log says so.
suite() {
	for try in 1 2 3; do
		{
			"$1" --jobs "$JOBS" --color=never 2>&1
			echo $? >"$1.status"
		} | tee "$1.log"
		[ "$(cat "$1.status")" -ne 0 ] || return 0
		grep -aq "Could not spawn test instance" "$1.log" || return 1
		echo "-- the suite again, after try $try"
	done
	return 1
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
		    suite "$t" || rc=1
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

build() {
	$MAKE -j"$JOBS" build variant-tests variant-bench build/make-certs
}
unit() { ASAN_MORE= suites build; }
# everything once more by clang, for the suites, the clients and libFuzzer
asan_build() { $MAKE -j"$JOBS" asan-build; }
asan() { ASAN_MORE=allocator_may_return_null=1 suites build/asan; }
tsan_build() {
	$MAKE -j"$JOBS" O=build/tsan SAN=thread OPT=-O1 variant-stress
}
tsan() {
	rc=0
	for t in build/tsan/tests/stress-*; do
		case $t in *.a) continue ;; esac
		echo "== $t"
		TSAN_OPTIONS=halt_on_error=0:exitcode=66 "$t" ||
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
roles() { $PY tests/clients/roles.py; }
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
xenstore() { $PY tests/xenlab/store.py; }
xen() { $PY tests/xenlab/xen.py xenstored oxenstored; }
xen_stats() { $PY tests/xenlab/xen.py statistics; }
systemd() { $PY tests/xenlab/units.py; }
style() { $MAKE -j"$JOBS" style; }
spin() { sh tests/model-check/check.sh; }
nothing_to_do() { $MAKE -q build; }

only=
case ${1-} in
--only) only=$2 ;;
--list) ;;
*) exec $PY tests/lanes.py "$@" ;;
esac

# In the order of their starts: what others wait for and what takes long first.
phase build 1800 - build
phase unit 600 build unit
phase rebuild 60 build nothing_to_do
phase purity 120 build purity
phase asan-build 1800 build asan_build
phase xenstore 300 build xenstore
phase xen-stats 1200 build,if:xenstore xen_stats
phase xen 1200 build,if:xen-stats xen
phase systemd 600 build,if:xen-stats,if:xen,if:install systemd
phase style 1800 build style
phase tsan-build 1800 build,if:asan-build tsan_build
phase asan 900 asan-build asan
phase fuzz 900 asan-build fuzz
phase spin 300 - spin
phase contract 300 build contract
phase client 300 build client
phase npm 900 build npm
phase replay 300 build replay
phase json 300 build json
phase misuse 300 build misuse
phase curl 300 build curl_wire
phase xe 300 build xe
phase events 300 build events
phase reserve 300 build reserve
phase roles 300 build roles
phase thin-cli 300 build thin_cli
phase wire 300 build wire
phase diskfull 300 build diskfull
phase hypervisor 300 build hypervisor
phase install 300 build install
phase hostile 300 build hostile
phase asan-client 300 asan-build on_asan os_xenapi replay
phase asan-npm 900 asan-build,if:npm on_asan npm_xen_api
phase asan-xe 300 asan-build asan_xe
phase asan-roles 300 asan-build on_asan roles
phase asan-cli 300 asan-build on_asan thin_cli
phase asan-wire 300 asan-build on_asan wire json_rpc misuse
phase asan-events 600 asan-build on_asan events reservations
phase tsan 900 tsan-build tsan
phase tsan-client 600 tsan-build on_tsan crowd os_xenapi replay
phase tsan-npm 900 tsan-build,if:npm on_tsan npm_xen_api
phase tsan-roles 300 tsan-build on_tsan roles
phase tsan-cli 600 tsan-build on_tsan thin_cli xe
phase tsan-wire 600 tsan-build on_tsan wire json_rpc misuse reservations
phase tsan-events 300 tsan-build on_tsan events
phase race 300 build race
phase crash 300 build crash
[ -z "$only" ] || { echo "there is no phase $only"; exit 1; }
