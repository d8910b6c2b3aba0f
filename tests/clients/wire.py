#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every message of system.listMethods, called rightly where that needs no more
than an object: types on the wire, power states, worked numbers, logins.  What
happens to wrong calls is in misuse.py.

Expectations are written from the documentation of the API; the names and
types come from the IDL as wire_idl.py reads it.  Prints what failed, and at
the end "N passed, M failed".
"""
import ctypes
import signal
import sys
import tempfile

import daemon
import wire_call
import wire_examples
import wire_stories
import wire_idl
from wire_call import NULL, Xml

MIB, GIB = 1 << 20, 1 << 30
UNKNOWN = "OpaqueRef:00000000-1111-4222-8333-444444444444"
WORLD = """
[host lab]
memory = 64GiB
dom0 = 1GiB
cpus = 16
[host small]
memory = 2GiB
dom0 = 512MiB
hvm = no
[vm halted]
memory = 1GiB
[vm running]
memory = 1GiB
state = running
[vm paused]
memory = 1GiB
state = paused
[vm tosuspend]
memory = 1GiB
state = running
[vm template]
memory = 1GiB
template = yes
[vm pv]
type = pv
memory = 256MiB
"""


class Tally:
    """Checks that go on after one has failed."""

    def __init__(self):
        self.passed = self.failed = 0

    def is_(self, what, got, want):
        if got == want:
            self.passed += 1
            return True
        self.failed += 1
        print("FAIL %s\n     got  %r\n     want %r" % (what, got, want))
        return False

    def fails(self, w, want, method, *args):
        """The call with the session must fail with exactly that."""
        value, why = w.raw(method, w.session, *args)
        self.is_("%s%r" % (method, args), why if why else value, want)

    def section(self, name, run, *args):
        before = self.passed
        try:
            run(self, *args)
        except Exception as e:  # a strange reply ends its section only
            self.failed += 1
            print("FAIL %s: %s: %s" % (name, type(e).__name__, e))
        print("ok   %-10s %d checks" % (name, self.passed - before))


class World:
    """One object of every class, and the guests of WORLD by name."""

    def __init__(self, w):
        self.vm = {}
        for ref, r in w.call("VM.get_all_records").items():
            self.vm[r["name_label"]] = ref
        self.hosts = {r["name_label"]: ref for ref, r in
                      w.call("host.get_all_records").items()}
        self.dom0 = w.call("host.get_control_domain", self.hosts["lab"])
        w.call("memory_reservation.create", self.hosts["lab"], "4096",
               "8192", "3600", "a test")
        self.object = {c: (w.call(c + ".get_all") or [UNKNOWN])[0]
                       for c, a in w.idl.attributes.items() if "listed" in a}
        self.object.update(VM=self.vm["halted"], host=self.hosts["lab"],
                           session=w.session, any=NULL)

    def sample(self, t):
        """A valid value of a type."""
        kind = t[0]
        if kind == "ref":
            return self.object[t[1]]
        if kind == "enum":
            return ENUMS[t[1]]
        if kind == "record":
            return daemon.vm_record("sample", 0, 0, 0, 0)
        return {"string": "a <b> & \"c\" \u00e9\u20ac\U0001f600",
                "int": 1, "bool": True, "float": 1.5, "map": {}, "set": [],
                "datetime": Xml("<value><dateTime.iso8601>20260102T03:04:05Z"
                                "</dateTime.iso8601></value>")}[kind]


ENUMS = {}


def names(t, w, world):
    got, _ = w.raw("system.listMethods")
    t.is_("listMethods is what the IDL serves",
          set(got) ^ set(w.idl.messages), set())
    t.is_("each once, in order", got == sorted(set(got)), True)
    for m in got:
        if w.idl.messages[m].session:
            alias = m.replace(".", "_", 1)
            value, why = w.raw(alias, UNKNOWN, *[
                world.sample(p[1]) for p in w.idl.messages[m].params])
            t.is_(alias, why, ["SESSION_INVALID", UNKNOWN])
    for m in ("VM.nonsense", "nonsense", "", "vm.get_all", "VM.get_all.x",
              "Async.VM_get_all", "VM_", "_"):
        t.is_("%r without parameters" % m, w.raw(m)[1],
              ["MESSAGE_METHOD_UNKNOWN", m])
        t.is_("%r, dead session" % m, w.raw(m, UNKNOWN)[1],
              ["SESSION_INVALID", UNKNOWN])
        t.fails(w, ["MESSAGE_METHOD_UNKNOWN", m], m)


# What a VM's constructor record must have.
REQUIRED = """is_a_template affinity memory_static_max memory_dynamic_max
memory_dynamic_min memory_static_min VCPUs_max VCPUs_at_startup
HVM_boot_policy platform other_config user_version VCPUs_params
actions_after_shutdown actions_after_reboot actions_after_crash PV_bootloader
PV_kernel PV_ramdisk PV_args PV_bootloader_args PV_legacy_args HVM_boot_params
PCI_bus recommendations""".split()

# Fields of the documentation's tables: with a setter, and without.
WRITABLE = {
    "VM": "name_label name_description is_a_template affinity other_config",
    "VM_metrics": "other_config", "VM_guest_metrics": "other_config",
    "host": "name_label name_description hostname address other_config",
    "host_metrics": "other_config",
    "pool": "name_label name_description other_config coordinator_bias",
    "session": "other_config", "task": "other_config",
}
READ_ONLY = {
    "VM": "uuid power_state allowed_operations current_operations "
    "is_default_template is_a_snapshot is_control_domain resident_on "
    "scheduled_to_be_resident_on memory_overhead memory_target "
    "domain_type platform blocked_operations domid metrics "
    "guest_metrics requires_reboot ha_always_run ha_restart_priority "
    "HVM_boot_policy last_booted_record last_boot_CPU_flags suspend_VDI",
    "VM_metrics": "uuid memory_actual VCPUs_number VCPUs_CPU VCPUs_params "
    "VCPUs_flags state start_time install_time last_updated hvm nested_virt "
    "nomigrate current_domain_type numa_optimised numa_nodes "
    "numa_node_memory VCPUs_utilisation",
    "VM_guest_metrics": "os_version netbios_name PV_drivers_version "
    "PV_drivers_up_to_date memory disks networks other last_updated live "
    "can_use_hotplug_vbd can_use_hotplug_vif PV_drivers_detected services",
    "host": "uuid memory_overhead API_version_major API_version_minor "
    "API_version_vendor API_version_vendor_implementation enabled "
    "software_version cpu_info capabilities resident_VMs control_domain "
    "metrics allowed_operations current_operations license_params",
    "host_metrics": "uuid memory_total memory_free live last_updated",
    "pool": "uuid master restrictions ha_enabled",
    "session": "uuid this_host this_user last_active pool "
    "is_local_superuser subject validation_time auth_user_sid "
    "auth_user_name rbac_permissions tasks parent originator "
    "client_certificate",
    "task": "uuid name_label name_description allowed_operations "
    "current_operations created finished status resident_on progress type "
    "result error_info subtask_of subtasks backtrace",
}


# Fields that the server keeps, and the task's owner may write (spec H.2).
OWNERS = {"task.status", "task.progress", "task.result", "task.error_info"}


def fields(t, w, world):
    """What the documentation says of fields, of what is served."""
    served = set(w.raw("system.listMethods")[0])
    for table, has_setter in ((WRITABLE, True), (READ_ONLY, False)):
        for cls, text in table.items():
            for f in text.split():
                name = "%s.%%s_%s" % (cls, f)
                t.is_(name % "get", name % "get" in served, True)
                t.is_(name % "set", name % "set" in served,
                      has_setter or "%s.%s" % (cls, f) in OWNERS)
    t.is_("required to create a VM", {
        f for f, (_, flags) in w.idl.classes["VM"].items()
        if "required" in flags}, set(REQUIRED))
    for cls, words in w.idl.attributes.items():
        shown = dict(w.idl.shown(cls))
        for m in ("get_all", "get_all_records", "get_all_records_where",
                  "get_record", "get_by_uuid") + (
                  ("get_by_name_label",) if "name_label" in shown else ()):
            want = "listed" in words or \
                (cls == "session" and m == "get_record")
            t.is_("%s.%s" % (cls, m), "%s.%s" % (cls, m) in served, want)


# ---- generic messages ----

def readers(t, w, world):
    for cls, words in w.idl.attributes.items():
        if "listed" not in words:
            continue
        refs = w.call(cls + ".get_all")
        records = w.call(cls + ".get_all_records")
        t.is_(cls + ": get_all and get_all_records", sorted(records),
              sorted(refs))
        t.is_(cls + ": where true", w.call(cls + ".get_all_records_where",
                                           "true"), records)
        for expr in ("false", "", 'field "power_state" = "Halted"'):
            t.fails(w, ["INVALID_VALUE", "expr", expr],
                    cls + ".get_all_records_where", expr)
        for ref, record in records.items():
            read_object(t, w, cls, ref, record)
        for method in ("get_by_uuid",):
            for uuid in ("", "x", "00000000-0000-4000-8000-000000000000"):
                t.fails(w, ["UUID_INVALID", cls, uuid],
                        "%s.%s" % (cls, method), uuid)
        if "name_label" in w.idl.classes[cls] and \
                "%s.get_by_name_label" % cls in w.idl.messages:
            t.is_(cls + ": nobody's name", w.call(cls + ".get_by_name_label",
                                                  "nobody"), [])


def read_object(t, w, cls, ref, record):
    t.is_(cls + ".get_record", w.call(cls + ".get_record", ref), record)
    t.is_(cls + " by uuid", w.call(cls + ".get_by_uuid", record["uuid"]), ref)
    t.is_(cls + ": uuid", bool(wire_call.UUID.fullmatch(record["uuid"])),
          True)
    if cls + ".get_by_name_label" in w.idl.messages:
        t.is_(cls + " by name", ref in w.call(cls + ".get_by_name_label",
                                              record["name_label"]), True)
    for f, _ in w.idl.shown(cls):
        t.is_("%s.get_%s" % (cls, f), w.call("%s.get_%s" % (cls, f), ref),
              record[f])


def setters(t, w, world):
    for name in sorted(w.idl.messages):
        m = w.idl.messages[name]
        if m.generic != "set" or "setter" in w.idl.classes[m.cls][m.field][1]:
            continue
        ref = world.object[m.cls]
        kind, flags = w.idl.classes[m.cls][m.field]
        if ref == UNKNOWN:
            continue  # none of this class yet
        get = "%s.get_%s" % (m.cls, m.field)
        was = w.call(get, ref)
        # A setter of its own has bounds of its own.
        small = "setter" in flags and kind[0] == "int"
        for value in [60, 0] if small else values_of(world, kind):
            t.is_(name, w.call(name, ref, value), "")
            t.is_(get, w.call(get, ref), value)
            t.is_(m.cls + ".get_record", w.call(m.cls + ".get_record", ref)
                  [m.field], value)
        if kind[0] == "map":
            maps(t, w, m, ref, get)
        if kind[0] == "set":
            sets(t, w, m, ref, get)
        w.call(name, ref, was)


def values_of(world, kind):
    if kind[0] == "map":
        return [{"a": "1", "b <&>": ""}, {}]
    if kind[0] == "set":
        return [["a", "b <&>"], []]
    if kind[0] == "bool":
        return [True, False]
    if kind[0] == "int":
        return [(1 << 63) - 1, -(1 << 63), 0]
    if kind[0] == "ref":
        return [world.sample(kind), NULL]
    if kind[0] == "enum":
        return [world.sample(kind)]
    return [world.sample(kind), "", "  x  ", "line\nline\t"]


def maps(t, w, m, ref, get):
    add = m.name.replace(".set_", ".add_to_")
    remove = m.name.replace(".set_", ".remove_from_")
    t.is_(add, w.call(add, ref, "k", "v"), "")
    t.is_(get, w.call(get, ref), {"k": "v"})
    uuid = w.call(m.cls + ".get_uuid", ref)
    t.fails(w, ["MAP_DUPLICATE_KEY", m.cls, m.field, uuid, "k"], add, ref,
            "k", "other")
    t.is_("nothing changed", w.call(get, ref), {"k": "v"})
    t.is_(remove + ", not there", w.call(remove, ref, "other"), "")
    t.is_(remove, w.call(remove, ref, "k"), "")
    t.is_(get, w.call(get, ref), {})


def sets(t, w, m, ref, get):
    add = m.name.replace(".set_", ".add_")
    remove = m.name.replace(".set_", ".remove_")
    for _ in range(2):
        t.is_(add, w.call(add, ref, "x"), "")
        t.is_(get, w.call(get, ref), ["x"])
    t.is_(remove, w.call(remove, ref, "x"), "")
    t.is_(remove + " again", w.call(remove, ref, "x"), "")
    t.is_(get, w.call(get, ref), [])


# ---- sessions ----

def sessions(t, w, world, d, idl):
    other = wire_call.Wire(d, idl)
    other.login("root", d.password())
    t.is_("session.get_record", w.call("session.get_record", w.session)
          ["auth_user_name"], "root")
    for f, _ in idl.shown("session"):
        t.fails(w, ["HANDLE_INVALID", "session", other.session],
                "session.get_" + f, other.session)
    for m in ("get_all", "get_all_records", "get_by_uuid"):
        t.fails(w, ["MESSAGE_METHOD_UNKNOWN", "session." + m], "session." + m)
    t.is_("logout", other.call("session.logout"), "")
    t.is_("dead at once", other.error("VM.get_all"),
          ["SESSION_INVALID", other.session])
    t.is_("logout twice", other.error("session.logout"),
          ["SESSION_INVALID", other.session])
    for user, password in (("root", "wrong"), ("", ""), ("nobody", "x")):
        _, why = other.raw("session.login_with_password", user, password)
        t.is_("bad login", why[:2], ["SESSION_AUTHENTICATION_FAILED", user])
        t.is_("three parts", len(why), 3)


# ---- roles ----

ROLES = {  # least role of the messages of the documentation's table
    "read-only": "VM.assert_can_boot_here VM.compute_memory_overhead "
    "VM.get_cooperative VM.maximise_memory VM.wait_memory_target_live "
    "host.compute_free_memory host.compute_memory_overhead "
    "VM.get_possible_hosts VM.assert_operation_valid",
    "vm-operator": "VM.start VM.suspend VM.resume VM.pause VM.unpause "
    "VM.clean_shutdown VM.hard_shutdown VM.clean_reboot VM.hard_reboot",
    "vm-admin": "VM.set_VCPUs_max VM.set_VCPUs_at_startup "
    "VM.set_VCPUs_number_live VM.create VM.destroy VM.clone "
    "VM.set_name_label VM.add_to_other_config",
    "vm-power-admin": "VM.set_memory VM.set_memory_limits "
    "VM.set_memory_static_range VM.set_memory_static_max "
    "VM.set_memory_static_min VM.set_memory_dynamic_range "
    "VM.set_memory_dynamic_max VM.set_memory_dynamic_min "
    "VM.set_memory_target_live VM.set_HVM_shadow_multiplier "
    "VM.set_shadow_multiplier_live VM.start_on VM.resume_on VM.pool_migrate "
    "VM.set_affinity",
    "pool-operator": "host.set_name_label pool.set_name_label",
    "pool-admin": "VM.update_allowed_operations",
}


def hashed(password):
    """As the accounts file has it: crypt(3), SHA-512 for its speed."""
    crypt = ctypes.CDLL("libcrypt.so.1").crypt
    crypt.restype = ctypes.c_char_p
    return crypt(password.encode(), b"$6$rounds=1000$salt$").decode()


def roles(t, w, world, d, idl):
    for role, text in ROLES.items():
        for m in text.split():
            t.is_(m + ": least role", idl.messages[m].role, role)
    with open(d.state + "/users", "a", encoding="utf-8") as f:
        for role in idl.roles:
            if role == "client-cert":
                continue  # only a certificate gives it: see roles.py
            f.write("%s:%s:%s\n" % (role.replace("-", "_"), hashed(
                "password-of-" + role), role))
    d.process.send_signal(signal.SIGHUP)
    for i, role in enumerate(idl.roles):
        if role == "client-cert":
            continue
        user = login_as(d, idl, role)
        if user is None:
            t.is_("login as " + role, None, role)
            continue
        for name, m in sorted(idl.messages.items()):
            if i <= idl.roles.index(m.role):
                let_in(t, user, world, m)


def login_as(d, idl, role):
    user = wire_call.Wire(d, idl)
    for _ in range(50):
        value, why = user.raw("session.login_with_password",
                              role.replace("-", "_"), "password-of-" + role)
        if why is None:
            user.session = value
            return user
    return None


def let_in(t, user, world, m):
    """Called with refs of nothing by who may: past the check of roles."""
    if not m.session or not m.params or m.params[0][1][0] != "ref":
        return
    args = [UNKNOWN] + [world.sample(p[1]) for p in m.params[1:]]
    t.is_(m.name, user.raw(m.name, user.session, *args)[1],
          ["HANDLE_INVALID", m.params[0][1][1], UNKNOWN])


# ---- power states ----

# By operation: the states it is allowed in, as errors print them.
STATES = {
    "start": "halted", "start_on": "halted", "unpause": "paused",
    "changing_shadow_memory": "halted", "resume": "suspended",
    "resume_on": "suspended", "pause": "running", "suspend": "running",
    "pool_migrate": "running", "clean_shutdown": "running",
    "clean_reboot": "running", "changing_memory_live": "running",
    "awaiting_memory_live": "running", "changing_VCPUs_live": "running",
    "changing_shadow_memory_live": "running",
    "hard_reboot": "paused, running", "changing_VCPUs": "halted",
    "hard_shutdown": "paused, suspended, running",
    "destroy": "halted, suspended", "clone": "halted",
    "changing_dynamic_range": "halted, running",
    "changing_static_range": "halted", "changing_memory_limits": "halted",
}
CONTROL = dict(STATES, changing_VCPUs="halted, running",
               changing_static_range="halted, running",
               changing_memory_limits="halted, running")
ON_TEMPLATE = {"changing_dynamic_range", "changing_static_range",
               "changing_memory_limits", "changing_shadow_memory",
               "changing_VCPUs", "clone", "destroy"}
ON_CONTROL = {"changing_memory_live", "awaiting_memory_live",
              "changing_dynamic_range", "changing_memory_limits",
              "changing_static_range", "start", "start_on"}
PRINTED = {"changing_memory_limits": "(unknown operation)",
           "changing_VCPUs": "(unknown operation)"}


def states(t, w, world):
    w.call("VM.suspend", world.vm["tosuspend"])
    kinds = {"halted": "halted", "running": "running", "paused": "paused",
             "tosuspend": "suspended", "template": "halted",
             "dom0": "running"}
    seen = set()
    for m in w.idl.messages.values():
        if m.operation is None:
            continue
        seen.add(m.operation)
        for vm, state in kinds.items():
            refused_by_state(t, w, world, m, vm, state)
    t.is_("operations of the table", seen, set(STATES))
    for op in w.idl.operations:
        for vm, state in kinds.items():
            if op in STATES:
                t.is_("assert_operation_valid %s on %s" % (op, vm),
                      asserted(w, world, vm, op),
                      refusal(world, vm, op, state))


def asserted(w, world, vm, op):
    ref = world.dom0 if vm == "dom0" else world.vm[vm]
    why = w.raw("VM.assert_operation_valid", w.session, ref, op)[1]
    return why[:1] if why and why[0] == "OPERATION_NOT_ALLOWED" else why


def refusal(world, vm, op, state):
    """The documented refusal of an operation, None: it is allowed."""
    ref = world.dom0 if vm == "dom0" else world.vm[vm]
    allowed = (CONTROL if vm == "dom0" else STATES)[op]
    if state not in allowed.split(", "):
        return ["VM_BAD_POWER_STATE", ref, allowed, state]
    if vm == "template" and op not in ON_TEMPLATE:
        return ["VM_IS_TEMPLATE", ref, PRINTED.get(op, op)]
    if vm == "dom0" and op not in ON_CONTROL:
        return ["OPERATION_NOT_ALLOWED"]
    return None


def refused_by_state(t, w, world, m, vm, state):
    want = refusal(world, vm, m.operation, state)
    if want is None:
        return  # done rightly elsewhere
    ref = world.dom0 if vm == "dom0" else world.vm[vm]
    args = [ref] + [world.sample(p[1]) for p in m.params[1:]]
    why = w.error(m.name, *args)
    t.is_("%s on %s" % (m.name, vm), why[:len(want)], want)


def allowed_operations(t, w, world):
    never = {"changing_memory_live", "awaiting_memory_live",
             "changing_memory_limits", "changing_shadow_memory_live",
             "changing_VCPUs", "get_boot_record", "csvm", "send_sysrq",
             "send_trigger", "call_plugin", "data_source_op",
             "create_template", "power_state_reset", "query_services",
             "shutdown", "assert_operation_valid",
             "update_allowed_operations", "import", "reverting"}
    for name, ref in list(world.vm.items()) + [("dom0", world.dom0)]:
        got = w.call("VM.get_allowed_operations", ref)
        t.is_(name + ": none that is never listed", never & set(got), set())
        for op in set(w.idl.operations) - never:
            t.is_("%s: %s listed" % (name, op), op in got,
                  w.raw("VM.assert_operation_valid", w.session, ref, op)[1]
                  is None)
    t.is_("dom0 and memory", {o for o in w.call(
        "VM.get_allowed_operations", world.dom0) if "changing" in o},
        {"changing_dynamic_range", "changing_static_range"})


def learn(idl):
    """A value of each enum, for samples."""
    ENUMS.update({e: v[0] for e, v in idl.enums.items()})
    ENUMS[idl.operation_enum] = "start"


def main():
    t, idl = Tally(), wire_idl.Idl()
    learn(idl)
    with tempfile.NamedTemporaryFile("w", suffix=".ini") as sim:
        sim.write(WORLD)
        sim.flush()
        with daemon.running(sim=sim.name) as d:
            w = wire_call.Wire(d, idl)
            w.login("root", d.password())
            world = World(w)
            t.section("names", names, w, world)
            t.section("fields", fields, w, world)
            t.section("readers", readers, w, world)
            t.section("setters", setters, w, world)
            t.section("sessions", sessions, w, world, d, idl)
            t.section("states", states, w, world)
            t.section("allowed", allowed_operations, w, world)
            t.section("roles", roles, w, world, d, idl)
            for name, run in wire_stories.SECTIONS:
                t.section(name, run, w, world, d)
    wire_examples.other_worlds(t, idl)
    print("%d passed, %d failed" % (t.passed, t.failed))
    sys.exit(t.failed > 0)


if __name__ == "__main__":
    main()
