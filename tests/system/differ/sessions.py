"""Handshakes, sessions, their ends, and the words in front of them."""
from differ.table import EPHEMERAL, OPEN, Mark, scenario
from frames import record

BOB_ID = "bob:OPvMIE3SHMvpuUQOlE6StbVL8VQ="  # the password is 'other'

scenario(
    "readOnly is told to who speaks of it",
    ("a", "connect", {}),
    ("b", "connect", {"read_only": 0}),
    ("c", "connect", {"read_only": 1}),
    ("a", "create", "/a", b"", OPEN, 0),
    ("b", "create", "/b", b"", OPEN, 0),
    ("c", "create", "/c", b"", OPEN, 0),
)

scenario(
    "every session's password is another",
    *[(who, "connect", {}) for who in "abcdefghijkl"],
)

scenario(
    "a session's time-out has limits",
    *[("a", "connect", {"timeout_ms": ms}) for ms in (0, -1, 1, 499, 500, 501, 59999, 60000, 60001, 2**31 - 1, -(2**31))],
)

scenario(
    "a session is kept by its id and password",
    ("a", "connect", {}),
    ("a", "create", "/e", b"", OPEN, EPHEMERAL),
    ("a", "drop"),
    ("a", "resume"),
    ("b", "exists", "/e", False),
    ("a", "drop"),
    ("a", "resume", {"timeout_ms": 7000}),
    ("a", "drop"),
    ("a", "resume", {"timeout_ms": 1}),
    ("a", "drop"),
    ("a", "resume", {"read_only": 0}),
    ("a", "drop"),
    ("a", "resume", {"server": 1}),
    ("a", "getEphemerals", "/"),
    ("a", "drop"),
    ("a", "resume", {"server": 2}),
    ("a", "closeSession"),
    ("b", "exists", "/e", False),
)

scenario(
    "a wrong password gets no session, and does the right owner no harm",
    ("a", "connect", {}),
    ("a", "create", "/e", b"", OPEN, EPHEMERAL),
    ("b", "connect", {"session": "a", "password": b"x" * 16}),
    ("c", "connect", {"session": "a", "password": b""}),
    ("d", "connect", {"session": "a", "password": None}),
    ("e", "connect", {"session": "a", "password": b"x" * 17}),
    ("f", "connect", {"session": "a", "password": b"x" * 16, "read_only": 0}),
    ("a", "exists", "/e", False),
)

scenario(
    "a session that never was is expired",
    ("a", "connect", {"session": 0x7000000012345678, "password": bytes(16)}),
    ("b", "connect", {"session": 1, "password": b"x" * 16, "read_only": 0}),
    ("c", "connect", {"session": -1, "password": b"x" * 16}),
    ("d", "connect", {"session": 0, "password": b"x" * 16}),
    ("e", "connect", {"session": 0, "password": b""}),
    ("f", "connect", {"session": 0, "password": None}),
)

scenario(
    "a closed session is gone",
    ("a", "connect", {}),
    ("b", "connect", {}),
    ("f", "connect", {}),  # so that c's server, too, has seen the end before c asks for it
    ("a", "closeSession"),
    ("c", "connect", {"session": "a"}),
    ("b", "connect", {"session": "a", "read_only": 1}),
)

scenario(
    "a session that moves leaves its old connection behind",
    ("a", "connect", {}),
    ("a", "create", "/e", b"", OPEN, EPHEMERAL),
    ("d", "connect", {"session": "a"}),
    ("d", "setData", "/e", b"moved", -1),
    ("a", "getData", "/e", False),
    ("b", "connect", {"session": "a"}),
    ("d", "getData", "/e", False),
    ("b", "getData", "/e", False),
    ("b", "setData", "/e", b"moved again", -1),
    ("b", "closeSession"),
    ("c", "exists", "/e", False),
)

MOVED = (
    ("a", "connect", {}),
    ("a", "create", "/e", b"", OPEN, EPHEMERAL),
    ("b", "connect", {"session": "a"}),
)
scenario(
    "a session that has moved is ended from its old connection",
    *MOVED,
    ("a", "closeSession"),
    ("b", "getData", "/e", False),
    ("c", "exists", "/e", False),
)

scenario(
    "a session that has moved writes on its old connection",
    *MOVED,
    ("a", "setData", "/e", b"x", -1),
    ("b", "setData", "/e", b"y", -1),
    ("b", "getData", "/e", False),
)

scenario(
    "who has seen the future is sent away",
    ("a", "create", "/n", b"", OPEN, 0),
    ("a", "mark", "now"),
    ("b", "connect", {"zxid": Mark("now")}),
    ("c", "connect", {"zxid": Mark("now", 1 << 33)}),
    ("d", "connect", {"zxid": 2**63 - 1}),
    ("e", "connect", {"zxid": -1}),
)

