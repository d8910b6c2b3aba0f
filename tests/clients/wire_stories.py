# SPDX-License-Identifier: BSD-2-Clause
"""Stories of one guest at a time: what the memory messages store, what refuses
them and in which order, how guests come, run and go, and the first calls of
clients that people really use.  Sections of wire.py, on its world.
"""
import os
import threading
import time

import daemon
import wire_call
from wire_call import NULL
from wire_examples import GIB, MIB, make

LIMITS = ("static_min", "dynamic_min", "dynamic_max", "static_max")
ORDER = ["MEMORY_CONSTRAINT_VIOLATION_ORDER"]
PINNED = ["MEMORY_CONSTRAINT_VIOLATION_MAXPIN"]
TOO_LITTLE = "HOST_NOT_ENOUGH_FREE_MEMORY"


def limits(w, vm):
    """static_min, dynamic_min, dynamic_max, static_max, target."""
    r = w.call("VM.get_record", vm)
    return tuple(r["memory_" + k] for k in LIMITS + ("target",))


def setters(t, w, world, d):
    """What each memory setter stores; a refused one stores nothing."""
    for vm in (make(w, "hvm", 8 * GIB),
               make(w, "hvm", 8 * GIB, is_a_template=True)):
        steps = (
            ("limits", (1, 80, 10, 20), (1, 10, 20, 80, 10)),
            ("dynamic_range", (11, 21), (1, 11, 21, 80, 11)),
            ("dynamic_min", (12,), (1, 12, 21, 80, 12)),
            ("dynamic_max", (22,), (1, 12, 22, 80, 12)),
            ("static_range", (2, 81), (2, 12, 22, 81, 12)),
            ("static_min", (3,), (3, 12, 22, 81, 12)),
            ("static_max", (82,), (3, 12, 22, 82, 12)),
            ("limits", (0, 0, 0, 0), (0, 0, 0, 0, 0)),
            ("limits", (5, 100, 10, 20), (5, 10, 20, 100, 10)),
        )
        for setter, args, want in steps:
            t.is_(setter, w.call("VM.set_memory_" + setter, vm, *args), "")
            t.is_("%s%r" % (setter, args), limits(w, vm), want)
        refused = (
            ("limits", (1, 80, 20, 10)), ("limits", (30, 80, 10, 20)),
            ("limits", (1, 15, 10, 20)), ("dynamic_range", (21, 20)),
            ("dynamic_range", (4, 20)), ("dynamic_range", (10, 101)),
            ("dynamic_min", (21,)), ("dynamic_min", (4,)),
            ("dynamic_max", (9,)), ("dynamic_max", (101,)),
            ("static_range", (11, 100)), ("static_range", (5, 19)),
            ("static_min", (11,)), ("static_max", (19,)),
        )
        for setter, args in refused:
            t.fails(w, ORDER, "VM.set_memory_" + setter, vm, *args)
        for setter, args, field in (
                ("limits", (-1, 80, 10, 20), "memory_static_min"),
                ("dynamic_range", (-1, 20), "memory_dynamic_min"),
                ("dynamic_min", (-1,), "memory_dynamic_min"),
                ("static_min", (-1,), "memory_static_min")):
            t.fails(w, ["INVALID_VALUE", field, "-1"],
                    "VM.set_memory_" + setter, vm, *args)
        t.fails(w, ORDER, "VM.set_memory", vm, 4)
        t.is_("nothing changed", limits(w, vm), (5, 10, 20, 100, 10))
        t.is_("set_memory", w.call("VM.set_memory", vm, GIB), "")
        t.is_("set_memory", limits(w, vm), (5, GIB, GIB, GIB, GIB))
        w.call("VM.destroy", vm)


