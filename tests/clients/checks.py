# SPDX-License-Identifier: BSD-2-Clause
"""What the programs of this folder check: each check has a sentence, which is
printed when it holds; the first that does not ends the program.
"""
passed = 0


def is_(what, got, want):
    global passed
    passed += 1
    assert got == want, "%s: got %r, want %r" % (what, got, want)
    print("ok  %s" % what, flush=True)


def true(what, value):
    is_(what, bool(value), True)


def end():
    """Say how many there were."""
    print("%d passed, 0 failed" % passed)
