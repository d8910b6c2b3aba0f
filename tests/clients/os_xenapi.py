#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""python3-os-xenapi, a client nobody here wrote, over HTTPS: login, API
version, every memory message with its documented answer or error, tasks and
events.

Prints one line per check; fails on the first that does not hold.
"""
import ssl
import sys
import time

import checks
import daemon
from checks import is_

sys.path.insert(0, "/usr/lib/python3/dist-packages")
from os_xenapi.client import XenAPI  # noqa: E402
import os_xenapi_async  # noqa: E402

GIB = 1 << 30
MIB = 1 << 20


def fails(what, code, call, *args):
    """The call must fail with that ErrorDescription (prefix)."""
    try:
        value = call(*args)
    except XenAPI.Failure as e:
        is_(what, e.details[:len(code)], code)
        return e.details
    raise AssertionError("%s: succeeded with %r" % (what, value))


def login(d):
    ssl._create_default_https_context = ssl._create_unverified_context
    session = XenAPI.Session(d.url + "/")
    fails("a wrong password is refused", ["SESSION_AUTHENTICATION_FAILED",
                                          "root"],
          session.login_with_password, "root", "wrong")
    session.login_with_password("root", d.password(), "1.0", "os-xenapi")
    return session


def about(x):
    pool = x.pool.get_all()[0]
    host = x.pool.get_master(pool)
    is_("API version", (x.host.get_API_version_major(host),
                        x.host.get_API_version_minor(host)), ("2", "23"))
    is_("software version has xapi", "xapi" in
        x.host.get_software_version(host), True)
    is_("the host has an address", x.host.get_address(host), "127.0.0.1")
    is_("restrict_dmc", x.host.get_license_params(host)["restrict_dmc"],
        "false")
    metrics = x.host.get_metrics(host)
    is_("memory_total of the default host",
        int(x.host_metrics.get_memory_total(metrics)), 64 * GIB)
    is_("this_host", x.session.get_this_host(x.handle), host)
    return host


def halted(x, host):
    vm = x.VM.create(daemon.vm_record("a", 0, GIB, 2 * GIB, 4 * GIB,
                                      VCPUs_max="4"))
    is_("memory_overhead: hvm 4 GiB, 4 vCPUs (I.1)",
        x.VM.get_memory_overhead(vm), "40894464")
    is_("compute_memory_overhead", x.VM.compute_memory_overhead(vm),
        "40894464")
    x.VM.set_memory_dynamic_range(vm, str(GIB), str(3 * GIB))
    is_("dynamic range", (x.VM.get_memory_dynamic_min(vm),
                          x.VM.get_memory_dynamic_max(vm)),
        (str(GIB), str(3 * GIB)))
    x.VM.set_memory_dynamic_min(vm, str(2 * GIB))
    x.VM.set_memory_dynamic_max(vm, str(4 * GIB))
    x.VM.set_memory_static_min(vm, str(GIB))
    x.VM.set_memory_static_max(vm, str(8 * GIB))
    x.VM.set_memory_static_range(vm, "0", str(4 * GIB))
    is_("target follows dynamic_min", x.VM.get_memory_target(vm),
        str(2 * GIB))
    fails("order", ["MEMORY_CONSTRAINT_VIOLATION_ORDER"],
          x.VM.set_memory_dynamic_range, vm, str(3 * GIB), str(GIB))
    fails("static_max below dynamic_max",
          ["MEMORY_CONSTRAINT_VIOLATION_ORDER"],
          x.VM.set_memory_static_max, vm, str(GIB))
    fails("a negative bound names itself",
          ["INVALID_VALUE", "memory_dynamic_min", "-1"],
          x.VM.set_memory_dynamic_min, vm, "-1")
    fails("not a number", ["FIELD_TYPE_ERROR", "value"],
          x.VM.set_memory, vm, "1GiB")
    x.VM.set_memory(vm, str(GIB))
    x.VM.set_memory_limits(vm, str(GIB), str(2 * GIB), str(GIB),
                           str(2 * GIB))
    x.VM.set_HVM_shadow_multiplier(vm, 1.5)
    is_("multiplier", x.VM.get_HVM_shadow_multiplier(vm), 1.5)
    fails("multiplier below one", ["INVALID_VALUE", "multiplier"],
          x.VM.set_HVM_shadow_multiplier, vm, 0.5)
    x.VM.set_HVM_shadow_multiplier(vm, 1.0)
    x.VM.set_VCPUs_max(vm, "2")
    x.VM.set_VCPUs_at_startup(vm, "2")
    is_("maximise_memory (I.3)",
        x.VM.maximise_memory(vm, str(GIB), False), str(1060110336))
    is_("maximise_memory approximate (I.3)",
        x.VM.maximise_memory(vm, str(GIB), True), str(985661440))
    is_("get_cooperative", x.VM.get_cooperative(vm), True)
    is_("assert_can_boot_here", x.VM.assert_can_boot_here(vm, host), "")
    is_("possible hosts", x.VM.get_possible_hosts(vm), [host])
    fails("target_live of a halted VM",
          ["VM_BAD_POWER_STATE", vm, "running", "halted"],
          x.VM.set_memory_target_live, vm, str(GIB))
    fails("target wait of a halted VM",
          ["VM_BAD_POWER_STATE", vm, "running", "halted"],
          x.VM.wait_memory_target_live, vm)
    return vm


def running(x, host, vm):
    before = int(x.host.compute_free_memory(host))
    x.VM.start(vm, False, False)
    is_("running", x.VM.get_power_state(vm), "Running")
    is_("resident", x.VM.get_resident_on(vm), host)
    needed = GIB + int(x.VM.get_memory_overhead(vm))
    is_("law of admission at start",
        before - int(x.host.compute_free_memory(host)), needed)
    end = time.monotonic() + 30
    actual = 0
    while actual < 2 * GIB and time.monotonic() < end:
        x.VM.wait_memory_target_live(vm)
        actual = int(x.VM_metrics.get_memory_actual(x.VM.get_metrics(vm)))
    is_("there is room: it gets its dynamic_max", actual, 2 * GIB)
    fails("limits of a running VM",
          ["VM_BAD_POWER_STATE", vm, "halted", "running"],
          x.VM.set_memory_limits, vm, "0", "0", "0", "0")
    x.VM.set_memory_dynamic_range(vm, str(GIB + GIB // 2), str(2 * GIB))
    x.VM.wait_memory_target_live(vm)
    x.VM.set_memory_target_live(vm, str(2 * GIB))
    is_("target_live is the range (t, t)",
        (x.VM.get_memory_dynamic_min(vm), x.VM.get_memory_dynamic_max(vm)),
        (str(2 * GIB), str(2 * GIB)))
    x.VM.set_shadow_multiplier_live(vm, 2.0)
    x.VM.pause(vm)
    is_("paused", x.VM.get_power_state(vm), "Paused")
    fails("dynamic range of a paused VM",
          ["VM_BAD_POWER_STATE", vm, "halted, running", "paused"],
          x.VM.set_memory_dynamic_range, vm, "0", "0")
    x.VM.unpause(vm)
    x.VM.clean_reboot(vm)
    x.VM.suspend(vm)
    is_("suspended", x.VM.get_power_state(vm), "Suspended")
    x.VM.resume(vm, False, False)
    x.VM.clean_shutdown(vm)
    is_("halted", x.VM.get_power_state(vm), "Halted")
    is_("law of admission at the end",
        int(x.host.compute_free_memory(host)), before)


def too_big(x, host):
    free = int(x.host.compute_free_memory(host))
    m = 65 * GIB
    vm = x.VM.create(daemon.vm_record("big", 0, m, m, m))
    needed = m + int(x.VM.get_memory_overhead(vm))
    is_("HOST_NOT_ENOUGH_FREE_MEMORY in bytes",
        fails("does not fit", ["HOST_NOT_ENOUGH_FREE_MEMORY"],
              x.VM.assert_can_boot_here, vm, host),
        ["HOST_NOT_ENOUGH_FREE_MEMORY", str(needed), str(free)])
    fails("start: no host", ["NO_HOSTS_AVAILABLE"], x.VM.start, vm, False,
          False)
    fails("start_on", ["HOST_NOT_ENOUGH_FREE_MEMORY", str(needed),
                       str(free)], x.VM.start_on, vm, host, False, False)
    x.VM.destroy(vm)
    fails("a destroyed VM", ["HANDLE_INVALID", "VM", vm],
          x.VM.get_memory_target, vm)


def main():
    with daemon.running() as d:
        session = login(d)
        x = session.xenapi
        x.handle = session.handle if hasattr(session, "handle") \
            else session._session
        host = about(x)
        vm = halted(x, host)
        running(x, host, vm)
        too_big(x, host)
        names = session.system.listMethods()
        is_("listMethods is a bare list with the memory messages",
            {"VM.set_memory", "host.compute_free_memory"} <= set(names),
            True)
        os_xenapi_async.run(sys.modules[__name__], d, session)
        session.xenapi.session.logout()
    checks.end()


if __name__ == "__main__":
    main()