def shape(t, w, world, d):
    """VCPUs and shadow multiplier, and the overhead that follows them."""
    vm = make(w, "hvm", 4 * GIB, None, 4)
    rule = "VCPU values must satisfy: 0 < VCPUs_at_startup <= VCPUs_max"
    for value in (3, 0, -1):
        t.fails(w, ["INVALID_VALUE", rule, str(value)], "VM.set_VCPUs_max",
                vm, value)
    for value in (5, 0, -1):
        t.fails(w, ["INVALID_VALUE", rule, str(value)],
                "VM.set_VCPUs_at_startup", vm, value)
    w.call("VM.set_VCPUs_at_startup", vm, 2)
    w.call("VM.set_VCPUs_max", vm, 8)
    t.is_("VCPUs", [w.call("VM.get_VCPUs_" + f, vm)
                    for f in ("max", "at_startup")], [8, 2])
    w.call("VM.set_VCPUs_max", vm, 4)
    for value, text in ((0.5, "0.5"), (0.0, "0"), (-1.0, "-1"),
                        (1001.0, "1001")):
        t.fails(w, ["INVALID_VALUE", "multiplier", text],
                "VM.set_HVM_shadow_multiplier", vm, value)
    w.call("VM.set_HVM_shadow_multiplier", vm, 1.5)
    t.is_("overhead follows", w.call("VM.get_memory_overhead", vm), 59768832)
    w.call("VM.set_HVM_shadow_multiplier", vm, 1)  # an int will do
    t.is_("and back", w.call("VM.get_memory_overhead", vm), 40894464)
    w.call("VM.set_memory_static_max", vm, 8 * GIB)
    t.is_("static_max too", w.call("VM.get_memory_overhead", vm) > 40894464,
          True)
    w.call("VM.destroy", vm)


def control(t, w, world, d):
    """Domain 0: pinned, never stopped, reboots for its static limits."""
    dom0 = world.dom0
    was = limits(w, dom0)
    t.is_("pinned", was, (was[0], GIB, GIB, GIB, GIB))
    reason = PINNED + ["control domain"]
    t.fails(w, reason, "VM.set_memory_dynamic_range", dom0, 1, GIB)
    t.fails(w, reason, "VM.set_memory_dynamic_min", dom0, MIB)
    t.fails(w, reason, "VM.set_memory_dynamic_max", dom0, 2 * GIB)
    t.fails(w, reason, "VM.set_memory_static_max", dom0, 2 * GIB)
    t.fails(w, reason, "VM.set_memory_static_range", dom0, 2 * GIB, GIB)
    t.fails(w, reason, "VM.set_memory_limits", dom0, 0, GIB, 1, GIB)
    t.fails(w, reason, "VM.set_memory_target_live", dom0, MIB)
    w.call("VM.set_memory_dynamic_range", dom0, GIB, GIB)
    t.is_("no reboot for that", w.call("VM.get_requires_reboot", dom0), False)
    w.call("VM.set_memory", dom0, GIB)
    t.is_("set_memory needs one", w.call("VM.get_requires_reboot", dom0),
          True)
    for m, args in (("set_VCPUs_max", (1,)), ("set_VCPUs_at_startup", (1,)),
                    ("set_VCPUs_number_live", (1,)),
                    ("set_shadow_multiplier_live", (1.5,)), ("pause", ()),
                    ("suspend", ()), ("clean_shutdown", ()),
                    ("hard_shutdown", ()), ("hard_reboot", ()),
                    ("pool_migrate", (world.hosts["small"], {}))):
        t.is_(m, w.error("VM." + m, dom0, *args)[0], "OPERATION_NOT_ALLOWED")
    t.fails(w, ["OPERATION_NOT_ALLOWED", w.error("VM.assert_can_boot_here",
            dom0, world.hosts["small"])[1]], "VM.assert_can_boot_here", dom0,
            world.hosts["small"])
    t.is_("as it was", limits(w, dom0), was)


