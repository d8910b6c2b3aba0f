# SPDX-License-Identifier: BSD-2-Clause
"""Guests: found by themselves, moved within their ranges, paused, restarted,
ended in the middle."""
import threading

from dom0 import KIB, LEAST_MIB, MIB, PAGE, XenAPI
from story import kib

# name, type, memory and maxmem in MiB, vCPUs
# Two has all of its memory: Xen looks for zeros in all of a PVH guest that has
# not, which takes minutes under emulation.
GUESTS = (("one", "pv", 192, 320, 1), ("two", "pvh", 256, 256, 2))


def discovered(s):
    """xl's guests become VM records, and Xen's figures theirs"""
    x = s.x
    for name, kind, memory, maxmem, vcpus in GUESTS:
        guest = s.guest(name, kind, memory, maxmem, vcpus)
        vm = s.find(name)
        s.follows("%s runs here" % name, lambda: (
            x.VM.get_power_state(vm), x.VM.get_resident_on(vm),
            x.VM.get_domid(vm)), ("Running", s.host, str(guest.domid)))
        s.same("%s: type, vCPUs" % name,
               (x.VM.get_domain_type(vm), x.VM.get_VCPUs_max(vm)),
               (kind, str(vcpus)))
        s.same("%s: static_max is xenstore's" % name,
               int(x.VM.get_memory_static_max(vm)),
               int(guest.read("memory/static-max")) * KIB)
        s.same("%s: its uuid is the domain's" % name, x.VM.get_uuid(vm),
               guest.uuid_in_xen())
    for name, guest in s.guests.items():
        guest.ready()
        s.lab.log("%s has booted" % name)
        s.is_actual("%s: memory_actual is Xen's" % name, s.vm(name), guest)
    s.is_exact("memory_free is still Xen's, to the page")


def moved(s):
    """a dynamic range moves the guest's own balloon, down and up"""
    x = s.x
    for name, guest in s.guests.items():
        vm = s.vm(name)
        s.set_range(vm, 128, 128)
        s.same("%s: dynamic range" % name,
               (x.VM.get_memory_dynamic_min(vm),
                x.VM.get_memory_dynamic_max(vm)), (str(128 * MIB),) * 2)
        x.VM.wait_memory_target_live(vm)
        s.same("%s: target and range in xenstore" % name,
               (guest.read("memory/target"), guest.read("memory/dynamic-min"),
                guest.read("memory/dynamic-max")), (kib(128),) * 3)
        s.holds("%s holds 128 MiB" % name, guest, 128)
        s.is_actual("%s: memory_actual followed" % name, vm, guest)
        s.true("%s: Xen holds it to its target" % name,
               guest.xen()["max_kib"] <= 128 * KIB + 2 * KIB,
               guest.xen())
        s.set_range(vm, 256, 256)
        x.VM.wait_memory_target_live(vm)
        s.holds("%s holds 256 MiB%s" % (
            name, ", beyond what xl's cap allowed"
            if guest.memory_mib < 256 else ""), guest, 256)
        s.is_actual("%s: memory_actual followed up" % name, vm, guest)
        s.follows("%s obeys" % name, lambda: x.VM.get_cooperative(vm), True)
    s.is_exact("memory_free followed, to the page")


def refused(s):
    """limits that cannot be are refused and change nothing"""
    x = s.x
    vm, guest = s.vm("one"), s.guests["one"]
    before = guest.read("memory/target")
    s.fails("above static_max", ["MEMORY_CONSTRAINT_VIOLATION_ORDER"],
            x.VM.set_memory_dynamic_range, vm, str(128 * MIB),
            str(1024 * MIB))
    s.fails("more than the host has", ["MEMORY_CONSTRAINT_VIOLATION_ORDER"],
            x.VM.set_memory_dynamic_range, vm, str(1 << 45), str(1 << 45))
    s.fails("limits of a running VM", ["VM_BAD_POWER_STATE", vm],
            x.VM.set_memory_limits, vm, "0", str(MIB), "0", str(MIB))
    s.fails("we build no domains", ["NOT_IMPLEMENTED"],
            x.VM.clean_reboot, vm)
    s.same("nothing has changed", guest.read("memory/target"), before)


