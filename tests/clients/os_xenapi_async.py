# SPDX-License-Identifier: BSD-2-Clause
"""python3-os-xenapi: sessions that end, tasks that are polled, events.

Sections of os_xenapi.py.
"""
import re
import threading
import time
import xmlrpc.client

import daemon
from os_xenapi.client import XenAPI

GIB = 1 << 30
MIB = 1 << 20
TOKEN = re.compile(r"\d{20},\d{20}")


def fresh(d, *login):
    session = XenAPI.Session(d.url + "/")
    session.login_with_password(*(login or ("root", d.password())))
    return session


def sessions(t, d):
    """Dead sessions are replaced by the client, by logging in again."""
    session = fresh(d)
    t.is_("API version by itself", session.API_version, "2.23")
    was = session.handle
    session.session.logout(was)  # behind the client's back
    t.is_("retry on SESSION_INVALID",
          len(session.xenapi.VM.get_all()) > 0, True)
    t.is_("with a new session", session.handle != was, True)
    again = session.handle
    for _ in range(2):  # more than once
        session.session.logout(session.handle)
        session.xenapi.pool.get_all()
    t.is_("and again", session.handle not in (was, again), True)
    session.xenapi.session.logout()
    t.is_("logout", session.handle, None)

    session = XenAPI.Session(d.url + "/", allow_none=True)  # sends <nil/>
    try:
        session.xenapi.VM.get_all()
        raise AssertionError("a call without a login")
    except xmlrpc.client.Fault as e:
        t.is_("never logged in", e.faultCode, 401)
    session.slave_local_login_with_password("root", d.password())
    t.is_("local login", session.handle.startswith("OpaqueRef:"), True)
    session.logout()


def restart(t, d, session):
    """The daemon is killed: the same client object goes on."""
    x = session.xenapi
    vm = x.VM.create(daemon.vm_record("kept", 0, GIB, GIB, GIB))
    token = x.event_from(["vm"], "", 0.0)["token"]
    d.kill()
    d.port = int(d.url.rsplit(":", 1)[1])
    d.start()
    try:
        x.pool.get_all()
    except OSError as e:  # the one call that finds its connection dead
        print("--  %s" % e)
    t.is_("the client goes on", x.VM.get_name_label(vm), "kept")
    x.VM.set_name_label(vm, "changed")
    try:
        batch = x.event_from(["vm"], token, 30.0)
        told = {e["ref"]: e["snapshot"]["name_label"]
                for e in batch["events"]}
        t.is_("an old token: no gap", told.get(vm), "changed")
    except XenAPI.Failure as e:
        t.is_("an old token", e.details[0], "EVENTS_LOST")
    x.VM.destroy(vm)


def finish(x, task):
    """Poll, as clients do, until a task is over; its status."""
    while x.task.get_status(task) == "pending":
        pass
    return x.task.get_status(task)