def create(t, w, world, d):
    """What VM.create takes, completes and refuses."""
    n = len(w.call("VM.get_all"))
    good = daemon.vm_record("new", 1, 2, 3, 4)

    def refused(want, **change):
        t.fails(w, want, "VM.create", dict(good, **change))

    for name, (_, flags) in w.idl.classes["VM"].items():
        if "required" in flags:
            t.fails(w, ["FIELD_TYPE_ERROR", name], "VM.create",
                    {k: v for k, v in good.items() if k != name})
    refused(ORDER, memory_dynamic_min="5")
    refused(ORDER, memory_static_min="3")
    refused(ORDER, memory_static_max="2")
    for k in LIMITS[:2]:
        refused(["INVALID_VALUE", "memory_" + k, "-1"], **{
            "memory_" + k: "-1"})
    refused(["FIELD_TYPE_ERROR", "memory_static_max"],
            memory_static_max="4 GiB")
    refused(["FIELD_TYPE_ERROR", "is_a_template"], is_a_template="true")
    refused(["INVALID_VALUE", "power_state", "Dead"], power_state="Dead")
    refused(["INVALID_VALUE", "domain_type", "x"], domain_type="x")
    refused(["INVALID_VALUE", "HVM_shadow_multiplier", "0.5"],
            HVM_shadow_multiplier=0.5)
    why = w.error("VM.create", dict(good, power_state="Suspended"))
    t.is_("Suspended without an image", [why[0], len(why)] + why[2:],
          ["VM_BAD_POWER_STATE", 4, "halted", "suspended"])
    t.is_("nothing was made", len(w.call("VM.get_all")), n)
    for policy, given, want in (
            ("BIOS order", "unspecified", "hvm"), ("", "unspecified", "pv"),
            ("BIOS order", "pv", "pv"), ("", "pvh", "pvh")):
        vm = w.call("VM.create", dict(
            good, HVM_boot_policy=policy, domain_type=given, uuid="mine",
            power_state="Running", resident_on=world.hosts["lab"],
            blocked_operations={"start": "X"}, nonsense={"a": [1]}))
        r = w.call("VM.get_record", vm)
        t.is_("domain type", r["domain_type"], want)
        t.is_("not taken from the record", (r["power_state"],
              r["resident_on"], r["blocked_operations"], r["domid"]),
              ("Halted", NULL, {}, -1))
        t.is_("has a seed", "mac_seed" in r["other_config"], True)
        t.is_("metrics", w.call("VM_metrics.get_record", r["metrics"])
              ["memory_actual"], 0)
        w.call("VM.destroy", vm)
        t.fails(w, ["HANDLE_INVALID", "VM", vm], "VM.get_uuid", vm)
        t.fails(w, ["HANDLE_INVALID", "VM_metrics", r["metrics"]],
                "VM_metrics.get_uuid", r["metrics"])
    t.is_("a null affinity may be empty", w.call("VM.get_affinity", make(
        w, "hvm", 1, affinity="")), NULL)


def clone(t, w, world, d):
    vm = make(w, "pvh", 4 * GIB, GIB, 4, 1.5, other_config={"a": "b"})
    copy = w.call("VM.clone", vm, "copy & more")
    was, now = (w.call("VM.get_record", x) for x in (vm, copy))
    for f in was:
        if f not in ("uuid", "name_label", "metrics", "other_config"):
            t.is_("clone: " + f, now[f], was[f])
    t.is_("name", now["name_label"], "copy & more")
    t.is_("uuid and metrics are its own", was["uuid"] != now["uuid"] and
          was["metrics"] != now["metrics"], True)
    of_template = w.call("VM.clone", world.vm["template"], "x")
    t.is_("of a template: a template", w.call("VM.get_is_a_template",
                                              of_template), True)
    w.call("VM.set_is_a_template", of_template, False)
    w.call("VM.start", of_template, False, False)
    t.fails(w, ["VM_BAD_POWER_STATE", of_template, "halted", "running"],
            "VM.set_is_a_template", of_template, True)
    w.call("VM.hard_shutdown", of_template)
    for x in (vm, copy, of_template):
        w.call("VM.destroy", x)


