# SPDX-License-Identifier: BSD-2-Clause
"""Worked numbers and stories, told through the API: sections of wire.py."""
SECTIONS = []


def other_worlds(_t, _idl):
    """Sections that need a host of their own: none yet."""
