#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every message called wrongly, in every protocol: one table of messages,
misuses and documented errors, said in XML-RPC, in JSON-RPC 1.0 and 2.0 and,
where a command makes the call, on /cli.

Names, types and roles come from the IDL as wire_idl.py reads it, the errors
from the documentation.  Prints what failed, and at the end "N passed".
"""
import json
import os
import signal
import sys
import tempfile
import time

import daemon
import json_rpc
import thin_cli
import wire
import wire_call
import wire_idl

# Of the messages' rows so many are said once: 1 is all, for slow daemons more.
EVERY = int(os.environ.get("MISUSE_EVERY", "1"))
UNKNOWN, NULL = wire.UNKNOWN, wire_call.NULL
COUNT = "MESSAGE_PARAMETER_COUNT_MISMATCH"
HINT = ("err", "For usage run: 'xe help'\n")


class Date(str):
    """A datetime; each protocol has its own way with them."""


class World(wire.World):
    def sample(self, t):
        if t[0] == "datetime":
            return Date("20260102T03:04:05Z")
        return super().sample(t)


# ---- the table ----

class Row:
    """A call and the failure it gets."""

    def __init__(self, kind, method, params, want):
        self.kind = kind
        self.method = method
        self.params = params  # session included
        self.want = want      # None at the end: any text


def wrong_values(name, t, nullable):
    """(value, ErrorDescription) pairs that a parameter refuses."""
    bad = ["FIELD_TYPE_ERROR", name]
    kind = t[0]
    if kind not in ("map", "record"):
        yield {}, bad
    if kind != "set":
        yield [], bad
    if kind in ("map", "record", "set"):
        yield "text", bad
        yield 1, bad
    if kind == "int":
        for text in ("", "abc", "0x10", " 1", "+1", "1.5", "1_000",
                     "9223372036854775808", "-9223372036854775809",
                     True, 1.5):
            yield text, bad
    if kind == "float":
        for text in ("", "abc", "nan", "inf", "-inf", "1e999", True):
            yield text, bad
    if kind == "bool":
        for value in ("true", "1", 1, 1.5):
            yield value, bad
    if kind in ("string", "enum", "ref"):
        yield 1, bad
        yield True, bad
    if kind == "enum":
        yield "nonsense", ["INVALID_VALUE", name, "nonsense"]
    if kind == "ref" and t[1] != "any":
        yield "garbage", ["HANDLE_INVALID", t[1], "garbage"]
        if name not in nullable:
            yield UNKNOWN, ["HANDLE_INVALID", t[1], UNKNOWN]
    if kind == "map":
        yield {"k": []}, bad
    if kind == "set":
        yield [{}], bad


def counts(m, session, args, method):
    """Too few and too many."""
    n, lead = len(args), [session] if m.session else []
    wanted = [COUNT, m.name, str(m.required)]
    if m.session:
        yield Row("no parameters at all", method, [],
                  wanted + ["0"] if m.required else ["SESSION_INVALID", ""])
    if m.required:
        yield Row("missing", method, lead + args[:m.required - 1],
                  wanted + [str(m.required - 1)])
        if m.session:
            yield Row("missing, dead session", method,
                      [UNKNOWN] + args[:m.required - 1],
                      wanted + [str(m.required - 1)])
    if not any(p[2] for p in m.params):
        yield Row("surplus", method, lead + args + ["x"],
                  wanted + [str(n + 1)])


def types(m, session, args, method):
    """A value that is none of the parameter's type."""
    lead = [session] if m.session else []
    for i, (name, t, _) in enumerate(m.params):
        for value, want in wrong_values(name, t, m.nullable):
            if m.generic == "set" and value == UNKNOWN and i == 1:
                continue  # a ref to store need not be there
            if method != m.name and want[0] == "HANDLE_INVALID":
                continue  # the task says so
            yield Row("wrong value", method, lead + args[:i] + [value] +
                      args[i + 1:], want)
        if m.session and t[0] == "int":
            yield Row("wrong value, dead session", method, [UNKNOWN] +
                      args[:i] + ["x"] + args[i + 1:],
                      ["FIELD_TYPE_ERROR", name])


