#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Events and tasks, as clients use them, against a running daemon.

What event.from says of each kind of change; a client that follows everything
with a loop, as the npm client does; a token of a killed daemon; waits that are
cancelled; Async results; thousands of callers parked at once (EVENTS_PARKED,
default 10000, as far as descriptors reach).
"""
import contextlib
import json
import os
import re
import resource
import select
import socket
import ssl
import sys
import tempfile
import threading
import time
import xmlrpc.client

import daemon
import wire_idl
from daemon import ApiError, vm_record

GIB = 1 << 30
# Of one parked caller; sanitizers need far more: EVENTS_BOUND_KIB=500.
BOUND_KIB = float(os.environ.get("EVENTS_BOUND_KIB", "30"))
CLASSES = {c.lower() for c, words in wire_idl.Idl().attributes.items()
           if "listed" in words}


def check(ok, *what):
    if not ok:
        raise AssertionError(" ".join(str(w) for w in what))


def equal(got, want, what=""):
    check(got == want, what, "got", got, "instead of", want)


def said(answer):
    """What an answer says, without snapshots."""
    return [(e["operation"], e["class"], e["ref"]) for e in answer["events"]]


def new_vm(api, name="a"):
    return api.call("VM.create",
                    vm_record(name, GIB, GIB, 2 * GIB, 2 * GIB))


def now(api, classes=("*",), token=""):
    return api.call("event.from", list(classes), token, 0.0)


def wait_for(api, task):
    """The record of a task that has ended, found by event.from."""
    token = ""
    for _ in range(1000):
        answer = api.call("event.from", ["task/" + task], token, 30.0)
        token = answer["token"]
        for e in answer["events"]:
            if e["snapshot"]["status"] not in ("pending", "cancelling"):
                return e["snapshot"]
    raise AssertionError("the task does not end")


class Aside(threading.Thread):
    """One call in a thread of its own; end() gives its result or raises."""

    def __init__(self, api, *call):
        super().__init__(daemon=True)
        self.api, self.args, self.error, self.result = api, call, None, None
        self.start()

    def run(self):
        try:
            self.result = self.api.call(*self.args)
        except Exception as e:  # told to whoever asks
            self.error = e

    def end(self, timeout=30):
        self.join(timeout)
        check(not self.is_alive(), self.args[0], "does not end")
        if self.error is not None:
            raise self.error
        return self.result


def parked(api, n=1, kind="vm"):
    """Until a wait is seen as a task."""
    for _ in range(3000):
        tasks = [r for r, t in api.call("task.get_all_records").items()
                 if t["status"] == "pending" and
                 t["allowed_operations"] == ["cancel"]]
        if len(tasks) >= n:
            return tasks
        time.sleep(0.01)
    raise AssertionError("nobody waits")


def semantics(d):
    api, other = d.local(), d.local()
    first = now(api)
    equal(set(first["valid_ref_counts"]), CLASSES)
    for cls, n in first["valid_ref_counts"].items():
        check(type(n) is int, cls, "is no i4")
        if cls != "task":
            equal(n, len([e for e in first["events"] if e["class"] == cls]))
    check(re.fullmatch(r"\d{20},\d{20}", first["token"]), first["token"])
    for e in first["events"]:
        equal(e["operation"], "add")
        equal(e["timestamp"], "0.0")
        check(e["id"].isdigit(), e["id"])
    # Nothing: waits, then an empty answer with a token.
    began = time.monotonic()
    idle = api.call("event.from", ["vm", "host"], first["token"], 0.3)
    check(time.monotonic() - began >= 0.3, "did not wait")
    equal(said(idle), [])
    # Something new, with its snapshot.
    vm = new_vm(other)
    got = now(api, ["vm"], idle["token"])
    equal(said(got), [("add", "vm", vm)])
    equal(got["events"][0]["snapshot"], api.call("VM.get_record", vm))
    # Several changes of one object are one.
    other.call("VM.set_name_label", vm, "b")
    other.call("VM.set_name_description", vm, "c")
    mod = now(api, ["VM"], got["token"])
    equal(said(mod), [("mod", "vm", vm)])
    equal(mod["events"][0]["snapshot"]["name_label"], "b")
    # Made and destroyed in between: nothing.  Adds, mods, dels.
    other.call("VM.destroy", new_vm(other))
    equal(said(now(api, ["vm"], mod["token"])), [])
    second = new_vm(other)
    third = new_vm(other)
    here = now(api, ["vm"], mod["token"])
    other.call("VM.destroy", second)
    other.call("VM.set_name_label", vm, "d")
    fourth = new_vm(other)
    last = now(api, ["vm"], here["token"])
    equal(said(last), [("add", "vm", fourth), ("mod", "vm", vm),
                       ("del", "vm", second)])
    check("snapshot" not in last["events"][2], "a snapshot of what is gone")
    # One object; a class that there is not; any case.
    equal(said(now(api, ["VM/" + vm], here["token"])), [("mod", "vm", vm)])
    equal(said(now(api, ["blob", "vM/" + third])), [("add", "vm", third)])
    # inject
    token = api.call("event.inject", "VM", vm)
    check(token > last["token"], "the token does not grow")
    equal(said(now(api, ["vm"], last["token"])), [("mod", "vm", vm)])
    equal(said(now(api, ["vm"], token)), [])
    equal(api.error("event.inject", "vm", vm), ["HANDLE_INVALID", "vm", vm])
    equal(api.error("event.inject", "VM", "x"), ["HANDLE_INVALID", "VM", "x"])
    equal(api.error("event.inject", "session", api.session),
          ["HANDLE_INVALID", "session", api.session])
    # What is refused.
    for token in ("x", "1", "1,", ",1", "1,2,3", "-1,2", " 1,2", "1" * 21 +
                  ",1", "99999999999999999999,1"):
        equal(api.error("event.from", ["*"], token, 0.0),
              ["EVENT_FROM_TOKEN_PARSE_FAILURE", token])
    for text in ("", "/", "/x", "vm/"):
        equal(api.error("event.from", [text], "", 0.0),
              ["EVENT_SUBSCRIPTION_PARSE_FAILURE", text])
    equal(api.error("event.from", ["*"], "%020d,%020d" % (1, 1), 0.0),
          ["EVENTS_LOST"])
    # A host is told of when VMs come and go.
    host = api.call("host.get_all")[0]
    before = now(api, ["host"])
    other.call("VM.start", vm, False, False)
    check(("mod", "host", host) in said(now(api, ["host"], before["token"])),
          "no event of the host")
    other.call("VM.hard_shutdown", vm)
    # A session that ends while it waits.
    gone = d.local()
    token = now(gone, ["vm"])["token"]
    wait = Aside(gone, "event.from", ["vm"], token, 60.0)
    d.await_event_waits(1)
    ender = daemon.Api.__new__(daemon.Api)
    ender.proxy, ender.session = d.local().proxy, gone.session
    ender.call("session.logout")
    try:
        wait.end()
        check(False, "a dead session was answered")
    except ApiError as e:
        equal(list(e.args), ["SESSION_INVALID", gone.session])
    # The old way.
    equal(api.error("event.next"), ["SESSION_NOT_REGISTERED", api.session])
    api.call("event.register", ["vm"])
    other.call("VM.set_name_label", vm, "e")
    got = api.call("event.next")
    equal([(e["operation"], e["class"], e["ref"]) for e in got],
          [("mod", "vm", vm)])
    wait = Aside(api, "event.next")
    d.await_event_waits(1)
    other.call("VM.set_name_label", vm, "f")
    equal(wait.end()[0]["snapshot"]["name_label"], "f")
    api.call("event.unregister", ["vm"])
    equal(api.error("event.next"), ["SESSION_NOT_REGISTERED", api.session])
    check(int(api.call("event.get_current_id")) > 0)


def follow(d, api, token, cache, done):
    """The loop of the npm client: a cache of everything, kept by events."""
    while True:
        answer = api.call("event.from", ["*"], token, 5.0)
        token = answer["token"]
        for e in answer["events"]:
            if e["operation"] == "del":
                cache.pop(e["ref"], None)
            else:
                cache[e["ref"]] = e["snapshot"]
        if done.is_set() and not answer["events"]:
            return


def many(d):
    """More than is made in one piece: written event by event."""
    api = d.local()
    vms = [new_vm(api, "many") for _ in range(100)]
    api.call("event.register", ["vm"])
    before = now(api)
    equal({e["ref"]: e["snapshot"] for e in before["events"]
           if e["class"] == "vm"}, api.call("VM.get_all_records"))
    json_ = json.loads(raw_call(d, "/jsonrpc", {}, json.dumps(
        {"jsonrpc": "2.0", "id": 1, "method": "event.from",
         "params": [api.session, ["*"], "", 0.0]}).encode()))["result"]
    equal(sorted(said(json_)), sorted(said(before)))
    equal(json_["valid_ref_counts"], before["valid_ref_counts"])
    check(json_["token"] >= before["token"], json_["token"])
    for vm in vms:
        api.call("VM.set_name_label", vm, "renamed")
    token = before["token"]
    equal(sorted(said(now(api, ["vm"], token))),
          sorted(("mod", "vm", vm) for vm in vms))
    got = api.call("event.next")
    equal(sorted(e["ref"] for e in got), sorted(vms))
    equal({e["snapshot"]["name_label"] for e in got}, {"renamed"})
    api.call("event.unregister", ["vm"])
    for vm in vms:
        api.call("VM.destroy", vm)
    equal(sorted(said(now(api, ["vm"], token))),
          sorted(("del", "vm", vm) for vm in vms))


def loop(d):
    api, cache, done = d.local(), {}, threading.Event()
    thread = threading.Thread(target=follow,
                              args=(d, api, "", cache, done), daemon=True)
    thread.start()
    callers = [d.local() for _ in range(3)]

    def work(caller):
        for i in range(15):
            vm = new_vm(caller, "n%d" % i)
            caller.call("VM.set_name_label", vm, "m%d" % i)
            if i % 3 == 0:
                caller.call("VM.destroy", vm)
    threads = [threading.Thread(target=work, args=(c,)) for c in callers]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    done.set()
    callers[0].call("event.inject", "pool",
                    callers[0].call("pool.get_all")[0])
    thread.join(30)
    check(not thread.is_alive(), "the loop does not end")
    for name in ("VM", "VM_metrics", "host", "host_metrics", "pool"):
        for ref, record in callers[0].call(
                name + ".get_all_records").items():
            equal(cache[ref], record, name)
    equal(len([1 for r in cache.values() if "memory_static_max" in r]),
          len(callers[0].call("VM.get_all")))


def restart(d):
    api = d.local()
    token = now(api)["token"]
    d.kill()
    d.start()
    api = d.local()
    equal(api.error("event.from", ["*"], token, 0.0), ["EVENTS_LOST"])
    check(len(now(api)["events"]) > 0)


def tasks(d):
    api, other = d.local(), d.local()
    vm = new_vm(api, "tasks")
    rows = [
        ("VM.get_cooperative", (vm,), "<value><boolean>1</boolean></value>"),
        ("VM.maximise_memory", (vm, str(GIB), False), "<value>\\d+</value>"),
        ("VM.set_memory_limits", (vm, str(GIB), str(2 * GIB), str(GIB),
                                  str(2 * GIB)), "<value></value>"),
        ("VM.start", (vm, False, False), "<value></value>"),
        ("VM.hard_shutdown", (vm,), "<value></value>"),
        ("VM.clone", (vm, "copy"), "<value>OpaqueRef:[0-9a-f-]{36}</value>"),
        ("task.create", ("x", "y"),
         "<value>OpaqueRef:[0-9a-f-]{36}</value>"),
    ]
    for method, args, want in rows:
        task = api.call("Async." + method, *args)
        record = wait_for(api, task)
        equal(record["status"], "success", record)
        check(re.fullmatch(want, record["result"]), method, record["result"])
        equal(record["name_label"], "Async." + method)
        equal(record["progress"], 1.0)
        equal(record["allowed_operations"], [])
        api.call("task.destroy", task)
        equal(api.error("task.get_record", task),
              ["HANDLE_INVALID", "task", task])
    failures = [
        ("VM.start", ("OpaqueRef:NULL", False, False),
         ["HANDLE_INVALID", "VM", "OpaqueRef:NULL"]),
        ("VM.set_memory_limits", (vm, "2", "1", "1", "1"),
         ["MEMORY_CONSTRAINT_VIOLATION_ORDER"]),
    ]
    for method, args, want in failures:
        record = wait_for(api, api.call("Async." + method, *args))
        equal(record["status"], "failure")
        equal(record["error_info"], want)
    equal(api.error("Async.VM.get_record", vm)[0], "Fault")
    equal(api.error("Async.VM.nonsense", vm),
          ["MESSAGE_METHOD_UNKNOWN", "Async.VM.nonsense"])
    equal(api.error("Async.VM.start", vm)[0],
          "MESSAGE_PARAMETER_COUNT_MISMATCH")
    # A wait that is cancelled, with a task of its own and without.
    stuck = api.call("VM.create", vm_record(
        "stuck", GIB, GIB, GIB, 2 * GIB,
        other_config={"sim": "stuck"}))
    api.call("VM.start", stuck, False, False)
    api.call("VM.set_memory_dynamic_range", stuck, str(2 * GIB),
             str(2 * GIB))
    task = api.call("Async.VM.wait_memory_target_live", stuck)
    equal(parked(api), [task])
    api.call("task.cancel", task)
    record = wait_for(api, task)
    equal((record["status"], record["error_info"]), ("cancelled", []))
    wait = Aside(other, "VM.wait_memory_target_live", stuck)
    task = parked(api)[0]
    equal(api.call("task.get_name_label", task),
          "VM.wait_memory_target_live")
    began = time.monotonic()
    api.call("task.cancel", task)
    try:
        wait.end()
        check(False, "it was not cancelled")
    except ApiError as e:
        equal(list(e.args), ["TASK_CANCELLED", task])
    check(time.monotonic() - began < 5, "cancelling takes its time")
    equal(api.error("task.get_record", task),
          ["HANDLE_INVALID", "task", task])
    # One's own task.
    task = api.call("task.create", "mine", "for notes")
    api.call("task.set_progress", task, 0.5)
    equal(api.error("task.set_progress", task, 1.5),
          ["INVALID_VALUE", "progress", "1.5"])
    api.call("task.set_result", task, "<value>1</value>")
    api.call("task.destroy", task)
    equal(list(api.call("task.get_current_operations", task).values()),
          ["destroy"])
    api.call("task.set_status", task, "success")
    equal(api.error("task.get_status", task),
          ["HANDLE_INVALID", "task", task])
    # Old ones go when there are many.
    for _ in range(230):
        last = api.call("Async.VM.get_cooperative", vm)
    wait_for(api, last)
    check(len(api.call("task.get_all")) <= 202, "too many tasks are kept")


def raw_call(d, path, headers, body):
    """One POST with headers of one's own over the Unix socket."""
    conn = daemon.UnixConnection(os.path.join(d.state, "socket"))
    conn.request("POST", path, body, headers)
    text = conn.getresponse().read()
    conn.close()
    return text