def boot(t, w, world, d):
    """assert_can_boot_here: the first failure of its order wins."""
    lab, small = world.hosts["lab"], world.hosts["small"]
    nobody = "OpaqueRef:00000000-1111-4222-8333-444444444444"
    here = "VM.assert_can_boot_here"
    hvm = make(w, "hvm", 100 * GIB, None, 32)
    pv = make(w, "pv", GIB, 256 * MIB)
    wide = make(w, "hvm", MIB, None, 32)
    free = w.call("host.compute_free_memory", lab)
    needed = 100 * GIB + w.call("VM.get_memory_overhead", hvm)
    for host in (nobody, NULL):
        t.fails(w, ["HOST_NOT_LIVE"], here, hvm, host)
    t.fails(w, ["VM_HVM_REQUIRED", hvm], here, hvm, small)
    t.fails(w, [TOO_LITTLE, str(needed), str(free)], here, hvm, lab)
    t.fails(w, ["HOST_NOT_ENOUGH_PCPUS", "32", "16"], here, wide, lab)
    t.is_("pv on either", sorted(w.call("VM.get_possible_hosts", pv)),
          sorted([lab, small]))
    t.is_("hvm on none", w.call("VM.get_possible_hosts", hvm), [])
    t.is_("both say so", (w.call(here, pv, lab), w.call(here, pv, small)),
          ("", ""))
    for vm in (hvm, wide):
        t.fails(w, ["NO_HOSTS_AVAILABLE"], "VM.start", vm, False, False)
    t.fails(w, ["VM_HVM_REQUIRED", hvm], "VM.start_on", hvm, small, False,
            False)
    t.fails(w, ["HOST_NOT_ENOUGH_PCPUS", "32", "16"], "VM.start_on", wide,
            lab, False, False)
    free_here = make(w, "hvm", MIB, None, 32,
                     platform={"vcpu-unrestricted": "true"})
    t.is_("vcpu-unrestricted", w.call(here, free_here, lab), "")
    nested = make(w, "hvm", GIB, MIB, platform={"nested-virt": "true"})
    t.fails(w, PINNED + ["nested virt"], "VM.start", nested, False, False)
    w.call("VM.set_memory", nested, GIB)
    w.call("VM.start", nested, False, False)
    w.call("VM.hard_shutdown", nested)
    for vm in (hvm, pv, wide, free_here, nested):
        w.call("VM.destroy", vm)


def running(t, w, world, d):
    """From start to shutdown, with what is stored on the way."""
    lab = world.hosts["lab"]
    free = w.call("host.compute_free_memory", lab)
    vm = make(w, "hvm", 4 * GIB, GIB, 4)

    def state(want, resident=lab):
        r = w.call("VM.get_record", vm)
        t.is_(want, (r["power_state"], r["resident_on"],
                     r["scheduled_to_be_resident_on"], r["domid"] >= 0,
                     r["current_operations"]),
              (want, resident, NULL, resident != NULL, {}))

    w.call("VM.start_on", vm, lab, True, False)
    state("Paused")
    w.call("VM.unpause", vm)
    state("Running")
    t.is_("resident_VMs", vm in w.call("host.get_resident_VMs", lab), True)
    metrics = w.call("VM.get_metrics", vm)
    end = time.monotonic() + 30
    actual = 0
    while actual < 4 * GIB and time.monotonic() < end:
        w.call("VM.wait_memory_target_live", vm)
        actual = w.call("VM_metrics.get_memory_actual", metrics)
    t.is_("there is room", actual, 4 * GIB)
    w.call("VM.set_memory_dynamic_range", vm, 2 * GIB, 3 * GIB)
    t.is_("target", limits(w, vm), (0, 2 * GIB, 3 * GIB, 4 * GIB, 3 * GIB))
    w.call("VM.set_memory_target_live", vm, GIB)
    t.is_("target_live", limits(w, vm), (0, GIB, GIB, 4 * GIB, GIB))
    w.call("VM.wait_memory_target_live", vm)
    t.fails(w, ORDER, "VM.set_memory_target_live", vm, 5 * GIB)
    t.is_("cooperative", w.call("VM.get_cooperative", vm), True)
    w.call("VM.set_shadow_multiplier_live", vm, 2.0)
    t.is_("multiplier", w.call("VM.get_HVM_shadow_multiplier", vm), 2.0)
    t.is_("counted", free - w.call("host.compute_free_memory", lab),
          GIB + w.call("VM.get_memory_overhead", vm))
    t.fails(w, ["INVALID_VALUE", "multiplier", "0.5"],
            "VM.set_shadow_multiplier_live", vm, 0.5)
    w.call("VM.set_VCPUs_number_live", vm, 2)
    t.is_("live VCPUs", w.call("VM_metrics.get_VCPUs_number",
                               w.call("VM.get_metrics", vm)), 2)
    for m in ("clean_reboot", "hard_reboot"):
        w.call("VM." + m, vm)
        state("Running")
    w.call("VM.suspend", vm)
    state("Suspended", NULL)
    t.is_("suspended: all is back", w.call("host.compute_free_memory", lab),
          free)
    w.call("VM.resume_on", vm, lab, False, False)
    state("Running")
    t.fails(w, ["OPERATION_NOT_ALLOWED", w.error(
        "VM.pool_migrate", vm, lab, {})[1]], "VM.pool_migrate", vm, lab, {})
    t.fails(w, ["VM_HVM_REQUIRED", vm], "VM.pool_migrate", vm,
            world.hosts["small"], {})
    w.call("VM.clean_shutdown", vm)
    state("Halted", NULL)
    t.is_("all is back", w.call("host.compute_free_memory", lab), free)
    w.call("VM.destroy", vm)


