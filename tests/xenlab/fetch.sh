#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What the Xen tests boot, from Debian, unpacked and never installed: the
# hypervisor's, kernel's and utilities' own install scripts would change how
# this machine boots.
# usage: fetch.sh DIR   (fills DIR/root, DIR/xen, DIR/vmlinux, DIR/kver)
# exit status 77: cannot be had here.
set -uo pipefail
LAB=$1
XEN=4.17
mkdir -p "$LAB/debs" "$LAB/root"

skip() {
	echo "SKIPPED: $*"
	exit 77
}

# kernel_package - the package behind linux-image-amd64; empty: not known
kernel_package() {
	apt-cache depends linux-image-amd64 2>/dev/null |
	    awk '/Depends: linux-image-/ { print $2; exit }'
}

# refresh - apt's lists, once, when a package is not in them
refresh() {
	[ ! -e "$LAB/.refreshed" ] || return 1
	touch "$LAB/.refreshed"
	sudo=
	[ "$(id -u)" = 0 ] || sudo=sudo
	$sudo apt-get update -qq
}

# deb_of PACKAGE - its file, downloaded when it is not there yet
deb_of() {
	ls "$LAB"/debs/"$1"_*.deb >/dev/null 2>&1 ||
	    (cd "$LAB/debs" && apt-get download -qq "$1") >&2 ||
	    { refresh >&2 && (cd "$LAB/debs" && apt-get download -qq "$1") >&2; }
	ls -t "$LAB"/debs/"$1"_*.deb 2>/dev/null | head -1
}

# unpack PACKAGE [PATTERN...] - into DIR/root, once; all of it, or some files
unpack() {
	p=$1
	done=$LAB/.$p.$(echo "$*" | cksum | cut -d' ' -f1).done
	shift
	[ ! -e "$done" ] || return 0
	deb=$(deb_of "$p")
	[ -n "$deb" ] || skip "$p is not to be had from Debian's archive here"
	dpkg-deb --fsys-tarfile "$deb" |
	    tar -x -C "$LAB/root" --wildcards "$@" || exit 1
	touch "$done"
	echo "have $p"
}

rm -f "$LAB/.refreshed"
[ -s "$LAB/kver" ] || {
	kernel=$(kernel_package)
	[ -n "$kernel" ] || { refresh && kernel=$(kernel_package); }
	[ -n "$kernel" ] || skip "no linux-image-amd64 in apt's lists"
	echo "${kernel#linux-image-}" >"$LAB/kver"
}
KVER=$(cat "$LAB/kver")
unpack "xen-hypervisor-$XEN-amd64" ./boot
unpack "xen-utils-$XEN" "./usr/lib/xen-$XEN/bin"
unpack xen-utils-common ./etc/xen
unpack xenstore-utils ./usr/bin
unpack busybox-static ./bin
unpack "linux-image-$KVER" ./boot "*/drivers/xen/*" \
    "*/ethernet/intel/e1000/*" "*/block/zram/*" "*/mm/zsmalloc.ko"
# QEMU does not gunzip a multiboot image, and un-xz of a bzImage costs four
# seconds under emulation: both go in as plain ELF files.
[ -s "$LAB/xen" ] || zcat "$LAB/root/boot/xen-$XEN-amd64.gz" >"$LAB/xen"
[ -s "$LAB/vmlinux" ] || {
	image=$LAB/root/boot/vmlinuz-$KVER
	at=$(LC_ALL=C grep -abo $'\xFD7zXZ' "$image" | head -1 | cut -d: -f1)
	# xz complains of what follows its stream: readelf judges.
	tail -c +"$((at + 1))" "$image" |
	    xz -dc --single-stream 2>/dev/null >"$LAB/vmlinux.new"
	# What only encrypted memory needs, behind what is zero: without it the
	# file is 24 MiB shorter, which every guest's start reads.
	objcopy -R .init.scratch "$LAB/vmlinux.new" || exit 1
	mv "$LAB/vmlinux.new" "$LAB/vmlinux"
}