def roles(idl, m, users, args, method):
    """By those whose role is not enough."""
    if not m.session:
        return
    for role, session in users.items():
        if idl.roles.index(role) > idl.roles.index(m.role):
            yield Row("wrong role", method, [session] + args,
                      ["RBAC_PERMISSION_DENIED", m.name.lower(), None])


def table(idl, world, users):
    session = users["pool-admin"]
    for name, m in sorted(idl.messages.items()):
        if m.bare:
            continue  # takes anything
        args = [world.sample(p[1]) for p in m.params]
        for method in (name, "Async." + name):
            if method != name and not m.session:
                continue
            if method != name and not m.asynchronous:
                yield Row("no async form", method, [session] + args,
                          ["Fault", None])
                continue
            yield from counts(m, session, args, method)
            yield from types(m, session, args, method)
            for dead in (UNKNOWN, "nonsense", "", NULL):
                if m.session:
                    yield Row("dead session", method, [dead] + args,
                              ["SESSION_INVALID", dead])
            yield from roles(idl, m, users, args, method)
    for name in ("VM.nonsense", "nonsense", "", "vm.get_all", "VM.get_all.x",
                 "Async.VM_get_all", "Async.VM.nonsense", "VM_", "_"):
        for params, want in (
                ([], ["MESSAGE_METHOD_UNKNOWN", name]),
                ([UNKNOWN], ["SESSION_INVALID", UNKNOWN]),
                ([session, 1, []], ["MESSAGE_METHOD_UNKNOWN", name])):
            yield Row("unknown", name, params, want)
    for user, password in (("root", "wrong"), ("", ""), ("nobody", "x")):
        yield Row("wrong password", "session.login_with_password",
                  [user, password], ["SESSION_AUTHENTICATION_FAILED", user,
                                     None])


# ---- the protocols: each gives the ErrorDescription, or None ----

def in_xml(w):
    def value(v):
        if isinstance(v, Date):
            return wire_call.Xml("<value><dateTime.iso8601>%s"
                                 "</dateTime.iso8601></value>" % v)
        return v

    def say(row):
        return w.raw(row.method, *map(value, row.params),
                     result=("string",))[1]
    return say


def in_json(w, version):
    def say(row):
        body = w.v2 if version == 2 else w.v1
        reply = json.loads(body(row.method, *row.params))
        if version == 1:
            return reply["error"]
        if "error" not in reply:
            return None
        return [reply["error"]["message"]] + reply["error"]["data"]
    return say


def agrees(got, want):
    """Is it the failure? None stands for any text."""
    return got is not None and len(got) == len(want) and all(
        w is None or g == w for g, w in zip(got, want))


# ---- /cli: the same misuses, in words ----

SIZE = ("abc", "Error: Failed to parse field '%s': expecting an integer "
        "(possibly with suffix KiB, MiB, GiB, TiB), got 'abc'\n")
FLOAT = ("abc", "Error: Failed to parse parameter '%s': expecting a "
         "floating-point number\n")
INT = ("abc", "Error: Failed to parse parameter '%s': expecting an "
       "integer\n")
SIZES = {"1GiB": SIZE, "1.5": FLOAT, "2": INT}  # by the right value

