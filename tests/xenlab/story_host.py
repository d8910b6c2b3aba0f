# SPDX-License-Identifier: BSD-2-Clause
"""The host: its memory, its own overhead, and what the model of a VM's
overhead is worth beside what Xen takes."""
import dom0
from dom0 import MIB, PAGE

RESERVED = 72 * MIB
# Kernel threads of dom0 come and go while the sample is taken.
SAMPLE_SLACK = MIB
# (kind, memory MiB, maxmem MiB, vCPUs)
SIZES = (
    ("pv", 128, 128, 1), ("pv", 256, 256, 1), ("pv", 512, 512, 2),
    ("pv", 128, 128, 8), ("pvh", 128, 128, 1), ("pvh", 256, 256, 2),
    ("pvh", 512, 512, 1), ("pvh", 128, 1024, 1), ("pvh", 128, 128, 8),
)


def sampled(s):
    """total, overhead and free memory are Xen's own"""
    host, x = s.host, s.x
    metrics = x.host.get_metrics(host)
    pages = s.pages()
    s.follows("memory_total is Xen's, in whole MiB (spec D.7)", lambda: int(
        x.host_metrics.get_memory_total(metrics)),
        pages["total"] * PAGE // MIB * MIB)
    s.is_exact("memory_free is Xen's, to the page")
    s.true("the host's overhead is estimated from the first moment",
           int(x.host.get_memory_overhead(host)) > 0)
    s.soon("and sampled when nothing moves", lambda: s.lab.run(
        "grep -w sampled %s/boot-memory" % dom0.STATE)[0] == 0, 90)
    pages = s.pages()
    dom0_pages = dom0.words(s.lab.sh("lab-probe dom 0"))["pages"]
    want = (pages["total"] - pages["free"] - pages["scrub"] -
            dom0_pages) * PAGE + RESERVED
    got = int(x.host.get_memory_overhead(host))
    s.lab.log("    host overhead %.2f MiB, of that 72 reserved"
              % (got / MIB))
    s.true("it is what neither dom0 nor anybody can have, and 72 MiB",
           abs(got - want) <= SAMPLE_SLACK, (got, want))
    control = x.host.get_control_domain(host)
    s.same("dom0 is the control domain",
           (x.VM.get_is_control_domain(control), x.VM.get_domid(control),
            x.VM.get_power_state(control)), (True, "0", "Running"))
    s.follows("dom0's memory is Xen's", lambda: s.actual(control),
              dom0_pages * PAGE)


def settled(s, free):
    """Wait until pages of a destroyed domain are back."""
    s.soon("its memory is free again", lambda: s.pages()["free"] +
           s.pages()["scrub"] >= free - 8)


def measured(s, kind, memory, maxmem, vcpus):
    """One row: what a paused domain takes beside its memory, and our model."""
    before = s.pages()
    guest = dom0.Guest(s.lab, "size", kind, memory, maxmem, vcpus)
    guest.create(paused=True)
    after = s.pages()
    xen = guest.xen()
    taken = (before["free"] + before["scrub"] - after["free"] -
             after["scrub"] - memory * MIB // PAGE) * PAGE
    vm = s.find("size")
    ours = int(s.x.VM.get_memory_overhead(vm))
    row = (kind, memory, maxmem, vcpus, taken / MIB, ours / MIB,
           (ours - taken) / MIB, xen["pages"] - memory * 256)
    guest.destroy()
    s.soon("it is gone", lambda: not s.x.VM.get_by_name_label("size"))
    settled(s, before["free"] + before["scrub"])
    return row


def overheads(s):
    """the model never promises more than Xen gives"""
    rows = [measured(s, *size) for size in SIZES]
    s.lab.log("    what a domain takes beside its memory (MiB)")
    s.lab.log("    type memory maxmem vCPUs   taken   model  spare  pages+")
    for row in rows:
        s.lab.log("    %-4s %6d %6d %5d %7.2f %7.2f %6.2f %7d" % row)
    for row in rows:
        s.true("%s of %d MiB, maxmem %d, %d vCPUs: the model covers it"
               % row[:4], row[6] >= 0, row[6])
