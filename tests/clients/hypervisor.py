# SPDX-License-Identifier: BSD-2-Clause
"""The hypervisor process as the daemon sees it: refusing, hung, gone.

usage: hypervisor.py
"""
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

import daemon


def same(what, got, wanted):
    if got != wanted:
        raise AssertionError("%s: %r, not %r" % (what, got, wanted))


def has(what, text, part):
    if part not in text:
        raise AssertionError("%s: %r not in %r" % (what, part, text))


def staged(folder, script):
    """The daemon, beside an xenapi-memory-hv-xen that is a script."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "xenapi-memoryd")
    shutil.copy2(daemon.DAEMON, path)
    program = os.path.join(folder, "xenapi-memory-hv-xen")
    with open(program, "w") as f:
        f.write("#!/bin/sh\n" + script)
    os.chmod(program, 0o755)
    return [path, "--state", os.path.join(folder, "state"), "--listen",
            "127.0.0.1:0"]


def run(argv):
    r = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    return r.returncode, r.stdout, r.stderr


def refusals():
    """What the process says at the first start is the daemon's last word."""
    with tempfile.TemporaryDirectory() as folder:
        argv = staged(folder, 'echo "no rights on privcmd: $*" >&2\n'
                              'exit 1\n')
        for more, said in (([], ""), (["--take-over"], " --take-over")):
            status, out, err = run(argv + ["--backend", "xen"] + more)
            same("exit status", status, 1)
            same("not ready", out, "")
            has("its sentence", err, "xenapi-memoryd: hypervisor: "
                "no rights on privcmd: --state %s%s\n" % (argv[2], said))
        os.unlink(os.path.join(folder, "xenapi-memory-hv-xen"))
        status, out, err = run(argv + ["--backend", "xen"])
        same("exit status without the program", status, 1)
        has("which program", err, "xenapi-memory-hv-xen: No such file")


def no_default():
    """Without Xen nothing is made up."""
    if os.path.exists("/dev/xen/privcmd"):
        return
    with tempfile.TemporaryDirectory() as folder:
        status, out, err = run([daemon.DAEMON, "--state", folder, "--listen",
                                "127.0.0.1:0"])
        same("exit status: not to be tried again", status, 78)
        has("what to do", err, "--backend sim")
        same("nothing was made", os.listdir(folder), [])


def process_of(d):
    """Pid of the hypervisor process of a daemon: the one with its socket."""
    log = os.stat(os.path.join(d.state, "hv.log"))
    for pid in os.listdir("/proc"):
        try:
            s = os.stat("/proc/%s/fd/2" % pid)
            name = os.readlink("/proc/%s/exe" % pid)
        except (OSError, ValueError):
            continue
        if (s.st_dev, s.st_ino) == (log.st_dev, log.st_ino) and \
                "xenapi-memory-hv" in name:
            return int(pid)
    raise AssertionError("no hypervisor process")


def health(d):
    c = daemon.UnixConnection(os.path.join(d.state, "socket"))
    c.request("GET", "/healthz")
    text = c.getresponse().read()
    c.close()
    return {k: v for k, v in json.loads(text).items() if k in WELL}


def until(what, wanted, get, seconds=60):
    """Poll until get() is as wanted."""
    end = time.monotonic() + seconds
    got = get()
    while got != wanted:
        if time.monotonic() > end:
            raise AssertionError("%s: %r, not %r" % (what, got, wanted))
        time.sleep(0.02)
        got = get()


SICK = {"status": "degraded", "hypervisor": "lost", "memory": "managed",
        "store": "ok"}
WELL = dict(SICK, status="ok", hypervisor="ok")


def failure(api, *args):
    try:
        api.call(*args)
    except daemon.ApiError as e:
        return list(e.args)
    raise AssertionError("%s: not refused" % args[0])