def migrate(t, w, world, d):
    lab, small = world.hosts["lab"], world.hosts["small"]
    vm = make(w, "pv", 512 * MIB)
    w.call("VM.start_on", vm, lab, False, False)
    before = [w.call("host.compute_free_memory", h) for h in (lab, small)]
    needed = 512 * MIB + w.call("VM.get_memory_overhead", vm)
    w.call("VM.pool_migrate", vm, small, {"live": "true"})
    t.is_("on the other host", w.call("VM.get_resident_on", vm), small)
    t.is_("counted there", [w.call("host.compute_free_memory", h)
                            for h in (lab, small)],
          [before[0] + needed, before[1] - needed])
    w.call("VM.hard_shutdown", vm)
    w.call("VM.destroy", vm)


def conflict(t, w, world, d):
    """An operation that takes long refuses others, by name and task."""
    vm = make(w, "hvm", GIB, MIB, other_config={"sim": "shutdown_ms=600000"})
    w.call("VM.start", vm, False, False)
    other = wire_call.Wire(d, w.idl)
    other.session = w.session
    result = []
    t.is_("no operation", w.call("VM.get_current_operations", vm), {})
    shut = threading.Thread(target=lambda: result.append(
        other.raw("VM.clean_shutdown", other.session, vm)))
    shut.start()
    now = {}
    while not now and shut.is_alive():
        now = w.call("VM.get_current_operations", vm)
    t.is_("current operation", list(now.values()), ["clean_shutdown"])
    task = next(iter(now))
    t.is_("its task", w.call("task.get_name_label", task),
          "VM.clean_shutdown")
    why = ["OTHER_OPERATION_IN_PROGRESS", "VM", vm, "clean_shutdown", task]
    t.fails(w, why, "VM.set_memory_dynamic_range", vm, MIB, GIB)
    t.fails(w, why, "VM.assert_operation_valid", vm, "changing_memory_live")
    w.call("VM.hard_shutdown", vm)
    shut.join()
    t.is_("the guest is down, so its shutdown was", result[0], ("", None))
    t.fails(w, ["HANDLE_INVALID", "task", task], "task.get_status", task)
    w.call("VM.destroy", vm)


def waits(t, w, world, d):
    """A wait for a target holds nothing up, and ends when the guest does."""
    vm = make(w, "hvm", GIB, 512 * MIB, dynamic_max=512 * MIB,
              other_config={"sim": "stuck"})
    w.call("VM.start", vm, False, False)
    w.call("VM.set_memory_dynamic_range", vm, 768 * MIB, GIB)
    other = wire_call.Wire(d, w.idl)
    other.session = w.session
    result = []
    wait = threading.Thread(target=lambda: result.append(
        other.raw("VM.wait_memory_target_live", other.session, vm)))
    wait.start()
    w.call("VM.set_memory_dynamic_range", vm, 700 * MIB, GIB)
    t.is_("no lock", w.call("VM.get_current_operations", vm), {})
    w.call("VM.hard_shutdown", vm)
    wait.join()
    t.is_("the wait ends", result[0],
          (None, ["VM_BAD_POWER_STATE", vm, "running", "halted"]))
    w.call("VM.destroy", vm)


