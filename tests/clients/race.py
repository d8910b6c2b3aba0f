#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""64 callers race for memory that fits exactly N: N win, always.

Every round is one way of asking: a reservation of an amount, one for a VM, or
a start; on a host where the memory is free, and on one where guests have to
give it first.  Then the same with kill -9 in the middle: who was told that it
has won has won, and after a restart those who were told nothing ask again
until N have it.  Never more, and the host's free memory is what is left.

usage: race.py [ROUNDS [SEED]]
"""
import http.client
import random
import sys
import threading
import xml.parsers.expat

import daemon

MIB = 1 << 20
GIB = 1 << 30
CALLERS = 64
BROKEN = (ConnectionError, http.client.HTTPException, OSError,
          xml.parsers.expat.ExpatError)
FULL = "HOST_NOT_ENOUGH_FREE_MEMORY"
WORLD = """
[host lab]
memory = 24GiB
dom0 = 1GiB
cpus = 16
address = 127.0.0.1

[vm filler%d]
type = hvm
vcpus = 1
static_min = 256MiB
dynamic_min = 256MiB
dynamic_max = 8GiB
static_max = 8GiB
state = running
"""


class Racer(threading.Thread):
    """One caller: what it asks for, and how that ended."""

    def __init__(self, d, line, ask):
        super().__init__()
        self.d = d
        self.line = line
        self.ask = ask
        self.won = None     # a ref, or True
        self.answer = None  # "won", "full" or None: no answer
        self.said = None    # the failure

    def run(self):
        try:
            api = self.d.local()
        except BROKEN:
            api = None
        self.line.wait()
        if api is None:
            return
        try:
            self.won = self.ask(api) or True
            self.answer = "won"
        except BROKEN:
            pass
        except daemon.ApiError as e:
            self.said = e.args
            if e.args[0] != FULL:
                print("unexpected:", e.args)
                self.answer = "bad"
                return
            self.answer = "full"


def race(d, asks, kill_after=None):
    """All at once; returns the racers, the daemon is killed or not."""
    line = threading.Barrier(len(asks) + 1)
    racers = [Racer(d, line, ask) for ask in asks]
    for r in racers:
        r.start()
    line.wait()
    if kill_after is not None:
        threading.Event().wait(kill_after)
        d.kill()
    for r in racers:
        r.join()
    assert all(r.answer != "bad" for r in racers)
    return racers


class Way:
    """One way of asking for a piece of the host."""

    def __init__(self, api, host, vms, fits):
        self.host = host
        self.vms = vms
        self.fits = fits
        self.size = self.piece(api, fits)

    def free(self, api):
        return int(api.call("host.compute_free_memory", self.host))


class ByAmount(Way):
    """memory_reservation.create: any amount."""

    def piece(self, api, fits):
        return self.free(api) // fits

    def asks(self, names):
        return [lambda api, n=n: api.call(
            "memory_reservation.create", self.host, str(self.size),
            str(self.size), "600", "racer%d" % n) for n in names]

    def winners(self, api):
        return {int(r["owner"][5:]): ref for ref, r in
                api.call("memory_reservation.get_all_records").items()
                if r["owner"].startswith("racer")}

    def give_back(self, api):
        for ref in self.winners(api).values():
            api.call("memory_reservation.destroy", ref)


class ForVm(Way):
    """memory_reservation.create_for_VM: what a start needs."""

    def piece(self, api, fits):
        """The largest VM of which so many fit, and one more does not."""
        total = self.free(api) // fits
        most = int(api.call("VM.maximise_memory", self.vms[0], str(total),
                            False))
        for vm in self.vms:
            api.call("VM.set_memory_limits", vm, "0", str(most), str(most),
                     str(most))
        return most + int(api.call("VM.get_memory_overhead", self.vms[0]))

    def asks(self, names):
        return [lambda api, n=n: api.call(
            "memory_reservation.create_for_VM", self.vms[n], self.host,
            "start", "600") for n in names]

    def winners(self, api):
        by_vm = {vm: n for n, vm in enumerate(self.vms)}
        return {by_vm[r["VM"]]: ref for ref, r in
                api.call("memory_reservation.get_all_records").items()
                if r["VM"] in by_vm}

    def give_back(self, api):
        for ref in self.winners(api).values():
            api.call("memory_reservation.destroy", ref)


class Start(ForVm):
    """VM.start_on."""

    def asks(self, names):
        return [lambda api, n=n: api.call(
            "VM.start_on", self.vms[n], self.host, False, False)
            for n in names]

    def winners(self, api):
        by_vm = {vm: n for n, vm in enumerate(self.vms)}
        return {by_vm[ref]: ref for ref, r in
                api.call("VM.get_all_records").items()
                if ref in by_vm and r["power_state"] == "Running"}

    def give_back(self, api):
        for vm in self.winners(api).values():
            api.call("VM.hard_shutdown", vm)


def one_round(d, way, rng, kills):
    """The race, with kills before it comes to its end."""
    api = d.local()
    before = way.free(api)
    told = set()
    names = list(range(CALLERS))
    for _ in range(kills):
        racers = race(d, way.asks(names), rng.random() * 0.08)
        told |= {n for n, r in zip(names, racers) if r.answer == "won"}
        d.start()
        api = d.local()
        have = set(way.winners(api))
        assert told <= have, "told and lost: %r" % (told - have)
        assert len(have) <= way.fits, "%d have it" % len(have)
        names = [n for n in range(CALLERS) if n not in have]
    rng.shuffle(names)
    racers = race(d, way.asks(names))
    told |= {n for n, r in zip(names, racers) if r.answer == "won"}
    assert all(r.answer is not None for r in racers)
    have = set(way.winners(api))
    assert told <= have
    assert len(have) == way.fits, "%s, %d kills: %d have it, not %d of %d: %r, %r" % (
        type(way).__name__, kills, len(have), way.fits, way.size,
        {r.said for r in racers}, api.call("host.explain_memory", way.host))
    left = before - way.fits * way.size
    free = way.free(api)
    assert free == left, "%d free, not %d" % (free, left)
    assert free < way.size
    way.give_back(api)
    assert way.free(api) == before
    api.close()


def play(balance, rounds, rng):
    """Rounds on one host: its memory free, or in its guests' hands."""
    with open_world(balance) as d:
        api = d.local()
        host = api.call("host.get_all")[0]
        vms = [api.call("VM.create", daemon.vm_record(
            "racer%d" % i, 0, 256 * MIB, 256 * MIB, 256 * MIB))
            for i in range(CALLERS)]
        api.close()
        for i in range(rounds):
            kind = (ByAmount, ForVm, Start)[i % 3]
            api = d.local()
            way = kind(api, host, vms, rng.randrange(1, 24))
            api.close()
            one_round(d, way, rng, i // 3 % 3)


def open_world(balance):
    d = daemon.Daemon()
    with open(d.state + "/conf", "w") as f:
        f.write("balance = %s\n" % ("yes" if balance else "no"))
    d.extra = ["--config", d.state + "/conf"]
    with open(d.state + "/world.ini", "w") as f:
        f.write(WORLD % 0)
        if balance:
            f.write(WORLD[WORLD.index("[vm"):] % 1)
            f.write(WORLD[WORLD.index("[vm"):] % 2)
    d.sim = d.state + "/world.ini"
    return d


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 18
    seed = int(sys.argv[2]) if len(sys.argv) > 2 \
        else random.SystemRandom().getrandbits(32)
    print("seed %d" % seed)
    rng = random.Random(seed)
    for balance in (False, True):
        play(balance, rounds, rng)
    print("%d rounds of %d callers: as many won as fit"
          % (2 * rounds, CALLERS))


if __name__ == "__main__":
    main()
