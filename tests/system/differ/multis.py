"""multi and multiRead."""
import struct

from differ.table import EPHEMERAL, OPEN, READ_ONLY, SEQUENTIAL, Verbatim, ours, scenario

scenario(
    "a multi does all its parts at one zxid",
    ("a", "create", "/p", b"", OPEN, 0),
    ("a", "multi", [
        ("check", "/p", 0),
        ("create", "/p/a", b"1", OPEN, 0),
        ("create", "/p/b", b"22", OPEN, EPHEMERAL),
        ("create", "/p/s-", b"", OPEN, SEQUENTIAL),
        ("create", "/p/s-", b"", OPEN, SEQUENTIAL),
        ("setData", "/p", b"changed", 0),
        ("setData", "/p", b"again", 1),
        ("check", "/p", 2),
        ("delete", "/p/a", 0),
    ]),
    ("b", "getChildren2", "/p", False),
    ("b", "exists", "/p/b", False),
    ("b", "getData", "/p", False),
)

scenario(
    "a multi may be empty, or only check",
    ("a", "multi", []),
    ("a", "create", "/p", b"", OPEN, 0),
    ("a", "multi", [("check", "/p", 0)]),
    ("a", "multi", [("check", "/p", -1), ("check", "/p", 0)]),
    ("a", "multi", [("check", "/p", 1)]),
    ("a", "multi", [("check", "/q", -1)]),
)

for what, part in {
    "a create that is there already": ("create", "/p", b"", OPEN, 0),
    "a create without parent": ("create", "/no/x", b"", OPEN, 0),
    "a create with a bad path": ("create", "/p/", b"", OPEN, 0),
    "a create without ACL": ("create", "/y", b"", [], 0),
    "a create below an ephemeral": ("create", "/e/x", b"", OPEN, 0),
    "a create2 that is there already": ("create2", "/p", b"", OPEN, 0),
    "a delete of nothing": ("delete", "/no", -1),
    "a delete of what is not empty": ("delete", "/", -1),
    "a delete of the root": ("delete", Verbatim("/"), -1),
    "a delete of another version": ("delete", "/p", 5),
    "a set of nothing": ("setData", "/no", b"", -1),
    "a set of another version": ("setData", "/p", b"", 5),
    "a set with a bad path": ("setData", "/p//", b"", 5),
    "a check of another version": ("check", "/p", 5),
    "a check of nothing": ("check", "/no", -1),
    "a check with a bad path": ("check", Verbatim("p"), -1),
}.items():
    scenario(
        f"a multi is undone by {what}",
        ("a", "create", "/p", b"", OPEN, 0),
        ("a", "create", "/e", b"", OPEN, EPHEMERAL),
        ("b", "getData", "/p", True),
        ("b", "getChildren", "/", True),
        ("b", "exists", "/x", True),
        ("a", "multi", [
            ("create", "/x", b"", OPEN, 0),
            ("setData", "/p", b"new", -1),
            part,
            ("create", "/z", b"", OPEN, 0),
            ("delete", "/also/no", -1),
        ]),
        ("a", "multi", [part]),
        ("a", "getChildren2", "/", False),
        ("a", "getData", "/p", False),
        ("a", "create", "/s-", b"", OPEN, SEQUENTIAL),
    )

scenario(
    "a multi's parts see what those before them did",
    ("a", "multi", [
        ("create", "/a", b"", OPEN, 0),
        ("create", "/a/b", b"", OPEN, 0),
        ("setData", "/a/b", b"x", 0),
        ("check", "/a/b", 1),
        ("delete", "/a/b", 1),
        ("create", "/a/b", b"", OPEN, EPHEMERAL),
    ]),
    ("a", "multi", [("delete", "/a/b", -1), ("delete", "/a", -1)]),
    ("a", "multi", [("create", "/c", b"", READ_ONLY, 0), ("setData", "/c", b"", -1)]),
    ("a", "multi", [("create", "/c", b"", OPEN, EPHEMERAL), ("create", "/c/d", b"", OPEN, 0)]),
    ("a", "multi", [("create", "/c", b"", OPEN, 0), ("delete", "/c", 0), ("delete", "/c", 0)]),
    ("a", "getChildren2", "/", False),
)

scenario(
    "a multi's watches fire in the order of its parts",
    ("a", "create", "/p", b"", OPEN, 0),
    ("a", "create", "/p/old", b"", OPEN, 0),
    ("a", "getData", "/p", True),
    ("a", "getChildren", "/p", True),
    ("b", "exists", "/p/new", True),
    ("b", "getData", "/p/old", True),
    ("c", "addWatch", "/p", 0),
    ("d", "addWatch", "/", 1),
    ("a", "multi", [
        ("create", "/p/new", b"", OPEN, 0),
        ("setData", "/p", b"x", -1),
        ("delete", "/p/old", -1),
        ("setData", "/p/new", b"y", -1),
        ("delete", "/p/new", -1),
    ]),
)