scenario(
    "the version of a handshake does not matter",
    ("a", "connect", {"version": 1}),
    ("b", "connect", {"version": -1}),
)

scenario(
    "a session expires when its client falls silent, and takes its ephemerals along",
    ("a", "connect", {"timeout_ms": 1500}),
    ("a", "create", "/e", b"", OPEN, EPHEMERAL),
    ("b", "exists", "/e", True),
    ("b", "getChildren", "/", True),
    ("a", "drop"),
    ("b", "await", {"count": 2}),
    ("a", "resume"),
    ("b", "getChildren2", "/", False),
)

scenario(
    "a session expires under a connection that stays silent",
    ("a", "connect", {"timeout_ms": 1500}),
    ("a", "create", "/e", b"", OPEN, EPHEMERAL),
    ("b", "exists", "/e", True),
    ("b", "pause", "a", 4.0),
    ("a", "getData", "/e", False),
    ("b", "exists", "/e", False),
)

scenario(
    "a session lives on by pings",
    ("a", "connect", {"timeout_ms": 3000}),
    ("a", "create", "/e", b"", OPEN, EPHEMERAL),
    *[step for _ in range(6) for step in (("a", "ping"), ("a", "sleep", 1.0))],
    ("b", "exists", "/e", False),
)

QUOTA = record("path:s watch:?", ("/zookeeper/quota", False))
scenario(
    "pings and other reserved numbers",
    ("a", "ping"),
    ("a", "pipeline", ("ping",), ("exists", "/", False), ("ping",), ("sync", "/")),
    ("a", "raw", 11, b"", 5),
    ("a", "raw", 3, QUOTA, -2),
    ("a", "raw", 3, QUOTA, 0),
    ("a", "raw", 3, QUOTA, -9),
    ("a", "raw", 3, QUOTA, 2**31 - 1),
    ("a", "exists", "/", False),
)

scenario(
    "closing is answered behind all that was asked before",
    ("a", "create", "/e", b"", OPEN, EPHEMERAL),
    ("a", "pipeline", ("exists", "/e", False), ("closeSession",)),
    ("b", "exists", "/e", False),
    ("c", "pipeline", ("create", "/f", b"", OPEN, EPHEMERAL), ("setData", "/f", b"x", 0), ("closeSession",)),
    ("b", "exists", "/f", False),
)

CREATES = [("create", f"/n{i}", b"", OPEN, 0) for i in range(30)]
scenario(
    "a ping behind writes",
    ("a", "exists", "/", False),
    ("a", "pipeline", *CREATES[:2], ("ping",), ("exists", "/n1", False)),
)

scenario(
    "credentials behind writes, and in front of them",
    ("a", "exists", "/", False),
    ("a", "pipeline", *CREATES, ("auth", 0, "digest", b"ann:secret")),
    ("a", "pipeline", ("auth", 0, "digest", b"bob:other"), ("create", "/mine", b"", [(31, "digest", BOB_ID)], 0),
     ("create", "/mine/too", b"", [(31, "auth", "")], 0), ("getData", "/mine", False)),
    ("a", "drop"),
    ("a", "resume", {"server": 1}),
    ("a", "pipeline", ("auth", 0, "digest", b"bob:other"), ("getData", "/mine", False), ("setData", "/mine/too", b"x", -1)),
    ("a", "whoAmI"),
)

scenario(
    "answers come in the order of requests, whatever they need",
    ("a", "create", "/n", b"", OPEN, 0),
    ("a", "pipeline",
     ("setData", "/n", b"1", -1), ("getData", "/n", False), ("sync", "/n"), ("setData", "/n", b"2", 0),
     ("getData", "/n", False),
     ("create", "/n/e", b"", OPEN, EPHEMERAL), ("multi", [("check", "/n", 1), ("delete", "/n/e", -1)]),
     ("getChildren2", "/n", False), ("exists", "/no", True), ("whoAmI",), ("getACL", "/n"), ("getEphemerals", "/")),
    ("a", "create", "/no", b"", OPEN, 0),
)

# --- words: only in front of a session, each closes the connection ---

scenario(
    "the simplest words",
    ("a", "bytes", b"ruok"),
    ("a", "bytes", b"isro"),
    ("a", "bytes", b"ruok\n"),
    ("a", "bytes", b"\xff\xf4\xff\xfd"),
)

scenario(
    "who a server is stands where programs look for it",
    *[(who, "word", "srvr", r"^Mode: .*$") for who in "abc"],
    *[(who, "word", "stat", r"^Mode: .*$") for who in "abc"],
    ("a", "word", "envi", r"^(?:Environment:$|zookeeper\.version=\d+\.\d+\.\d+-)"),
    ("a", "word", "srvr", r"^Zookeeper version: \d+\.\d+\.\d+-"),
)

scenario(
    "a word within a session is a length that cannot be",
    ("a", "exists", "/", False),
    ("a", "unframed", b"ruok"),
)