def notes(d):
    """What HTTP headers say of a call is in its task, secrets are not."""
    api = d.local()
    headers = {"traceparent": "00-ab-cd-01", "X-Request-Id": "<7>",
               "Authorization": "Basic cm9vdDpyb290", "Cookie": "a=b",
               "X-Api-Key": "k"}
    want = {"http:traceparent": "00-ab-cd-01", "http:x-request-id": "<7>"}
    vm = api.call("VM.create", vm_record(
        "stuck too", GIB, GIB, GIB, 2 * GIB,
        other_config={"sim": "stuck"}))
    api.call("VM.start", vm, False, False)
    api.call("VM.set_memory_dynamic_range", vm, str(2 * GIB), str(2 * GIB))
    wait = "VM.wait_memory_target_live"
    ways = [
        ("/", lambda name: xmlrpc.client.dumps((api.session, vm), name)),
        ("/jsonrpc", lambda name: json.dumps(
            {"jsonrpc": "2.0", "id": 1, "method": name,
             "params": [api.session, vm]})),
    ]
    for path, body in ways:
        for name in ("Async." + wait, wait):
            call = threading.Thread(target=raw_call, daemon=True, args=(
                d, path, headers, body(name).encode()))
            call.start()
            task = parked(api)[0]
            equal(api.call("task.get_name_label", task), name)
            equal(api.call("task.get_other_config", task), want, path)
            api.call("task.cancel", task)
            call.join(30)
            check(not call.is_alive(), name, "does not end")
            if name != wait:
                equal(wait_for(api, task)["other_config"], want)
    task = api.call("Async.VM.get_cooperative", vm)
    equal(wait_for(api, task)["other_config"], {})