# Command: (how it names its object, required words, message that it calls).
COMMANDS = {
    "help": (None, {}, None),
    "host-compute-free-memory": ("hosts", {}, "host.compute_free_memory"),
    "host-compute-memory-overhead": ("hosts", {},
                                     "host.compute_memory_overhead"),
    "host-memory-explain": ("hosts", {}, "host.explain_memory"),
    "memory-reservation-create": ("hosts", {"min": "1GiB", "ttl": "2"},
                                  "memory_reservation.create"),
    "memory-reservation-create-for-vm": ("hosts", {
        "vm-uuid": "VM", "operation": "start", "ttl": "2"},
        "memory_reservation.create_for_VM"),
    "memory-reservation-reset-owner": (None, {"owner": "nobody"},
                                       "memory_reservation.reset_owner"),
    "memory-reservation-transfer": ("memory_reservation", {"vm-uuid": "VM"},
                                    "memory_reservation.transfer"),
    "pool-plan-placement": (None, {"vm-uuids": "VM"}, "pool.plan_placement"),
    "memory-reservation-destroy": ("memory_reservation", {},
                                   "memory_reservation.destroy"),
    "memory-reservation-list": (None, {},
                                "memory_reservation.get_all_records_where"),
    "host-list": (None, {}, "host.get_all_records_where"),
    "pool-list": (None, {}, "pool.get_all_records_where"),
    "task-list": (None, {}, "task.get_all_records_where"),
    "template-list": (None, {}, "VM.get_all_records_where"),
    "vm-list": (None, {}, "VM.get_all_records_where"),
    "task-cancel": ("task", {}, "task.cancel"),
    "vm-clone": ("VMs", {"new-name-label": "x"}, "VM.clone"),
    "vm-compute-maximum-memory": ("VMs", {"total": "1GiB"},
                                  "VM.maximise_memory"),
    "vm-compute-memory-overhead": ("VMs", {}, "VM.compute_memory_overhead"),
    "vm-create": (None, {"name-label": "x"}, "VM.create"),
    "vm-destroy": ("VM", {}, "VM.destroy"),
    "vm-memory-balloon": ("VMs", {"target": "1GiB"},
                          "VM.set_memory_dynamic_range"),
    "vm-memory-dynamic-range-set": ("VMs", {"min": "1GiB", "max": "1GiB"},
                                    "VM.set_memory_dynamic_range"),
    "vm-memory-limits-set": ("VMs", {
        "static-min": "1GiB", "static-max": "1GiB", "dynamic-min": "1GiB",
        "dynamic-max": "1GiB"}, "VM.set_memory_limits"),
    "vm-memory-set": ("VMs", {"memory": "1GiB"}, "VM.set_memory"),
    "vm-memory-shadow-multiplier-set": ("VMs", {"multiplier": "1.5"},
                                        "VM.set_shadow_multiplier_live"),
    "vm-memory-static-range-set": ("VMs", {"min": "1GiB", "max": "1GiB"},
                                   "VM.set_memory_static_range"),
    "vm-memory-stats": ("VMs", {}, "VM.get_memory_stats"),
    "vm-memory-stats-interval-set": ("VMs", {
        "seconds": "5"}, "VM.set_memory_stats_polling_interval"),
    "vm-memory-target-set": ("VMs", {"target": "1GiB"},
                             "VM.set_memory_dynamic_range"),
    "vm-memory-target-wait": ("VMs", {}, "VM.wait_memory_target_live"),
    "vm-memory-touched": ("VMs", {}, "VM.get_touched_memory"),
    "vm-memory-touched-track": ("VMs", {"seconds": "2"},
                                "VM.track_touched_memory"),
    "vm-memory-working-set": ("VMs", {"seconds": "1"},
                              "VM.estimate_working_set"),
    "vm-migrate": ("VMs", {}, None),
    "vm-pause": ("VMs", {}, "VM.pause"),
    "vm-reboot": ("VMs", {}, "VM.clean_reboot"),
    "vm-resume": ("VMs", {}, "VM.resume"),
    "vm-shutdown": ("VMs", {}, "VM.clean_shutdown"),
    "vm-start": ("VMs", {}, "VM.start"),
    "vm-suspend": ("VMs", {}, "VM.suspend"),
    "vm-unpause": ("VMs", {}, "VM.unpause"),
    "vm-vcpu-hotplug": ("VMs", {"new-vcpus": "2"},
                        "VM.set_VCPUs_number_live"),
}
for name, cls in (("vm", "VM"), ("template", "VM"), ("host", "host"),
                  ("pool", "pool"), ("task", "task")):
    other = {"param-name": "other-config"}
    COMMANDS.update({
        name + "-param-add": (cls, dict(other, new="v"),
                              cls + ".add_to_other_config"),
        name + "-param-clear": (cls, other, cls + ".remove_from_other_config"),
        name + "-param-get": (cls, other, cls + ".get_record"),
        name + "-param-list": (cls, {}, cls + ".get_record"),
        name + "-param-remove": (cls, {
            "param-name": "other-config", "param-key": "k"},
            cls + ".remove_from_other_config"),
        name + "-param-set": (cls, {"other-config:k": "v"},
                              cls + ".remove_from_other_config"),
    })
