# SPDX-License-Identifier: BSD-2-Clause
"""Trouble: the daemon restarts or is killed while a guest balloons; xenstored
hangs, dies, and comes back."""
import http.client
import time

import dom0
from dom0 import MIB
from story import kib


def picture(s):
    """What clients see of VMs and host, but for what moves by itself."""
    return sorted((ref, vm["uuid"], vm["name_label"], vm["power_state"],
                   vm["domid"], vm["memory_dynamic_min"],
                   vm["memory_dynamic_max"], vm["memory_static_max"],
                   vm["memory_overhead"], vm["VCPUs_max"],
                   vm["domain_type"], vm["resident_on"])
                  for ref, vm in s.x.VM.get_all_records().items())


def overhead(s):
    return s.x.host.get_memory_overhead(s.host)


def again(s):
    """a restarted daemon shows the same picture"""
    before, kept = picture(s), overhead(s)
    s.daemon.end("TERM")
    s.daemon.start()
    s.login()
    s.follows("the same VMs", lambda: picture(s), before)
    s.same("the host's overhead is not sampled anew", overhead(s), kept)
    s.is_exact("memory_free is Xen's, to the page")


def killed(s):
    """kill -9 while a guest balloons: it goes on where it was"""
    vm, guest = s.vm("one"), s.guests["one"]
    s.set_range(vm, 320, 320)
    s.x.VM.wait_memory_target_live(vm)
    # In dom0: from here it would be too late.
    s.lab.sh("(until [ \"$(xenstore-read %s)\" = %s ]; do :; done;"
             " kill -9 $(cat /run/memoryd.pid); lab-probe dom %d"
             " >/tmp/killed) </dev/null >/dev/null 2>&1 &"
             % (guest.key("memory/target"), kib(128), guest.domid))
    try:
        s.x.Async.VM.set_memory_dynamic_range(vm, str(128 * MIB),
                                              str(128 * MIB))
    except (OSError, http.client.HTTPException) as e:
        s.lab.log("    its answer was too late: %r" % e)
    s.soon("it is killed", lambda: "pages" in s.lab.run(
        "cat /tmp/killed")[1])
    s.lab.log("    while the guest held %d MiB" % (dom0.words(
        s.lab.sh("cat /tmp/killed"))["pages"] // 256))
    s.daemon.start()
    s.login()
    s.same("what was written is there", (
        s.x.VM.get_memory_dynamic_min(vm), s.x.VM.get_memory_dynamic_max(vm)),
        (str(128 * MIB),) * 2)
    s.x.VM.wait_memory_target_live(vm)
    s.holds("the guest got there", guest, 128)
    s.is_actual("memory_actual is Xen's", vm, guest)
    s.is_exact("memory_free is Xen's, to the page")


def ill(s):
    """Whether /healthz names xenstore."""
    return "xenstore" in str(s.daemon.healthz()[1]).lower()


def hung(s):
    """xenstored hangs: said in /healthz, answered all the same, got over"""
    name, guest = next(iter(s.guests.items()))
    vm = s.vm(name)
    s.lab.sh("kill -STOP $(cat /run/xenstored.pid)")
    try:
        s.soon("/healthz says so", lambda: ill(s), 60)
        began = time.monotonic()
        s.x.VM.get_record(vm)
        s.x.host.compute_free_memory(s.host)
        s.true("reads are answered meanwhile", True)
        s.lab.log("    in %.2f s" % (time.monotonic() - began))
        s.is_exact("memory_free goes on")
    finally:
        s.lab.sh("kill -CONT $(cat /run/xenstored.pid)")
    s.soon("/healthz is well again", lambda: not ill(s), 60)
    s.set_range(vm, 160, 160)
    s.x.VM.wait_memory_target_live(vm)
    s.holds("and guests move again", guest, 160)


def reborn(s):
    """xenstored dies and starts empty: noticed, got over, nothing invented"""
    domids = sorted(g.domid for g in s.guests.values())
    before = [(n, s.x.VM.get_uuid(s.vm(n))) for n in s.guests]
    s.lab.sh("kill -9 $(cat /run/xenstored.pid)")
    s.soon("/healthz says so", lambda: ill(s), 60)
    for name in s.guests:
        s.same("%s is still Running" % name, s.state(name), "Running")
    s.lab.sh("rm -f /run/xenstored.pid; . /etc/xenstored.sh")
    s.soon("/healthz is well again", lambda: not ill(s), 60)
    s.same("the same domains", sorted(
        int(vm["domid"]) for vm in s.x.VM.get_all_records().values()
        if vm["power_state"] == "Running" and not vm["is_control_domain"]),
        domids)
    for name, uuid in before:
        s.same("%s keeps its record" % name,
               s.x.VM.get_name_label(s.x.VM.get_by_uuid(uuid)), name)
    s.is_exact("memory_free is Xen's, to the page")