def rss_kib(pid):
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))


def request(session, method, *args):
    body = xmlrpc.client.dumps((session,) + args, method).encode()
    return (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body)) + body


def crowd(n):
    """Thousands who wait for one VM, and one who waits for another."""
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as conf, \
         contextlib.ExitStack() as stack:
        conf.write("local_connections = %d\nevent_waits_per_session = %d\n"
                   % (n + 100, n + 1))
        conf.flush()
        d = stack.enter_context(daemon.running(extra=["--config", conf.name]))
        api = d.local()
        vm, quiet = new_vm(api), new_vm(api)
        token = now(api)["token"]
        path = os.path.join(d.state, "socket")
        text = request(api.session, "event.from", ["vm/" + vm], token, 300.0)
        alone = socket.socket(socket.AF_UNIX)
        alone.connect(path)
        alone.sendall(request(api.session, "event.from", ["vm/" + quiet],
                              token, 300.0))
        d.await_event_waits(1)
        before = rss_kib(d.process.pid)
        poll, socks = select.poll(), []
        for _ in range(n):
            s = socket.socket(socket.AF_UNIX)
            s.connect(path)
            s.sendall(text)
            socks.append(s)
            poll.register(s, select.POLLIN)
        d.await_event_waits(n + 1)
        equal(api.error("event.from", ["vm/" + vm], token, 300.0),
              ["TOO_MANY_PENDING_TASKS"])
        equal(len(poll.poll(0)), 0, "answered before anything happened")
        each = (rss_kib(d.process.pid) - before) / n
        began = time.monotonic()
        api.call("VM.set_name_label", vm, "now")
        took = time.monotonic() - began
        left = dict((s.fileno(), s) for s in socks)
        while left:
            ready = poll.poll(30000)
            check(ready, len(left), "were not answered")
            for fd, _ in ready:
                data = left[fd].recv(65536)
                check(b"<value>mod</value>" in data, data)
                poll.unregister(fd)
                del left[fd]
        print("%d parked over the Unix socket: %.1f KiB each; the change "
              "took %.0f ms, all were told in %.0f ms" %
              (n, each, took * 1e3, (time.monotonic() - began) * 1e3))
        check(each <= BOUND_KIB, "a parked caller takes", each, "KiB")
        check(not select.select([alone], [], [], 0)[0], "woken for nothing")
        # The daemon ends: an empty answer with a token.
        d.stop()
        data = alone.recv(65536)
        check(b"<name>token</name>" in data and b"<value>mod" not in data)
        for s in socks:
            s.close()