OPTIONAL = {"new", "other-config:k"}  # words above that are not required


def sentence(idl, why):
    """A failure as people read it: the IDL's words, "name: value" lines."""
    text, names = idl.errors[why[0]]
    return "".join(line + "\n" for line in [text] + [
        "%s: %s" % pair for pair in zip(names, why[1:])])


def no_object(idl, how):
    if how in ("VMs", "hosts"):
        return "Error: No matching %s found\n" % how
    return sentence(idl, ["UUID_INVALID", how, "garbage"])


def command_table(idl, uuids, users):
    """(kind, session, words, what is heard before the end)."""
    admin = users["pool-admin"]
    for command, (how, needed, message) in sorted(COMMANDS.items()):
        self = ["uuid=" + uuids[how]] if how else []
        args = ["%s=%s" % (word, uuids.get(value, value))
                for word, value in needed.items()]
        right = [command] + self + args
        if message is None:
            continue  # help needs no session; vm-migrate: see thin_cli.py
        yield ("dead session", UNKNOWN, right,
               [("err", sentence(idl, ["SESSION_INVALID", UNKNOWN]))])
        for i, word in enumerate(needed):
            if word not in OPTIONAL:
                yield ("missing", admin,
                       [command] + self + args[:i] + args[i + 1:],
                       [("err", "Required parameter not found: %s\n" % word),
                        HINT])
            if needed[word] in SIZES:
                value, text = SIZES[needed[word]]
                yield ("wrong value", admin, [command] + self + args[:i] +
                       ["%s=%s" % (word, value)] + args[i + 1:],
                       [("err", text % word)])
        if how:
            yield ("wrong object", admin, [command, "uuid=garbage"] + args,
                   [("err", no_object(idl, how))])
        if how in ("VMs", "hosts"):
            yield ("surplus", admin, right + ["surplus=1"],
                   [("err", "Error: Unknown field 'surplus'\n")])
        elif how:
            yield ("missing", admin, [command] + args,
                   [("err", "Required parameter not found: uuid\n"), HINT])
        m = idl.messages[message]
        for role, session in users.items():
            if idl.roles.index(role) > idl.roles.index(m.role):
                yield ("wrong role", session, right, [("err", sentence(idl, [
                    "RBAC_PERMISSION_DENIED", message.lower(), ""]))])
    for word in ("frobnicate", "VM-LIST", "vm-memory", "--multiple"):
        yield ("unknown", admin, [word],
               [("err", "Unknown command: %s\n" % word), HINT])
    yield ("unknown", admin, [], [("err", "Syntax error: \n"), HINT])