def nested(t, w, world, d):
    """A guest with nested virtualisation stays as it is, where it is."""
    vm = make(w, "hvm", GIB, MIB, platform={"nested-virt": "1"})
    t.is_("not before its first start", w.call(
        "VM.set_memory_dynamic_range", vm, MIB, 2 * MIB), "")
    w.call("VM.start", vm, False, True)
    t.is_("nested_virt", w.call("VM_metrics.get_nested_virt", w.call(
        "VM.get_metrics", vm)), True)
    for m, args in (("set_memory_dynamic_range", (MIB, 2 * MIB)),
                    ("set_memory_dynamic_min", (MIB,)),
                    ("set_memory_dynamic_max", (GIB,)),
                    ("set_memory_target_live", (MIB,))):
        t.fails(w, ["VM_IS_USING_NESTED_VIRT", vm], "VM." + m, vm, *args)
    t.fails(w, ["VM_IS_IMMOBILE", vm], "VM.suspend", vm)
    t.fails(w, ["VM_IS_IMMOBILE", vm], "VM.pool_migrate", vm,
            world.hosts["small"], {})
    w.call("VM.hard_shutdown", vm)
    t.fails(w, PINNED + ["nested virt"], "VM.set_memory_limits", vm, 0, GIB,
            MIB, GIB)
    w.call("VM.destroy", vm)


def numbers(t, w, world, d):
    """The ends of 64 bits are refused by name, and nothing overflows."""
    most = (1 << 63) - 1
    for kind in ("hvm", "pv", "pv_in_pvh"):
        vm = make(w, kind, GIB)
        for m, args in (("memory", (most,)), ("memory_static_max", (most,)),
                        ("memory_limits", (0, most, 0, most)),
                        ("memory_static_range", (0, most))):
            t.fails(w, ["INVALID_VALUE", "memory_static_max", str(most)],
                    "VM.set_" + m, vm, *args)
        t.fails(w, ORDER, "VM.set_memory_dynamic_max", vm, most)
        t.is_("a VM in all memory there could be", 0 < w.call(
            "VM.maximise_memory", vm, most, False) < most, True)
        w.call("VM.set_VCPUs_max", vm, (1 << 31) - 1)
        w.call("VM.set_HVM_shadow_multiplier", vm, 1000.0)
        for host in world.hosts.values():
            t.is_("far too large", w.error("VM.start_on", vm, host, False,
                                           False)[0] in
                  (TOO_LITTLE, "VM_HVM_REQUIRED"), True)
        w.call("VM.destroy", vm)


def password(t, w, world, d):
    """The first password is changed: its file goes, the new one counts."""
    login, was = "session.login_with_password", d.password()
    t.is_("wrong old", w.error("session.change_password", "x",
                               "new password")[:2],
          ["SESSION_AUTHENTICATION_FAILED", "root"])
    t.is_("changed", w.call("session.change_password", was, "new password"),
          "")
    t.is_("its file is gone",
          os.path.exists(d.state + "/initial-password"), False)
    t.is_("the old one is refused", w.raw(login, "root", was)[1][:2],
          ["SESSION_AUTHENTICATION_FAILED", "root"])
    t.is_("the new one is not", w.raw(login, "root", "new password")[1],
          None)


