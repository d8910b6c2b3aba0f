# SPDX-License-Identifier: BSD-2-Clause
"""Worked numbers of the documentation, told through the API: hosts with its
totals, guests with its sizes.  Sections of wire.py.
"""
import tempfile

import daemon
import wire_call
from wire_call import NULL

MIB, GIB = 1 << 20, 1 << 30
HOSTS = """
[host one]
memory = 8192MiB
dom0 = 1GiB
xen = 140032KiB
[host two]
memory = 32GiB
dom0 = 1600000KiB
xen = 306432KiB
[host three]
memory = 16GiB
dom0 = 1310720KiB
xen = 266496KiB
[host four]
memory = 8388800KiB
dom0 = 1GiB
xen = 139200KiB
[host full]
memory = 256MiB
dom0 = 128MiB
xen = 56MiB
"""

# Host: memory_total, memory_overhead, ceiling of its guests.
SAMPLED = {
    "one": (8589934592, 218890240, 8371044352),
    "two": (34359738368, 389283840, 33970454528),
    "three": (17179869184, 348389376, 16831479808),
    "four": (8589934592, 217841664, 8372092928),
}

# Overhead: type, static_max, VCPUs_max, multiplier, memory_overhead.
OVERHEAD = (
    ("hvm", 536870912, 1, 1.0, 8388608),
    ("hvm", 1073741824, 2, 1.0, 13631488),
    ("hvm", 1073741825, 2, 1.0, 14680064),
    ("hvm", 4294967296, 4, 1.0, 40894464),
    ("hvm", 4294967296, 4, 1.5, 59768832),
    ("hvm", 17179869184, 8, 1.1, 160432128),
    ("pvh", 4294967296, 4, 1.0, 40894464),
    ("hvm", 68719476736, 32, 1.0, 577765376),
    ("pv", 1073741824, 1, 1.0, 11534336),
    ("pv", 1073741824, 1, 4.0, 11534336),
    ("pv", 8589934592, 16, 1.0, 88080384),
    ("pv_in_pvh", 1073741824, 1, 1.0, 48234496),
    ("pv_in_pvh", 8589934592, 7, 2.0, 272629760),
    ("pv_in_pvh", 94371840, 1, 1.0, 30408704),
    ("hvm", 1, 1, 1.0, 5242880),
)

# Start: type, static_max, dynamic_min, VCPUs_max, multiplier, needed.
START = (
    ("hvm", 1073741824, 536870912, 2, 1.0, 550502400),
    ("hvm", 1073741824, 1073741824, 2, 1.0, 1087373312),
    ("hvm", 4294967296, 2147483648, 4, 2.0, 2226126848),
    ("hvm", 4294967296, 2147483649, 4, 2.0, 2227175424),
    ("pvh", 2147483648, 1073741824, 1, 1.0, 1094713344),
    ("pv", 1073741824, 268435456, 1, 1.0, 279969792),
    ("pv", 1073741824, 268435456, 1, 3.0, 279969792),
    ("pv", 3145733, 1048577, 1, 1.0, 6291456),
    ("pv_in_pvh", 1073741824, 1073741824, 1, 1.0, 1121976320),
    ("pv_in_pvh", 1073741824, 268435456, 1, 1.0, 1121976320),
    ("hvm", 68719476736, 68719476736, 16, 1.0, 69278367744),
)

# maximise_memory: type, VCPUs_max, multiplier, total, approximate, result.
MAXIMISE = (
    ("hvm", 2, 1.0, 1073741824, False, 1060110336),
    ("hvm", 2, 1.0, 1073741824, True, 985661440),
    ("hvm", 1, 1.0, 4294967296, False, 4257218560),
    ("hvm", 4, 2.0, 17179869184, False, 16904093696),
    ("hvm", 4, 2.0, 17179869184, True, 16770924544),
    ("pv", 1, 1.0, 1073741824, False, 1062207488),
    ("pv", 1, 3.0, 1073741824, False, 1062207488),
    ("pv", 16, 1.0, 8589934592, True, 8445231104),
    ("pv_in_pvh", 1, 1.0, 1073741824, False, 1026555904),
    ("pv_in_pvh", 8, 1.0, 34359738368, False, 33686552576),
    ("pvh", 2, 1.25, 2000000000, False, 1974468608),
    ("hvm", 1, 1.0, 5242880, False, 0),
    ("hvm", 1, 1.0, 6291456, False, 1048576),
    ("hvm", 1, 1.0, 0, False, 0),
)


def make(w, kind, static_max, dynamic_min=None, vcpus=1, multiplier=1.0,
         dynamic_max=None, **more):
    """A new VM of a type; dynamic bounds are static_max unless given."""
    if dynamic_min is None:
        dynamic_min = static_max
    return w.call("VM.create", daemon.vm_record(
        kind, 0, dynamic_min, dynamic_max or static_max, static_max,
        domain_type=kind, VCPUs_max=str(vcpus), VCPUs_at_startup=str(vcpus),
        HVM_shadow_multiplier=multiplier, **more))