def offers(x, task):
    """What may be done with a task, once its call is so far that it waits."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        operations = x.task.get_allowed_operations(task)
        if operations:
            return operations
    return []


def tasks(t, d, x):
    vm = x.VM.create(daemon.vm_record("tasks", 0, GIB, GIB, GIB))

    def done(what, want, task):
        t.is_(what, (finish(x, task), x.task.get_error_info(task)),
              ("success", []))
        result = x.task.get_result(task)
        t.is_("    its result", re.fullmatch(want, result) is not None, True)
        t.is_("    its progress", x.task.get_progress(task), 1.0)
        t.is_("    destroyed", x.task.destroy(task), "")
        t.fails("    for good", ["HANDLE_INVALID", "task", task],
                x.task.get_status, task)
        return result

    done("an int", r"<value>\d+</value>",
         x.Async.VM.maximise_memory(vm, str(GIB), False))
    done("void", "<value></value>", x.Async.VM.set_memory(vm, str(2 * GIB)))
    copy = done("a reference", r"<value>OpaqueRef:[-0-9a-f]{36}</value>",
                x.Async.VM.clone(vm, "copy"))
    x.VM.destroy(copy[len("<value>"):-len("</value>")])

    task = x.Async.VM.set_memory_dynamic_range(vm, "2", "1")
    t.is_("a failure", finish(x, task), "failure")
    t.is_("    its error", x.task.get_error_info(task),
          ["MEMORY_CONSTRAINT_VIOLATION_ORDER"])
    t.is_("    its result", x.task.get_result(task), "")
    x.task.destroy(task)
    task = x.Async.VM.pause(vm)
    finish(x, task)
    record = x.task.get_record(task)
    t.is_("    with parameters", record["error_info"],
          ["VM_BAD_POWER_STATE", vm, "running", "halted"])
    t.is_("    its name", record["name_label"], "Async.VM.pause")
    x.task.destroy(task)
    t.fails("an unknown message", ["MESSAGE_METHOD_UNKNOWN"],
            x.Async.VM.fly, vm)
    own = x.task.create("own", "of the client")
    x.task.set_progress(own, 0.5)
    t.is_("own task", (x.task.get_status(own), x.task.get_progress(own)),
          ("pending", 0.5))
    x.task.set_status(own, "failure")
    t.is_("    ended by its owner", x.task.get_status(own), "failure")
    x.task.destroy(own)
    x.VM.destroy(vm)


def cancel(t, d, x):
    """A wait for a balloon that never moves ends when it is cancelled."""
    vm = x.VM.create(daemon.vm_record(
        "stuck", 0, 512 * MIB, 512 * MIB, GIB, other_config={"sim": "stuck"}))
    x.VM.start(vm, False, False)
    x.VM.set_memory_dynamic_range(vm, str(768 * MIB), str(GIB))
    task = x.Async.VM.wait_memory_target_live(vm)
    t.is_("it waits", x.task.get_status(task), "pending")
    t.is_("    may be cancelled", offers(x, task), ["cancel"])
    t.is_("    is not at its end", 0 <= x.task.get_progress(task) < 1, True)
    x.task.cancel(task)
    t.is_("cancelled", finish(x, task), "cancelled")
    x.task.destroy(task)
    x.VM.hard_shutdown(vm)
    x.VM.destroy(vm)


def events(t, d, x):
    everything = getattr(x.event, "from")(["*"], "", 0.0)
    token = everything["token"]
    t.is_("token", TOKEN.fullmatch(token) is not None, True)
    t.is_("from the start all is new",
          {e["operation"] for e in everything["events"]}, {"add"})
    counts = everything["valid_ref_counts"]
    t.is_("counts are <i4>, of every class",
          (counts["vm"], counts["task"], counts["pool"]),
          (len(x.VM.get_all()), len(x.task.get_all()), 1))
    vm = x.VM.create(daemon.vm_record("told", 0, GIB, GIB, GIB))

    def one(what, subscription, operation):
        nonlocal token
        batch = x.event_from([subscription], token, 30.0)
        token = batch["token"]
        got = [(e["class"], e["operation"], e["ref"])
               for e in batch["events"]]
        t.is_(what, got, [("vm", operation, vm)])
        return batch["events"][0]

    record = one("add", "VM", "add")["snapshot"]
    t.is_("    a whole record", record, x.VM.get_record(vm))
    x.VM.set_memory(vm, str(2 * GIB))
    event = one("mod, of one object", "vm/" + vm, "mod")
    t.is_("    of now", event["snapshot"]["memory_static_max"],
          str(2 * GIB))
    t.is_("    a timestamp", event["timestamp"], "0.0")
    t.is_("    a number", event["id"].isdigit(), True)
    idle = x.event_from(["vm/" + vm], token, 0.1)
    t.is_("nothing: after the timeout", idle["events"], [])
    injected = x.event.inject("VM", vm)
    t.is_("inject", TOKEN.fullmatch(injected) is not None, True)
    one("inject is a mod", "vm", "mod")
    parked(t, d, x, vm, token)
    token = x.event_from(["vm"], token, 30.0)["token"]
    x.VM.destroy(vm)
    t.is_("del: no snapshot", "snapshot" in one("del", "vm", "del"), False)
    t.fails("a token of nothing",
            ["EVENT_FROM_TOKEN_PARSE_FAILURE", "yesterday"], x.event_from,
            ["vm"], "yesterday", 0.0)


def parked(t, d, x, vm, token):
    """A call that waits for events is answered by the next change."""
    session = fresh(d)
    got = []

    def wait():
        got.append(session.xenapi.event_from(["vm/" + vm], token, 120.0))

    waiting = threading.Thread(target=wait)
    waiting.start()
    x.VM.set_name_description(vm, "woken")
    waiting.join(60)
    t.is_("woken", [e["snapshot"]["name_description"]
                    for e in got[0]["events"]], ["woken"])
    session.xenapi.session.logout()


def old_events(t, d, x):
    """event.register and event.next, for clients of long ago."""
    t.fails("not registered", ["SESSION_NOT_REGISTERED"], x.event.next)
    x.event.register(["VM"])
    before = int(x.event.get_current_id())
    vm = x.VM.create(daemon.vm_record("next", 0, GIB, GIB, GIB))
    found = [e for e in x.event.next() if e["ref"] == vm]
    t.is_("next", [(e["class"], e["operation"]) for e in found],
          [("vm", "add")])
    t.is_("the id has moved", int(x.event.get_current_id()) > before, True)
    x.event.unregister(["VM"])
    t.fails("unregistered", ["SESSION_NOT_REGISTERED"], x.event.next)
    x.VM.destroy(vm)


def run(t, d, session):
    sessions(t, d)
    tasks(t, d, session.xenapi)
    cancel(t, d, session.xenapi)
    events(t, d, session.xenapi)
    old_events(t, d, session.xenapi)
    restart(t, d, session)