def logins(t, w, world, d):
    """First calls of known clients, as they make them."""
    password = d.password()

    def fresh(*args, local=False):
        client = wire_call.Wire(d, w.idl, local)
        client.login(*args)
        return client

    c = fresh("root", password, "1.3")  # libxenserver
    host = c.call("session.get_this_host", c.session)
    t.is_("C: version", (c.call("host.get_API_version_major", host),
                         c.call("host.get_API_version_minor", host)),
          (2, 23))
    c = fresh("root", password, "1.0", "go")  # Go, twice
    for _ in range(2):
        pool = c.call("pool.get_all")[0]
        master = c.call("pool.get_record", pool)["master"]
        version = c.call("host.get_record", master)["software_version"]
        t.is_("Go: software_version", {
            "xapi", "product_version", "platform_version", "product_brand"}
            <= set(version), True)
    c = fresh("root", password, "2.21", "java")  # Java, C#
    pool = next(iter(c.call("pool.get_all_records").values()))
    c.call("host.get_record", pool["master"])
    t.is_("C#: superuser", c.call("session.get_is_local_superuser",
                                  c.session), True)
    t.is_("C#: permissions", c.call("session.get_rbac_permissions",
                                    c.session), [])
    t.is_("C#: subject", (c.call("session.get_subject", c.session),
                          c.call("session.get_auth_user_sid", c.session)),
          (NULL, ""))
    # Those with all rights are not in it; others are logged in, maybe.
    t.is_("XO Lite", "root" in c.call(
        "session.get_all_subject_identifiers"), False)
    c = fresh("root", password, "1.3")  # CloudStack
    host = c.call("session.get_this_host", c.session)
    t.is_("CloudStack: enabled", c.call("host.get_enabled", host), True)
    t.is_("CloudStack: DMC", c.call("host.get_license_params", host)
          ["restrict_dmc"], "false")
    c.call("session.logout")
    c = fresh("root", password, "1.0", "OpenStack")  # nova
    host = c.call("session.get_this_host", c.session)
    uuid = c.call("host.get_uuid", host)
    t.is_("nova: host", c.call("host.get_by_uuid", uuid), host)
    t.is_("nova: free", c.call("host.compute_free_memory", host) > 0, True)
    ram = str(512 * MIB)
    vm = c.call("VM.create", daemon.vm_record(
        "instance", "0", ram, ram, ram, memory_target=ram,
        user_version="0", PV_bootloader_args="", ha_always_run=False,
        ha_restart_priority="", blocked_operations={}, affinity=""))
    t.is_("nova: instance", c.call("VM.get_record", vm)["memory_target"],
          512 * MIB)
    c.call("VM.destroy", vm)
    t.is_("nova: gone", c.error("VM.get_record", vm)[0], "HANDLE_INVALID")
    c = fresh("", "", "1.0", "Ansible", local=True)  # Ansible, xapi_local
    pool = c.call("pool.get_all")[0]
    t.is_("Ansible: no default SR", c.call("pool.get_default_SR", pool),
          NULL)
    host = c.call("session.get_this_host", c.session)
    c.call("host.get_software_version", host)["product_version"]
    vm = make(c, "hvm", GIB)
    uuid = c.call("VM.get_uuid", vm)
    t.is_("Ansible: VM", c.call("VM.get_by_uuid", uuid), vm)
    new = str(2 * GIB)
    c.call("VM.set_memory_limits", vm, "0", new, new, new)
    t.is_("Ansible: memory", limits(c, vm)[1:4], (2 * GIB,) * 3)
    c.call("VM.destroy", vm)
    for args in ((), ("root",)):
        t.is_("login with %d" % len(args), w.raw(
            "session.login_with_password", *args)[1],
            ["MESSAGE_PARAMETER_COUNT_MISMATCH",
             "session.login_with_password", "2", str(len(args))])
    for n in (2, 3, 4, 5, 6):  # what comes after the defaults is ignored
        extra = ("1.0", "originator", "x", "y")[:n - 2]
        t.is_("login with %d" % n,
              fresh("root", password, *extra).call("VM.get_all") != [], True)
    c = wire_call.Wire(d, w.idl)
    c.session, why = c.raw("session.slave_local_login_with_password", "root",
                           password)
    t.is_("local login", why, None)
    t.is_("local logout", c.call("session.local_logout"), "")
    t.is_("ended", c.error("VM.get_all")[0], "SESSION_INVALID")


SECTIONS = [(f.__name__, f) for f in (
    setters, shape, control, create, clone, boot, running, migrate, conflict,
    waits, nested, numbers, logins, password)]
