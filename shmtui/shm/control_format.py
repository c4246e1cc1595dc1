"""The bytes of a control block: a second segment, ``NAME.shmtui``, beside the buffer.

It holds what the buffer's own bytes cannot say: which workers there are, the step of each, exact
counts, and the orders to them. The buffer itself keeps the layout that other programs expect.

Every field is a word of 8 bytes in the machine's byte order and has **one writer**: S is the
supervisor, W is the worker of that record. The supported machines are 64-bit: another process
sees an aligned word as it was before a store or after it, never half of each.

Header, 4096 bytes::

      0  magic "shmtui-c"    S     72  created, epoch ns        S
      8  version             S     80  rates published at, ns   S  (CLOCK_MONOTONIC)
     16  record size         S     88  produced per s, double   S
     24  capacity, records   S     96  consumed per s, double   S
     32  records in use      S    104  retired: sequence        S  (odd = being written)
     40  creator PID         S    112  retired: produced        S
     48  creator start time  S    120  retired: produced sum    S
     56  segment device      S    128  retired: consumed        S
     64  segment inode       S    136  retired: consumed sum    S
    144  flags (1 = keep, 2 = the segment is somebody else's, 4 = the layout is assumed)  S
    152  name length         S    160  name, 256 bytes          S
    416  layout length       S    424  layout, as JSON          S

Record, 576 bytes. The first four cache lines are apart, so that no two writers share one::

    identity   S    0 pid  8 start time  16 role  24 number  32 state
                   40 exit status  48 ended at, ns  56 starting rate, double
    orders     S   64 sequence  72 target rate, double  80 hold  88 shown rate, double
                   96 until, ns (no item is due from then on; 0 = no end)
                  104 program (1 = the user's own: it writes no telemetry)
                  112 fault, and how many faults were ordered (faults.py)
                  120 steps (0 = it runs; else it stops before each step, and steps - 1 of
                      them have been allowed)
    telemetry  W  128 step  136 items  144 sum of the items before an even batch
                  152 the same of an odd one (item_log.py)  160 heartbeat, ns
                  168 blocked since, ns  176 sequence of the orders taken up
                  184 the fault word last carried out
    wakeup   S+W  192 sem_t: posted after each order, so that a worker that sleeps between two
                      items wakes up
    log        W  256 the last items, 256 bytes (item_log.py)
                  512 number of the first item whose sum can still be told

**Order of stores.** A word that publishes others is stored last, with a fence before it
(:mod:`shmtui.shm.memory_fence`): the version publishes the header, a record's state publishes its
identity, the sequence publishes the orders. A reader loads that word, fences, and loads the rest.
The totals of workers that have ended are under a sequence lock: the count at 104 is odd while they
are written, and a reader that finds it odd, or changed after it has read, reads again.

**What is not ordered.** The telemetry has no fences, since each would cost a worker a tenth of
its speed. Each word is right by itself; two of them, read while the worker runs, may belong to
two moments. A worker that stands still, or has died, has stored all of them. So a reader that compares
them takes two equal samples, or holds the workers first. A sum is made of several words: it is right if the
word at 512, read last, is not above the count, read first.
"""

import struct
from enum import IntEnum, IntFlag
from typing import Final

from shmtui.shm.protocol import Role
from shmtui.shm.segment import derived_name

MAGIC: Final = b"shmtui-c"
VERSION: Final = 2
HEADER_SIZE: Final = 4096
RECORD_SIZE: Final = 576
CAPACITY: Final = 512
"""Records: how many workers can live at a time."""
SUFFIX: Final = ".shmtui"
MASK: Final = 2**64 - 1
"""Counts and sums are modulo 2**64."""

LAYOUT_ROOM: Final = HEADER_SIZE - 424
"""Bytes that a layout may take."""

HEADER: Final = struct.Struct(f"=8s10Q2d5QQQ256sQ{LAYOUT_ROOM}s")
RECORD: Final = struct.Struct("=5QqQd QdQd4Q 8Q")


class Header:
    """Words (8 bytes each) of the header, those that are read or written one by one."""

    VERSION = 1
    RECORDS = 4
    SEGMENT_DEVICE, SEGMENT_INODE = 7, 8
    PUBLISHED_NS, PRODUCED_PER_S, CONSUMED_PER_S = 10, 11, 12
    RETIRED_SEQUENCE = 13
    RETIRED_PRODUCED, RETIRED_PRODUCED_SUM = 14, 15
    RETIRED_CONSUMED, RETIRED_CONSUMED_SUM = 16, 17
    FLAGS = 18


class Field:
    """Words (8 bytes each) of a record: identity, orders, telemetry.

    They are plain numbers: to look up an enum's member costs a worker more than the store does.
    """

    PID, START_TIME, ROLE, NUMBER, STATE, EXIT_STATUS, ENDED_NS, START_RATE = range(8)
    ORDER, TARGET_RATE, HOLD, SHOWN_RATE, UNTIL_NS, PROGRAM, FAULT, STEPS = range(8, 16)
    STEP, ITEMS = 16, 17
    SUMS = 18
    """Two words."""
    HEARTBEAT_NS, BLOCKED_SINCE_NS, ORDER_TAKEN, FAULT_MADE = range(20, 24)
    KEPT_FROM = 64


WAKEUP_OFFSET: Final = 192
"""Bytes from the start of a record to its wakeup semaphore."""
LOG_OFFSET: Final = 256
LOG_SIZE: Final = 256
"""Of the log, in bytes from the start of a record."""

STEP_MASK: Final = 0xFF
"""The bits of the step word that hold the step. Above it are flags of the worker:"""
BLOCKED: Final = 0x100
"""it sleeps in that step's wait;"""
PAUSED: Final = 0x200
"""it holds still by order, between two items;"""
STEPPING: Final = 0x400
"""it stands before that step until it is allowed;"""
HOLDS: Final = 0x800
"""it waits for a permit while it holds the mutex (wrong order)."""


class RecordState(IntEnum):
    """What a record is in use for."""

    FREE = 0
    LIVE = 1
    ENDED = 2


class Flags(IntFlag):
    """Header flags."""

    KEEP = 1
    """The block outlives its creator: it is no leftover."""
    FOREIGN = 2
    """The segment is somebody else's: the block is removed at the end, the segment stays."""
    ASSUMED = 4
    """The layout is only the likeliest of those that fit."""
    GUESTS = 8
    """Programs of others took part since the block was made, were it for a moment."""


ALL_FLAGS: Final = Flags.KEEP | Flags.FOREIGN | Flags.ASSUMED | Flags.GUESTS

ROLE_NUMBERS: Final = {Role.PRODUCER: 1, Role.CONSUMER: 2}
ROLES: Final = {number: role for role, number in ROLE_NUMBERS.items()}


def control_name(segment: str) -> str:
    """The control block's name for a segment.

    >>> control_name("/shm_buffer")
    '/shm_buffer.shmtui'
    """
    return derived_name(segment, SUFFIX)