def paused(s):
    """a paused guest is seen as such, and obeys when it runs again"""
    x = s.x
    vm, guest = s.vm("one"), s.guests["one"]
    guest.xl("pause")
    s.follows("it is Paused", lambda: s.state("one"), "Paused")
    s.fails("its range cannot be set", ["VM_BAD_POWER_STATE", vm],
            x.VM.set_memory_dynamic_range, vm, str(128 * MIB),
            str(128 * MIB))
    guest.xl("unpause")
    s.follows("it is Running again", lambda: s.state("one"), "Running")
    s.set_range(vm, 160, 160)
    x.VM.wait_memory_target_live(vm)
    s.holds("it obeys again", guest, 160)


def shadow(s):
    """a shadow multiplier changes what Xen sets aside"""
    x = s.x
    vm, guest = s.vm("two"), s.guests["two"]
    before = guest.shadow_mib()
    x.VM.set_shadow_multiplier_live(vm, 4.0)
    # spec D.1: pages for vCPUs and for memory, rounded up to MiB, times 4
    usual = -(-(256 * guest.vcpus + 2 * guest.maxmem_mib) // 256)
    s.follows("Xen's allocation is what the model says", guest.shadow_mib,
              4 * usual)
    s.true("it grew", guest.shadow_mib() > before, before)
    s.is_exact("memory_free followed, to the page")


def restarted(s):
    """limits set while it is halted bind at the guest's next start"""
    x = s.x
    vm, guest = s.vm("one"), s.guests["one"]
    uuid = x.VM.get_uuid(vm)
    s.set_range(vm, 128, 192)
    s.lab.sh("xl shutdown -w %d" % guest.domid, 90)
    s.follows("it is Halted", lambda: s.state("one"), "Halted")
    s.is_exact("its memory is free again, to the page")
    x.VM.set_memory_limits(vm, "0", str(320 * MIB), str(144 * MIB),
                           str(144 * MIB))
    guest.uuid = uuid
    guest.create()
    s.follows("it is Running, in the same record", lambda: (
        s.vm("one"), s.state("one"), x.VM.get_domid(vm)),
        (vm, "Running", str(guest.domid)))
    s.follows("its range is in xenstore", lambda: (
        guest.read("memory/dynamic-min"), guest.read("memory/dynamic-max")),
        (kib(144),) * 2)
    guest.ready()
    s.holds("it holds what its record says", guest, 144)


def vanished(s):
    """a guest that vanishes while it is waited for ends the wait"""
    guest = s.guests.pop("two")
    vm = s.vm("two")
    outcome = []

    def ask():
        session = XenAPI.Session("https://127.0.0.1:%d/" % s.lab.api_port)
        session._session = s.daemon.session._session
        try:
            session.xenapi.VM.set_memory_dynamic_range(
                vm, str(LEAST_MIB * MIB), str(LEAST_MIB * MIB))
            session.xenapi.VM.wait_memory_target_live(vm)
            outcome.append("done")
        except XenAPI.Failure as e:
            outcome.append(e.details[0])
        except OSError as e:
            outcome.append(repr(e))
    waiter = threading.Thread(target=ask)
    waiter.start()
    s.soon("it is asked for memory", lambda: guest.read(
        "memory/target") == kib(LEAST_MIB))
    guest.destroy()
    waiter.join(90)
    s.true("the caller has an answer", bool(outcome), outcome)
    s.true("it is a documented one: %s" % outcome[0], outcome[0] in (
        "done", "VM_BAD_POWER_STATE", "HANDLE_INVALID"), outcome)
    s.follows("its record is Halted", lambda: s.state("two"), "Halted")
    s.is_exact("its memory is free again, to the page")


def stopped(s):
    """guests end, the host is as it was"""
    for name in list(s.guests):
        s.guests.pop(name).destroy()
    s.soon("no VM runs but dom0", lambda: all(
        s.x.VM.get_power_state(vm) == "Halted" or
        s.x.VM.get_is_control_domain(vm) for vm in s.x.VM.get_all()))
    s.is_exact("memory_free is Xen's, to the page")
    metrics = s.x.host.get_metrics(s.host)
    s.same("memory_total has not changed", int(
        s.x.host_metrics.get_memory_total(metrics)),
        s.pages()["total"] * PAGE // MIB * MIB)
