"""Requests that are not what they should be: records cut short, bytes too many, opcodes that are nobody's."""
import struct

from differ.table import OPEN, ours, scenario
from frames import OPS, connect_request, frame, record

SAMPLES = {
    "create": ("/x", b"d", OPEN, 0),
    "create2": ("/x", b"d", OPEN, 0),
    "delete": ("/x", 0),
    "exists": ("/x", False),
    "getData": ("/x", False),
    "setData": ("/x", b"d", 0),
    "getACL": ("/x",),
    "setACL": ("/x", OPEN, 0),
    "getChildren": ("/x", False),
    "sync": ("/x",),
    "getChildren2": ("/x", False),
    "checkWatches": ("/x", 1),
    "removeWatches": ("/x", 1),
    "setWatches": (0, [], [], []),
    "getEphemerals": ("/x",),
    "getAllChildrenNumber": ("/x",),
    "setWatches2": (0, [], [], [], [], []),
    "addWatch": ("/x", 0),
}
for name, values in SAMPLES.items():
    op, spec, _ = OPS[name]
    whole = record(spec, values)
    scenario(
        f"a record that is not one of {name}",
        ("a", "raw", op, b""),
        ("a", "raw", op, whole[:-1]),
        ("a", "raw", op, whole + b"more"),
        ("b", "raw", op, b"\x7f\xff\xff\xff"),
        ("c", "raw", op, b"\xff\xff\xff\xfe" + whole[4:]),
        ("d", "raw", op, whole[:2]),
        ("e", "exists", "/", False),
    )

scenario(
    "vectors that are longer than their record",
    ("a", "raw", 1, record("path:s data:b", ("/x", b"")) + struct.pack(">i", 2**31 - 1)),
    ("b", "raw", 1, record("path:s data:b", ("/x", b"")) + struct.pack(">i", 1000)),
    ("c", "raw", 1, record("path:s data:b", ("/x", b"")) + struct.pack(">ii", -2, 0)),
    ("d", "raw", 101, struct.pack(">qi", 0, 100000)),
    ("e", "raw", 101, struct.pack(">qi", 0, -5) + bytes(8)),
)

scenario(
    "the records of auth and of requests without one",
    ("a", "raw", 100, b"", -4),
    ("b", "raw", 100, struct.pack(">i", 0), -4),
    ("c", "raw", 100, record("type:i scheme:s auth:b", (0, "digest", b"a:b")), 9),
    ("d", "raw", 11, b"more", -2),
    ("d", "raw", 107, b"more"),
    ("d", "raw", -11, b"more"),
)

for op in (0, -1, -2, -10, -12, 10, 23, 40, 99, 108, 255, 999, 2**31 - 1, -(2**31)):
    scenario(
        f"opcode {op} is nobody's",
        ("a", "create", "/n", b"", OPEN, 0),
        ("a", "raw", op, b""),
        ("a", "raw", op, b""),
        ("b", "raw", op, record("path:s flag:?", ("/n", False))),
        ("c", "exists", "/n", False),
    )

scenario(
    "sasl's opcode without a mechanism",
    ("a", "raw", 102, b""),
    ("b", "raw", 102, struct.pack(">i", 0)),
    ("c", "raw", 102, struct.pack(">i", -1)),
    ("d", "raw", 102, struct.pack(">i", 3) + b"abc"),
)

scenario(
    "reconfig is switched off",
    ("a", "reconfig", None, None, None, -1),
    ("b", "reconfig", "server.9=127.0.0.1:1:2;3", "1", None, 0),
    ("c", "reconfig", None, None, "server.1=127.0.0.1:1:2;3", -1),
)

RECONFIG = record("joining:s leaving:s members:s config:l", ("server.9=127.0.0.1:1:2;3", "1", None, -1))
ours(
    "a reconfig that is cut short ends nobody",
    "defect: through a follower it ends Apache's leader",
    *[step
      for who in "abc"
      for step in (
          *[((who, "raw", 16, cut), f"{who}: reconfig err=-5 zxid=~z0") for cut in (b"", RECONFIG[:3], RECONFIG[:-1])],
          ((who, "raw", 16, RECONFIG), f"{who}: reconfig err=-123 zxid=~z0"),
          ((who, "raw", 16, RECONFIG + b"more"), f"{who}: reconfig err=-123 zxid=~z0"),
          ((who, "exists", "/no", False), f"{who}: exists err=-101 zxid=~z0"),
      )],
)

scenario(
    "frames that are too short for a header end the connection",
    ("a", "payload", b""),
    ("b", "payload", b"\0"),
    ("c", "payload", b"\0\0\0\x01\0\0\0"),
    ("d", "exists", "/", False),
)

scenario(
    "lengths that cannot be end the connection",
    ("a", "exists", "/", False),
    ("a", "unframed", struct.pack(">i", -1)),
    ("b", "exists", "/", False),
    ("b", "unframed", struct.pack(">i", 0x7FFFFFFF)),
    ("c", "exists", "/", False),
    ("c", "unframed", struct.pack(">i", 1048576)),
    ("d", "bytes", struct.pack(">i", -1)),
    ("e", "bytes", struct.pack(">i", 0x7FFFFFFF)),
    ("f", "bytes", b"GET / HTTP/1.0\r\n\r\n"),
)

scenario(
    "the largest request, and one byte more",
    ("a", "raw", 1, record("path:s data:b acl:A flags:i", ("/xx", b"x" * (1048575 - 8 - 4 - 3 - 4 - 4 - 27 - 4), OPEN, 0))),
    ("a", "raw", 1, record("path:s data:b acl:A flags:i", ("/xy", b"x" * (1048576 - 8 - 4 - 3 - 4 - 4 - 27 - 4), OPEN, 0))),
    ("b", "getAllChildrenNumber", "/"),
)

scenario(
    "handshakes that are not",
    ("a", "bytes", frame(b"")),
    ("b", "bytes", frame(connect_request()[:20])),
    ("c", "bytes", frame(connect_request()[:-1])),
    ("d", "bytes", frame(struct.pack(">iqiqi", 0, 0, 5000, 0, 1000))),
)
