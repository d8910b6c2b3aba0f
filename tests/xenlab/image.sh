#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The initial file system of dom0, with that of its guests inside.
# usage: image.sh DIR PROGRAM... [-- PROGRAM...]   (DIR as fetch.sh made it;
# PROGRAMs with their shared libraries go to /usr/sbin: of dom0, and behind the
# -- of guests)
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
LAB=$1
shift
HOST=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
	HOST+=("$1")
	shift
done
GUEST=("${@:2}")
ROOT=$LAB/root
XENBIN=/usr/lib/xen-4.17/bin
MODULES=$ROOT/lib/modules/$(cat "$LAB/kver")/kernel
DOM0=$LAB/dom0
DOMU=$LAB/domu
rm -rf "$DOM0" "$DOMU"
mkdir -p "$DOM0"/{bin,boot,etc/xen,lib/modules,usr/bin,usr/sbin,proc,sys,dev} \
    "$DOM0"/{tmp,root,run/{xen,xenstored,lock}} \
    "$DOM0"/var/{lib/{xen,xenstored},log/xen} \
    "$DOMU"/{bin,sbin,lib/modules,proc,sys,dev,tmp}
ln -s /run "$DOM0/var/run"
ln -s /run/lock "$DOM0/var/lock"

# put ROOT TARGET FILE - a program and every shared library that it needs
put() {
	install -D "$3" "$1$2"
	ldd "$3" 2>/dev/null | grep 'not found' && exit 1
	{ ldd "$3" 2>/dev/null || true; } |
	    awk '/=> \//{print $3} /^\t\/lib64/{print $1}' |
	    while read -r lib; do
		[ -e "$1$lib" ] || install -D "$(readlink -f "$lib")" "$1$lib"
	done
}

# cpio_of DIR FILE - not compressed: gunzip is slow under emulation
cpio_of() {
	(cd "$1" && find . | cpio -o -H newc -R 0:0 --quiet) >"$2"
}

# pthread_cancel, which closing a xenstore connection calls, loads libgcc_s
# at run time: ldd does not show it.
gcc_s=/lib/x86_64-linux-gnu/libgcc_s.so.1
for root in "$DOM0" "$DOMU"; do
	install -D "$(readlink -f $gcc_s)" "$root$gcc_s"
	install "$ROOT/bin/busybox" "$root/bin/busybox"
	# Here: four hundred links take seconds to make under emulation.
	"$ROOT/bin/busybox" --list | while read -r applet; do
		[ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
	done
done

# ---- a guest ----
install -m755 "$HERE/init.domu" "$DOMU/init"
install -m755 "$HERE/init.stats" "$DOMU/init.stats"
for b in read write watch; do
	put "$DOMU" "/bin/xenstore-$b" "$ROOT/usr/bin/xenstore-$b"
done
for program in "${GUEST[@]}"; do
	put "$DOMU" "/usr/sbin/$(basename "$program")" "$program"
done
for m in drivers/xen/{xen-privcmd,xenfs/xenfs} mm/zsmalloc \
    drivers/block/zram/zram; do
	cp "$MODULES/$m.ko" "$DOMU/lib/modules/"
done
# control/shutdown makes a Linux guest run these
for c in poweroff reboot; do
	printf '#!/bin/busybox sh\nexec /bin/busybox %s -f\n' $c >"$DOMU/sbin/$c"
	chmod 755 "$DOMU/sbin/$c"
done
cpio_of "$DOMU" "$DOM0/boot/guest.cpio"
ln "$LAB/vmlinux" "$DOM0/boot/guest.kernel" 2>/dev/null ||
    cp "$LAB/vmlinux" "$DOM0/boot/guest.kernel"

# ---- dom0 ----
install -m755 "$HERE/init.dom0" "$DOM0/init"
for b in xenstored oxenstored xenconsoled xen-init-dom0 xl libxl-save-helper \
    xenstore-control; do
	put "$DOM0" "$XENBIN/$b" "$ROOT$XENBIN/$b"
done
for b in ls read write list rm exists chmod watch; do
	put "$DOM0" "/usr/bin/xenstore-$b" "$ROOT/usr/bin/xenstore-$b"
done
for m in drivers/xen/xen-{privcmd,evtchn,gntdev,gntalloc} \
    drivers/xen/xenfs/xenfs drivers/net/ethernet/intel/e1000/e1000; do
	cp "$MODULES/$m.ko" "$DOM0/lib/modules/"
done
# oxenstored has no default of its own for some of these
cp "$ROOT/etc/xen/oxenstored.conf" "$DOM0/etc/xen/"
echo 'autoballoon=0' >"$DOM0/etc/xen/xl.conf"
printf 'root:x:0:0:root:/root:/bin/sh\n' >"$DOM0/etc/passwd"
printf 'root:x:0:\n' >"$DOM0/etc/group"
printf '127.0.0.1 localhost\n' >"$DOM0/etc/hosts"
for program in "${HOST[@]}"; do
	put "$DOM0" "/usr/sbin/$(basename "$program")" "$program"
done
cpio_of "$DOM0" "$LAB/dom0.cpio"
