#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs the phases of tests/check.sh side by side, as many as there are lanes.

usage: lanes.py [PHASE...]  (check.sh starts it; default: all phases)

One line for each phase when it ends: what came of it, how long it took, the
processor time of that (of its whole family), and what its log says last; of
one that failed the end of the log as well.  Meanwhile it says what still runs.
The last lines say once more what was wrong: often they are all that is kept.

A phase has a process group of its own: when its time is over, or when this
program ends early, the whole group is ended, and so is what a phase leaves
behind.  Exit status 77 of a phase: not tested.

LANES: how many at once (default: one more than processors, for most wait a
good deal of their time); LOG: the folder of logs.
"""
import os
import re
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CHECK = ["/bin/sh", os.path.join(HERE, "check.sh")]
LANES = int(os.environ.get("LANES", os.cpu_count() + 1))
LOG = os.environ.get("LOG", "build/log")
SKIPPED = 77
IF = "if:"        # before a phase that is waited for when it runs anyway
TAIL_LINES = 40
GRACE_S = 10      # between SIGTERM and SIGKILL
SAY_EVERY_S = 60  # what runs, where nobody sees a line change
WRONG = re.compile(r"WRONG |\[(FAIL|CRASH)\]|FAILED|(Error|Sanitizer|error): "
                   r"|not over after")
WRONG_LINES = 12
SAYS = re.compile(r"(Synthesis|SKIPPED|[0-9]+ (passed|rounds|files)).*")


class Phase:
    """One row of check.sh: its name, its bound, and whom it waits for."""

    def __init__(self, row):
        self.name, bound, after = row.split()
        self.bound_s = int(bound)
        self.after = after.split(",") if after != "-" else []
        self.path = os.path.join(LOG, self.name + ".log")
        self.process = None
        self.word = None
        self.cpu_s = 0
        self.ended_s = None  # when it was told to end

    def start(self):
        self.began = time.monotonic()
        with open(self.path, "wb") as log:
            self.process = subprocess.Popen(
                CHECK + ["--only", self.name], stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True)

    def took_s(self):
        return time.monotonic() - self.began

    def signal(self, number):
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass

    def look(self):
        """Whether it has ended; it is made to when its time is over."""
        pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
        if pid == 0:
            if self.ended_s is None and self.took_s() > self.bound_s:
                self.ended_s = self.took_s()
                self.signal(signal.SIGTERM)
            elif (self.ended_s is not None
                  and self.took_s() > self.ended_s + GRACE_S):
                self.signal(signal.SIGKILL)
            return False
        self.signal(signal.SIGKILL)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self.cpu_s = usage.ru_utime + usage.ru_stime
        if self.ended_s is not None:
            self.word = "FAILED"
            with open(self.path, "ab") as log:
                log.write(b"\n%s: not over after %d s, ended\n"
                          % (self.name.encode(), self.bound_s))
        else:
            self.word = {0: "ok", SKIPPED: "SKIPPED"}.get(
                self.process.returncode, "FAILED")
        return True

    def log_lines(self):
        with open(self.path, "rb") as f:
            text = f.read().decode(errors="replace").replace("\x1b", "")
        return text.splitlines()

    def why(self):
        """The first lines that say what is wrong; the last ones without."""
        lines = list(dict.fromkeys(line.strip() for line in self.log_lines()))
        wrong = [line for line in lines if WRONG.search(line)]
        return wrong[:WRONG_LINES] or lines[-WRONG_LINES:]

    def tell(self):
        lines = self.log_lines()
        says = [m.group() for m in map(SAYS.match, lines) if m]
        print("%-12s %-7s %4d s %5d s  %s" % (
            self.name, self.word, self.took_s(), self.cpu_s,
            says[-1] if says else ""))
        if self.word == "FAILED":
            print("\n".join("  | " + line for line in lines[-TAIL_LINES:]))
            print("  ` %s" % self.path)
        sys.stdout.flush()


class Line:
    """What runs, on the last line of a terminal or now and then in a log."""

    def __init__(self):
        self.terminal = sys.stdout.isatty()
        self.said = time.monotonic()

    def clear(self):
        if self.terminal:
            sys.stdout.write("\r\033[K")
        self.said = time.monotonic()

    def show(self, running, left):
        text = "... %s; %d to go" % (
            ", ".join("%s %d s" % (p.name, p.took_s()) for p in running),
            left)
        if self.terminal:
            sys.stdout.write("\r\033[K" + text[:79])
        elif time.monotonic() > self.said + SAY_EVERY_S:
            self.said = time.monotonic()
            print(text)
        sys.stdout.flush()


def rows():
    """All phases, as check.sh lists them."""
    text = subprocess.run(CHECK + ["--list"], check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    return [Phase(row) for row in text.splitlines()]


def wanted(phases, names):
    """Those of these names, and what they wait for; all without names."""
    of = {p.name: p for p in phases}
    for name in names:
        if name not in of:
            sys.exit("there is no phase %s; there are: %s"
                     % (name, " ".join(of)))
    if not names:
        return phases
    want, more = set(), list(names)
    while more:
        name = more.pop()
        if name not in want:
            want.add(name)
            more += [a for a in of[name].after if not a.startswith(IF)]
    return [p for p in phases if p.name in want]


def ready(phases, todo, running):
    """The first one that waits for nobody."""
    open_ = {p.name for p in todo + running}
    for phase in todo:
        if not any(a.removeprefix(IF) in open_ for a in phase.after):
            return phase
    return None


def run(phases):
    todo, running, line = list(phases), [], Line()
    try:
        while todo or running:
            while len(running) < LANES:
                phase = ready(phases, todo, running)
                if phase is None:
                    break
                todo.remove(phase)
                running.append(phase)
                phase.start()
            time.sleep(0.1)
            for phase in [p for p in running if p.look()]:
                running.remove(phase)
                line.clear()
                phase.tell()
            line.show(running, len(todo))
    finally:
        line.clear()
        for phase in running:
            phase.signal(signal.SIGTERM)
        for phase in running:
            try:
                phase.process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                pass
            phase.signal(signal.SIGKILL)


def end(number, frame):
    sys.exit(128 + number)


def main():
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, end)
    os.makedirs(LOG, exist_ok=True)
    phases = wanted(rows(), sys.argv[1:])
    began = time.monotonic()
    print("%-12s %-7s %6s %7s  with %d lanes"
          % ("phase", "result", "took", "of CPU", LANES), flush=True)
    run(phases)
    words = [p.word for p in phases]
    print("logs of all phases: %s/" % LOG)
    print("it took %d:%02d minutes, and %d minutes of processors" % (
        *divmod(int(time.monotonic() - began), 60),
        sum(p.cpu_s for p in phases) / 60))
    failed = [p for p in phases if p.word == "FAILED"]
    for phase in failed:
        print("FAILED: %s\n%s" % (phase.name, "\n".join(
            "  | " + line for line in phase.why())))
    print("%d passed, %d failed, %d skipped" % (
        words.count("ok"), len(failed), words.count("SKIPPED")))
    return len(failed) > 0


if __name__ == "__main__":
    sys.exit(main())