def deaf():
    """A process that hangs without dying: calls end, reads go on."""
    with tempfile.TemporaryDirectory() as folder:
        conf = os.path.join(folder, "conf")
        with open(conf, "w") as f:
            # Long enough to send a command in it, on a slow machine too.
            f.write("[limits]\nhv_ms = 3000\n")
        with daemon.Daemon(extra=["--config", conf]) as d:
            api = d.local()
            gib = 1 << 30
            vm = api.call("VM.create", daemon.vm_record(
                "vm", gib, gib, gib, gib))
            api.call("VM.start", vm, False, False)
            same("health", health(d), WELL)
            pid = process_of(d)
            os.kill(pid, signal.SIGSTOP)
            try:
                # Sent before anybody knows that nobody listens.
                why = failure(api, "VM.pause", vm)
                same("a call that waits", why,
                     ["INTERNAL_ERROR", "hypervisor process lost"])
                until("health", SICK, lambda: health(d))
                # From then on at once.
                for _ in range(50):
                    same("later calls", failure(api, "VM.pause", vm), why)
                same("reads", api.call("VM.get_power_state", vm), "Running")
                same("nothing is held",
                     api.call("VM.get_current_operations", vm), {})
            finally:
                os.kill(pid, signal.SIGCONT)
            until("health", WELL, lambda: health(d))
            same("the same process", process_of(d), pid)
            until("the late pause is told as a fact", "Paused",
                  lambda: api.call("VM.get_power_state", vm))
            api.call("VM.unpause", vm)
            same("calls work again", api.call("VM.get_power_state", vm),
                 "Running")
            log = d.log_text()
            same("told once", (log.count("has said nothing for 3000 ms"),
                               log.count("connected again")), (1, 1))
            api.close()


PAUSE = 7  # enum hv_verb
COMMAND = 65  # enum hv_type


class Between:
    """Stands between a daemon and its hypervisor process, and lets nothing of
    one verb pass."""

    def __init__(self, state, verb):
        self.verb = verb
        self.held = 0
        path = os.path.join(state, "hv.sock")
        self.real = path + ".real"
        os.rename(path, self.real)
        self.listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listening.bind(path)
        self.listening.listen(4)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            up, _ = self.listening.accept()
            down = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            down.connect(self.real)
            for pair in (up, down), (down, up):
                threading.Thread(target=self.carry, args=pair,
                                 daemon=True).start()

    def carry(self, source, sink):
        try:
            while True:
                packet = source.recv(1 << 16)
                if not packet:
                    break
                kind, _, _, verb = struct.unpack_from("=IIQi", packet +
                                                      bytes(12))
                if kind == COMMAND and verb == self.verb:
                    self.held += 1
                else:
                    sink.send(packet)
        except OSError:
            pass  # either end has gone: so does the other
        for end in source, sink:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def one_unanswered():
    """A process that is well but for one command: that call alone ends."""
    with tempfile.TemporaryDirectory() as folder:
        conf = os.path.join(folder, "conf")
        state = os.path.join(folder, "state")
        os.mkdir(state, 0o700)
        with open(conf, "w") as f:
            f.write("[limits]\ncommand_ms = 3000\n")
        with daemon.Daemon(state=state) as d:
            api = d.local()
            gib = 1 << 30
            vm = api.call("VM.create", daemon.vm_record(
                "vm", gib, gib, gib, gib))
            api.call("VM.start", vm, False, False)
            api.close()
            d.kill()
        between = Between(state, PAUSE)
        with daemon.Daemon(state=state, extra=["--config", conf]) as d:
            api = d.local()
            same("a call that waits", failure(api, "VM.pause", vm), [
                "INTERNAL_ERROR", "the hypervisor process does not answer"])
            same("it was sent", between.held, 1)
            same("nothing is held",
                 api.call("VM.get_current_operations", vm), {})
            same("health", health(d), WELL)
            api.call("VM.hard_shutdown", vm)
            same("other commands work",
                 api.call("VM.get_power_state", vm), "Halted")
            same("nothing was lost", d.log_text().count("lost"), 0)
            api.close()


def another_kind():
    """What an earlier daemon left serves only a daemon of its kind."""
    with tempfile.TemporaryDirectory() as folder:
        with daemon.Daemon(state=folder) as d:
            pid = process_of(d)
            d.kill()
            argv = staged(os.path.join(folder, "bin"), "exit 1\n")
            argv[2] = folder
            p = subprocess.Popen(argv + ["--backend", "xen"],
                                 stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True)
            line = p.stderr.readline()
            has("told", line, "of another kind; ending it")
            until("it ends", False, lambda: os.path.exists("/proc/%d" % pid))
            p.send_signal(signal.SIGTERM)
            p.communicate(timeout=60)


def main():
    count = 0
    for story in (refusals, no_default, deaf, one_unanswered, another_kind):
        story()
        print("ok %s" % story.__name__)
        count += 1
    print("%d passed" % count)


if __name__ == "__main__":
    main()