def header(kind, done=False, err=-1):
    return struct.pack(">i?i", kind, done, err)


scenario(
    "what does not belong in a multi spoils it",
    ("a", "create", "/p", b"", OPEN, 0),
    ("a", "multi", [("create", "/x", b"", OPEN, 0), ("getData", "/p", False)]),
    ("a", "multi", [("getData", "/p", False)]),
    ("a", "multi", [("getChildren", "/p", False), ("check", "/p", -1)]),
    ("a", "multi", [("exists", "/p", False)]),
    ("a", "multi", [("create", "/x", b"", OPEN, 0), ("setACL", "/p", OPEN, -1)]),
    ("a", "multi", [("sync", "/p")]),
    ("a", "multi", [header(14) + header(-1, True)]),
    ("a", "multi", [header(999)]),
    ("a", "multi", [header(0)]),
    ("a", "multi", [header(-11)]),
    ("a", "multi", [header(2) + b"\0\0"]),
    ("a", "raw", 14, b""),
    ("a", "raw", 14, header(1)),
    ("a", "getChildren2", "/", False),
)

scenario(
    "multiRead answers each of its reads",
    ("a", "create", "/p", b"data", OPEN, 0),
    ("a", "create", "/p/c", b"", OPEN, 0),
    ("a", "multiRead", [
        ("getData", "/p", False),
        ("getChildren", "/p", False),
        ("getData", "/no", False),
        ("getChildren", "/no", True),
        ("getData", "/p/c", True),
        ("getChildren", "/p/c", True),
    ]),
    ("a", "setData", "/p/c", b"no watch is there", -1),
    ("a", "create", "/p/c/d", b"", OPEN, 0),
    ("a", "multiRead", []),
    ("a", "multiRead", [("create", "/x", b"", OPEN, 0)]),
    ("a", "multiRead", [("getData", "/p", False), ("check", "/p", -1)]),
    ("a", "multiRead", [("exists", "/p", False)]),
    ("a", "multiRead", [("getChildren2", "/p", False)]),
    ("a", "multiRead", [("getData", Verbatim("p"), False), ("getData", "/p//", False)]),
    ("a", "raw", 22, b""),
    ("a", "getChildren", "/", False),
)

scenario(
    "multiRead reads only what may be read",
    ("a", "create", "/open", b"o", OPEN, 0),
    ("a", "create", "/shut", b"s", [(2, "world", "anyone")], 0),
    ("a", "multiRead", [
        ("getData", "/shut", False), ("getChildren", "/shut", False), ("getData", "/open", False),
    ]),
)

ours(
    "a multi with a path that is null ends nobody",
    "defect: through a follower it ends Apache's leader",
    (("a", "multi", [("create", None, b"", OPEN, 0)]), "a: multi err=-5 zxid=~z0"),
    (("b", "multi", [("delete", None, 0)]), "b: multi err=-5 zxid=~z0"),
    (("c", "multi", [("setData", None, b"", 0), ("check", None, 0)]), "c: multi err=-5 zxid=~z0"),
    (("c", "multi", [("check", None, 0)]), "c: multi err=-5 zxid=~z0"),
    (("a", "getChildren", "/", False), "a: getChildren err=0 zxid=~z0 children=[]"),
)

ours(
    "a check outside of a multi is nobody's opcode",
    "ZOOKEEPER-2623 (3.9.3): before, it reached the transaction log and broke the database",
    (("a", "check", "/", -1), "a: check err=-6 zxid=-1\na: closed"),
    (("b", "check", "/no", 0), "b: check err=-6 zxid=-1\nb: closed"),
    (("c", "raw", 13, b""), "c: check err=-6 zxid=-1\nc: closed"),
    (("d", "getChildren", "/", False), "d: getChildren err=0 zxid=~z0 children=[]"),
)

ours(
    "a create of an unknown kind spoils the whole multi",
    "ZOOKEEPER-4026 (3.9.0), which decodes a multi otherwise: before, it was the part's failure",
    (("a", "multi", [("create", "/x", b"", OPEN, 0), ("create", "/y", b"", OPEN, 9)]), "a: multi err=-5 zxid=~z0"),
    (("a", "getChildren", "/", False), "a: getChildren err=0 zxid=~z0 children=[]"),
)

NEW = " czxid=z1 mzxid=z1 ctime=now mtime=now version=0 cversion=0 aversion=0 ephemeralOwner="
ours(
    "create2 in a multi is answered with its own type and a Stat",
    "ZOOKEEPER-4026 (3.9.0): before, create2 in a multi was answered as create",
    (("a", "multi", [("create2", "/p", b"22", OPEN, 0), ("create2", "/s-", b"", OPEN, EPHEMERAL | SEQUENTIAL)]),
     f"a: multi err=0 zxid=z1 [create2 err=0 path=/p{NEW}0 dataLength=2 numChildren=0 pzxid=z1]"
     f" [create2 err=0 path=/s-0000000001{NEW}session(a) dataLength=0 numChildren=0 pzxid=z1]"),
)