def sampled(t, w, hosts):
    for name, (total, overhead, ceiling) in SAMPLED.items():
        host = hosts[name]
        metrics = w.call("host.get_metrics", host)
        dom0 = w.call("VM.get_record", w.call("host.get_control_domain",
                                              host))
        t.is_(name + ": memory_total",
              w.call("host_metrics.get_memory_total", metrics), total)
        t.is_(name + ": memory_overhead",
              w.call("host.get_memory_overhead", host), overhead)
        t.is_(name + ": compute_memory_overhead",
              w.call("host.compute_memory_overhead", host), overhead)
        t.is_(name + ": ceiling", w.call("host.compute_free_memory", host) +
              -(-dom0["memory_dynamic_min"] // MIB) * MIB +
              dom0["memory_overhead"], ceiling)
    t.is_("dom0 of 1 GiB, pv, 4 vCPUs", w.call("VM.get_memory_overhead",
          w.call("host.get_control_domain", hosts["one"])), 14680064)


def overhead(t, w, hosts):
    for kind, size, vcpus, multiplier, want in OVERHEAD:
        vm = make(w, kind, size, None, vcpus, multiplier)
        what = "%s %d %d %s" % (kind, size, vcpus, multiplier)
        t.is_(what, w.call("VM.get_memory_overhead", vm), want)
        t.is_(what + " computed", w.call("VM.compute_memory_overhead", vm),
              want)
        w.call("VM.destroy", vm)


def start(t, w, hosts):
    t.is_("the full host", w.call("host.compute_free_memory", hosts["full"]),
          0)
    for kind, size, guest, vcpus, multiplier, want in START:
        vm = make(w, kind, size, guest, vcpus, multiplier)
        refused = ["HOST_NOT_ENOUGH_FREE_MEMORY", str(want), "0"]
        t.fails(w, refused, "VM.assert_can_boot_here", vm, hosts["full"])
        t.fails(w, refused, "VM.start_on", vm, hosts["full"], False, False)
        free = w.call("host.compute_free_memory", hosts["two"])
        if want <= free:
            w.call("VM.start_on", vm, hosts["two"], False, False)
            t.is_("%s %d: what is counted is what was admitted" %
                  (kind, size), free - w.call("host.compute_free_memory",
                                              hosts["two"]), want)
            w.call("VM.hard_shutdown", vm)
            t.is_("all is back", w.call("host.compute_free_memory",
                                        hosts["two"]), free)
        w.call("VM.destroy", vm)


def maximise(t, w, hosts):
    for kind, vcpus, multiplier, total, approximate, want in MAXIMISE:
        vm = make(w, kind, GIB, None, vcpus, multiplier)
        t.is_("maximise %s %d %s %d" % (kind, vcpus, multiplier, total),
              w.call("VM.maximise_memory", vm, total, approximate), want)
        w.call("VM.destroy", vm)
    vm = make(w, "hvm", GIB)
    t.fails(w, ["INVALID_VALUE", "total", "-1"], "VM.maximise_memory", vm,
            -1, False)
    w.call("VM.destroy", vm)


def admission(t, w, hosts):
    host, small = hosts["one"], "HOST_NOT_ENOUGH_FREE_MEMORY"

    def free():
        return w.call("host.compute_free_memory", host)

    t.is_("free with dom0 alone", free(), 7282622464)
    first = make(w, "hvm", 4 * GIB, 4 * GIB, 4)
    w.call("VM.start_on", first, host, False, False)
    t.is_("free with one", free(), 2946760704)
    second = make(w, "hvm", 4 * GIB, 2 * GIB, 4)
    w.call("VM.start_on", second, host, False, False)
    t.is_("free with two", free(), 758382592)
    third = make(w, "hvm", GIB, GIB, 2)
    refused = [small, "1087373312", "758382592"]
    t.fails(w, refused, "VM.start_on", third, host, False, False)
    t.fails(w, refused, "VM.assert_can_boot_here", third, host)
    refused = [small, "1073741824", "758382592"]
    t.fails(w, refused, "VM.set_memory_dynamic_range", second, 3 * GIB,
            4 * GIB)
    t.fails(w, refused, "VM.set_memory_dynamic_min", second, 3 * GIB)
    t.fails(w, refused, "VM.set_memory_target_live", second, 3 * GIB)
    t.fails(w, ["MEMORY_CONSTRAINT_VIOLATION_ORDER"],
            "VM.set_memory_dynamic_range", second, 5 * GIB, 6 * GIB)
    t.is_("nothing changed", w.call("VM.get_memory_dynamic_min", second),
          2 * GIB)
    t.is_("free as before", free(), 758382592)
    shell = make(w, "pv_in_pvh", GIB, 256 * MIB, 1)
    t.fails(w, [small, "1121976320", "758382592"], "VM.start_on", shell,
            host, False, False)
    t.fails(w, [small, str(724 * MIB), "758382592"],
            "VM.set_memory_dynamic_range", second, 2 * GIB + 758382592,
            4 * GIB)
    w.call("VM.set_memory_dynamic_range", second, 2 * GIB + 723 * MIB,
           4 * GIB)
    t.is_("the last MiB is given", free(), 262144)
    w.call("VM.set_memory_dynamic_min", second, GIB)
    t.is_("and comes back", free(), 758382592 + GIB)
    w.call("VM.start_on", third, host, False, False)
    t.is_("what was refused fits now", free(), 758382592 + GIB - 1087373312)
    t.fails(w, ["VM_BAD_POWER_STATE", third, "halted", "running"],
            "VM.start_on", third, host, False, False)
    for vm in (first, second, third):
        w.call("VM.hard_shutdown", vm)
        t.is_("on no host", w.call("VM.get_resident_on", vm), NULL)
    t.is_("free with dom0 alone again", free(), 7282622464)


def other_worlds(t, idl):
    """The sections that need the hosts above."""
    with tempfile.NamedTemporaryFile("w", suffix=".ini") as sim:
        sim.write(HOSTS)
        sim.flush()
        with daemon.running(sim=sim.name) as d:
            w = wire_call.Wire(d, idl)
            w.login("root", d.password())
            hosts = {r["name_label"]: ref for ref, r in
                     w.call("host.get_all_records").items()}
            for run in (sampled, overhead, start, maximise, admission):
                t.section(run.__name__, run, w, hosts)
