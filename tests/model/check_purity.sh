#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# check_purity.sh - libmodel.a needs libc and libm, and of those nothing that
# reaches outside the process
#
# usage: tests/model/check_purity.sh [build/libmodel.a]
# The symbols that the archive leaves undefined must be defined by libc.so.6 or
# libm.so.6, and be no file, socket, clock, random, thread, environment or
# standard stream function.  Prints what breaks the rule and exits 1.
# Meant for a build without sanitizers: those bring symbols of their own.
set -eu

lib=${1:-build/libmodel.a}
cc=${CC:-gcc}

# What "no I/O, no clock, no log, no thread" means, as whole names.
denied='open(at)?(64)?|creat(64)?|p?(read|write)v?(2|64)?|close|lseek(64)?
ftruncate(64)?|f(data)?sync|sync|unlink(at)?|rename(at2?)?|mkdir(at)?|rmdir
l?stat(64)?|fstat(at)?(64)?|access|ioctl|fcntl(64)?|mmap(64)?|syscall
f(d|re)?open(64)?|fclose|fflush|fread|fwrite|fgets|fgetc|getline|getchar
fputs|fputc|puts|putc|putchar|perror|std(in|out|err)|tmpfile(64)?
v?f?printf|v?dprintf|__v?f?printf_chk|__v?dprintf_chk|v?f?scanf
socket(pair)?|connect|bind|listen|accept4?|send(to|msg)?|recv(from|msg)?
poll|ppoll|select|epoll_.*|eventfd|pipe2?|getaddrinfo|gethostby.*
time|clock|clock_.*|gettimeofday|localtime(_r)?|nanosleep|u?sleep|timer_.*
getrandom|getentropy|s?rand|rand_r|s?random(_r)?|[dlmn]rand48|arc4random.*
pthread_.*|thrd_.*|mtx_.*|cnd_.*|tss_.*|sem_.*|fork|vfork|clone
exec.*|system|popen|posix_spawn.*|kill|raise|signal|sigaction
(secure_)?getenv|setenv|putenv|v?syslog|openlog|exit|_exit|atexit
dlopen|dlsym|getpid|getuid|geteuid|setlocale'
denied=$(printf '%s' "$denied" | tr '\n' '|')

if [ ! -f "$lib" ]; then
	echo "check_purity: no $lib: make build first" >&2
	exit 1
fi
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

# names <nm arguments> - sorted symbol names without their versions
names()
{
	nm "$@" | awk 'NF >= 2 { sub(/@.*/, "", $NF); print $NF }' |
	    LC_ALL=C sort -u
}

names --undefined-only "$lib" >"$tmp/needed"
names --defined-only --extern-only "$lib" >"$tmp/own"
for so in libc.so.6 libm.so.6; do
	nm -D --defined-only "$("$cc" -print-file-name=$so)"
done | awk '{ sub(/@.*/, "", $NF); print $NF }' | LC_ALL=C sort -u >"$tmp/c"
# The linker itself provides this one.
echo _GLOBAL_OFFSET_TABLE_ >>"$tmp/c"
LC_ALL=C sort -u -o "$tmp/c" "$tmp/c"

LC_ALL=C comm -23 "$tmp/needed" "$tmp/own" >"$tmp/outside"
LC_ALL=C comm -23 "$tmp/outside" "$tmp/c" >"$tmp/foreign"
grep -Ex "$denied" "$tmp/outside" >"$tmp/impure" || true

rc=0
if [ -s "$tmp/foreign" ]; then
	echo "check_purity: $lib needs what is neither in libc nor in libm:"
	sed 's/^/	/' "$tmp/foreign"
	rc=1
fi
if [ -s "$tmp/impure" ]; then
	echo "check_purity: $lib reaches outside the process:"
	sed 's/^/	/' "$tmp/impure"
	rc=1
fi
if [ $rc = 0 ]; then
	echo "check_purity: $(wc -l <"$tmp/outside") symbols of libc and libm" \
	    "used, none of them impure"
fi
exit $rc