def crowd_tls(n):
    """The same over TLS: what a parked caller takes, its connection too."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with daemon.running() as d:
        api = d.https()
        vm = new_vm(api)
        text = request(api.session, "event.from", ["vm/" + vm],
                       now(api)["token"], 300.0)
        host, port = d.url[len("https://"):].split(":")
        before, socks = rss_kib(d.process.pid), []
        for _ in range(n):
            s = context.wrap_socket(socket.create_connection(
                (host, int(port))))
            s.sendall(text)
            socks.append(s)
        d.await_event_waits(n)
        each = (rss_kib(d.process.pid) - before) / n
        api.call("VM.set_name_label", vm, "now")
        for s in socks:
            s.settimeout(30)
            check(b"<value>mod</value>" in s.recv(65536), "not told")
            s.close()
        print("%d parked over TLS: %.1f KiB each" % (n, each))
        check(each <= BOUND_KIB, "a parked caller takes", each, "KiB")


def main():
    with daemon.running() as d:
        semantics(d)
        tasks(d)
        notes(d)
        many(d)
        loop(d)
        restart(d)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    n = min(int(os.environ.get("EVENTS_PARKED", "10000")), hard - 500)
    crowd(n)
    crowd_tls(min(n, 900))
    print("8 passed, %d parked" % n)
    return 0


if __name__ == "__main__":
    sys.exit(main())
