"""Where zkd says no and Apache's server does not, since everything that a client can make grow has a limit: at the limit and
one past it. Too large for a scenario, and so in tests/unit: a list of children of more than 64 MiB (test_state_list), a
million watches of one client and their bytes (test_watches, test_requests)."""
from differ.table import OPEN, SEQUENTIAL, ours
from frames import connect_request, frame

PATH_MAX = 16384
ACL_ENTRIES_MAX = 512
HASH_MAX = 65536 - 4 - 4 - len("\0\0\0\6digest") - len("\0\0\0\1:")  # behind the list's count, permissions, scheme and colon
IDENTITIES_MAX = 64  # the address is one

WHY = "ours: Apache's server has no limit but jute.maxbuffer"
BASE = len("/s000")  # what goes in front of a scenario's paths


def path(size, fill="x"):
    return "/" + fill * (size - BASE - 1)


ours(
    "a path has 16384 bytes at most",
    WHY,
    (("a", "create", path(PATH_MAX), b"", OPEN, 0), f"a: create err=0 zxid=z1 path={path(PATH_MAX)}"),
    (("a", "create", path(PATH_MAX + 1), b"", OPEN, 0), "a: create err=-8 zxid=~z1"),
    (("a", "create2", path(PATH_MAX - 9, "s"), b"", OPEN, SEQUENTIAL), "a: create2 err=-8 zxid=~z1"),
    (("b", "setData", path(PATH_MAX + 1), b"", -1), "b: setData err=-8 zxid=~z1"),
    (("c", "multi", [("create", path(PATH_MAX + 1), b"", OPEN, 0)]), "c: multi err=0 zxid=z2 [error err=-8 -8]"),
    (("a", "getData", path(PATH_MAX + 1), False), "a: getData err=-101 zxid=~z2"),
    (("a", "exists", path(PATH_MAX + 1), True), "a: exists err=-8 zxid=~z2"),
    (("b", "addWatch", path(PATH_MAX + 1), 0), "b: addWatch err=-8 zxid=~z2"),
)

ours(
    "an ACL has 512 entries at most, and 64 KiB",
    WHY,
    (("a", "create", "/n", b"", [(1, "digest", f"{i}:x") for i in range(ACL_ENTRIES_MAX)], 0),
     "a: create err=0 zxid=z1 path=/n"),
    (("a", "create", "/m", b"", [(1, "digest", f"{i}:x") for i in range(ACL_ENTRIES_MAX + 1)], 0),
     "a: create err=-114 zxid=~z1"),
    (("b", "create", "/m", b"", [(1, "digest", ":" + "x" * HASH_MAX)], 0), "b: create err=0 zxid=z2 path=/m"),
    (("b", "create", "/o", b"", [(1, "digest", ":" + "x" * (HASH_MAX + 1))], 0), "b: create err=-114 zxid=~z2"),
    (("c", "setACL", "/m", [(1, "digest", f"{i}:x") for i in range(ACL_ENTRIES_MAX + 1)], -1), "c: setACL err=-114 zxid=~z2"),
)

ours(
    "a session proves 63 identities at most",
    WHY,
    *[(("a", "auth", 0, "digest", f"user{i}:x".encode()), "a: auth err=0 zxid=0 xid=-4") for i in range(IDENTITIES_MAX - 1)],
    (("a", "auth", 0, "digest", b"user0:x"), "a: auth err=0 zxid=0 xid=-4"),
    (("a", "auth", 0, "digest", b"one:more"), "a: auth err=-115 zxid=0 xid=-4\na: closed"),
)

ours(
    "a handshake has a kilobyte at most",
    WHY,
    (("a", "bytes", frame(connect_request(version=1) + bytes(1025 - len(connect_request())))), "a: bytes b'', closed"),
    (("b", "exists", "/no", False), "b: exists err=-101 zxid=~z0"),
)