def in_words(t, d, idl, world, users, w):
    listed = set(" ".join(m[1] for m in thin_cli.Cli(d, False).run(
        "help", "--all")[1:-1]).replace(",", " ").split())
    hidden = {"vm-memory-balloon", "vm-memory-target-wait"}
    t.is_("every command is in the table", set(COMMANDS), listed | hidden)
    uuids = {"VMs": w.call("VM.get_uuid", world.vm["halted"]),
             "hosts": w.call("host.get_uuid", world.hosts["lab"])}
    uuids.update(VM=uuids["VMs"], host=uuids["hosts"],
                 pool=w.call("pool.get_uuid", world.object["pool"]),
                 task=w.call("task.get_uuid", world.object["task"]),
                 memory_reservation=w.call(
                     "memory_reservation.get_uuid",
                     world.object["memory_reservation"]))
    for how, ref in (("VM", world.vm["halted"]), ("task", None),
                     ("host", world.hosts["lab"]), ("pool", None)):
        w.call(how + ".add_to_other_config", ref or world.object[how],
               "k", "v")
    for kind, session, words, want in command_table(idl, uuids, users):
        link = thin_cli.Link(d, False, "\n".join(
            ["session_id=" + session] + words).encode())
        link.greet()
        heard = link.hear()
        if kind == "wrong role":  # the roles that may are named behind it
            text = want[0][1]
            t.is_("%r: one text" % words, len(heard), 2)
            heard[0] = (heard[0][0], heard[0][1][:len(text) - 1] + "\n")
        t.is_("/cli: %s: %r" % (kind, words), heard, want + [("exit", 1)])
    heard = thin_cli.Cli(d, True, password="wrong").run("vm-list")
    t.is_("/cli: wrong password", heard,
          [("err", "Authentication failed\n"), HINT, ("exit", 1)])


# ---- all of it ----

def add_users(d, idl):
    """A session of each role, by name."""
    users = {}
    for role in idl.roles:
        if role == "client-cert":
            continue  # only a certificate gives it: see roles.py
        with open(d.state + "/users", "a", encoding="utf-8") as f:
            f.write("u-%s:%s:%s\n" % (role, wire.hashed("pw"), role))
    d.process.send_signal(signal.SIGHUP)
    for role in idl.roles:
        if role != "client-cert":
            users[role] = in_as(d, "u-" + role)
    return users


def in_as(d, user):
    """The accounts file is read again soon."""
    for _ in range(50):
        try:
            return d.https(user, "pw").session
        except daemon.ApiError:
            time.sleep(0.1)
    raise AssertionError("%s does not get in" % user)


def in_protocols(t, d, idl, world, users, w):
    j = json_rpc.Wire(d)
    says = {"XML-RPC": in_xml(w), "JSON-RPC 1.0": in_json(j, 1),
            "JSON-RPC 2.0": in_json(j, 2)}
    rows = list(table(idl, world, users))
    for i, row in enumerate(rows):
        for at, (protocol, say) in enumerate(says.items()):
            if (i + at) % EVERY != 0:
                continue
            got = say(row)
            what = "%s: %s: %s%r" % (protocol, row.kind, row.method,
                                     tuple(row.params))
            if agrees(got, row.want):
                t.passed += 1
            else:
                t.is_(what, got, row.want)
    t.is_("every message but those that take anything",
          len({r.method for r in rows if r.method in idl.messages}),
          len([m for m in idl.messages.values()
               if not m.bare and (m.session or m.params)]))
    j.http.close()


def main():
    t, idl = wire.Tally(), wire_idl.Idl()
    wire.learn(idl)
    with tempfile.NamedTemporaryFile("w", suffix=".ini") as sim:
        sim.write(wire.WORLD)
        sim.flush()
        with daemon.running(sim=sim.name) as d:
            users = add_users(d, idl)
            w = wire_call.Wire(d, idl)
            w.session = users["pool-admin"]
            w.call("task.create", "mine", "to be misused")
            w.call("memory_reservation.create", w.call("host.get_all")[0],
                   wire.MIB, wire.MIB, 3600, "mine")
            world = World(w)
            t.section("messages", in_protocols, d, idl, world, users, w)
            t.section("commands", in_words, d, idl, world, users, w)
    print("%d passed, %d failed" % (t.passed, t.failed))
    sys.exit(t.failed > 0)


if __name__ == "__main__":
    main()
