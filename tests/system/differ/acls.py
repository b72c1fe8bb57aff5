"""Identities, ACLs and what each permission is for."""
from differ.table import EPHEMERAL, OPEN, READ_ONLY, scenario

READ, WRITE, CREATE, DELETE, ADMIN, ALL = 1, 2, 4, 8, 16, 31
ANN = b"ann:secret"
ANN_ID = "ann:" + "Zms0J7IeGtQeUDvxYG/+Y3k5q6Y="  # any hash will do: nobody has this one's password
BOB = b"bob:other"


def world(perms):
    return [(perms, "world", "anyone")]


for name, perms in {
    "nothing": 0, "read": READ, "write": WRITE, "create": CREATE, "delete": DELETE, "admin": ADMIN,
    "all but read": ALL - READ, "all but write": ALL - WRITE, "all but create": ALL - CREATE,
    "all but delete": ALL - DELETE, "all but admin": ALL - ADMIN,
}.items():
    scenario(
        f"what a world allows that may do {name}",
        ("a", "create", "/n", b"data", OPEN, 0),
        ("a", "create", "/n/there", b"", OPEN, 0),
        ("a", "create", "/n/too", b"", OPEN, 0),
        ("a", "setACL", "/n", world(perms), -1),
        ("a", "exists", "/n", False),
        ("a", "exists", "/n", True),
        ("a", "getData", "/n", True),
        ("a", "getACL", "/n"),
        ("a", "getChildren", "/n", True),
        ("a", "getChildren2", "/n", False),
        ("a", "getAllChildrenNumber", "/n"),
        ("a", "addWatch", "/n", 0),
        ("a", "sync", "/n"),
        ("a", "setData", "/n", b"x", 9),
        ("a", "setData", "/n", b"x", -1),
        ("a", "create", "/n/new", b"", OPEN, 0),
        ("a", "create2", "/n/there", b"", OPEN, 0),
        ("a", "delete", "/n/there", 9),
        ("a", "delete", "/n/no", -1),
        ("a", "delete", "/n/too", -1),
        ("a", "multi", [("check", "/n", -1)]),
        ("a", "multi", [("check", "/n", 9)]),
        ("a", "setACL", "/n", world(perms), 9),
        ("a", "setACL", "/n", world(ALL), -1),
        ("a", "getChildren2", "/n", False),
    )

scenario(
    "digest: who knows the password is let in",
    ("a", "whoAmI"),
    ("a", "auth", 0, "digest", ANN),
    ("a", "whoAmI"),
    ("a", "create2", "/n", b"mine", [(ALL, "auth", "")], 0),
    ("a", "getACL", "/n"),
    ("b", "getData", "/n", False),
    ("b", "getACL", "/n"),
    ("b", "auth", 0, "digest", BOB),
    ("b", "getData", "/n", False),
    ("b", "auth", 0, "digest", ANN),
    ("b", "whoAmI"),
    ("b", "getData", "/n", False),
    ("b", "getACL", "/n"),
    ("b", "setACL", "/n", [(READ, "auth", "ignored")], -1),
    ("b", "getACL", "/n"),
    ("a", "setData", "/n", b"", -1),
    ("c", "getACL", "/n"),
)

scenario(
    "identities belong to the connection, and to its session no longer than it",
    ("a", "auth", 0, "digest", ANN),
    ("a", "create", "/n", b"mine", [(ALL, "auth", "")], 0),
    ("a", "drop"),
    ("a", "resume"),
    ("a", "getData", "/n", False),
    ("a", "whoAmI"),
    ("a", "auth", 0, "digest", ANN),
    ("a", "getData", "/n", False),
)

scenario(
    "authentication that fails ends the connection",
    ("a", "auth", 0, "nobody", b"x"),
    ("b", "auth", 0, "digest", b"nocolon"),
    ("c", "auth", 0, "digest", b""),
    ("d", "auth", 0, None, b"x"),
    ("e", "auth", 0, "digest", None),
    ("f", "auth", 0, "", b"x"),
    ("g", "auth", 0, "ip", b"127.0.0.1"),
    ("h", "auth", 0, "ip", b""),
    ("h", "whoAmI"),
    ("i", "auth", 0, "world", b"anyone"),
    ("j", "auth", 0, "auth", b""),
    ("k", "auth", 0, "super", b"x:y"),
    ("l", "auth", 7, "digest", ANN),
    ("l", "whoAmI"),
    ("l", "auth", 0, "digest", ANN),
    ("l", "auth", 0, "digest", b"user:pass:word"),
    ("l", "auth", 0, "digest", b":"),
    ("l", "auth", 0, "digest", b"x:"),
    ("l", "auth", 0, "digest", b":y"),
    ("l", "auth", 0, "digest", b"\xff\xfe:y"),
    ("l", "whoAmI"),
    ("m", "auth", 0, "sasl", b"x"),
    ("n", "auth", 0, "x509", b"x"),
)

ACLS = {
    "none": None,
    "nobody": [],
    "an unknown scheme": [(ALL, "nobody", "x")],
    "no scheme": [(ALL, None, "x")],
    "an empty scheme": [(ALL, "", "")],
    "the world but not anyone": [(ALL, "world", "someone")],
    "the world and nobody": [(ALL, "world", None)],
    "a digest": [(ALL, "digest", ANN_ID)],
    "a digest without colon": [(ALL, "digest", "ann")],
    "a digest of three parts": [(ALL, "digest", "a:b:c")],
    "an empty digest": [(ALL, "digest", "")],
    "a digest of colons": [(ALL, "digest", ":")],
    "a digest without hash": [(ALL, "digest", "ann:")],
    "a digest without user": [(ALL, "digest", ":hash")],
    "a null digest": [(ALL, "digest", None)],
    "our address": [(ALL, "ip", "127.0.0.1")],
    "our net": [(ALL, "ip", "127.0.0.0/8")],
    "another net": [(ALL, "ip", "10.0.0.0/8")],
    "every address": [(ALL, "ip", "0.0.0.0/0")],
    "a net with odd bits": [(ALL, "ip", "127.0.0.1/33")],
    "a net with negative bits": [(ALL, "ip", "127.0.0.1/-1")],
    "an address with a word": [(ALL, "ip", "localhost")],
    "an address of three parts": [(ALL, "ip", "127.0.1")],
    "an address that is too large": [(ALL, "ip", "127.0.0.256")],
    "an empty address": [(ALL, "ip", "")],
    "auth of nobody": [(ALL, "auth", "")],
    "super": [(ALL, "super", "")],
    "sasl": [(ALL, "sasl", "principal")],
    "twice the same": world(ALL) + world(ALL),
    "the same with other permissions": world(READ) + world(ALL),
    "several": world(READ) + [(ALL, "digest", ANN_ID), (ALL, "ip", "127.0.0.1")],
    "a good and a bad one": world(READ) + [(ALL, "digest", "x")],
    "no permissions": world(0),
    "more than all permissions": world(255),
    "negative permissions": world(-1),
}
for name, acl in ACLS.items():
    scenario(
        f"an ACL of {name}",
        ("a", "create", "/n", b"", acl, 0),
        ("a", "create2", "/m", b"", acl, EPHEMERAL),
        ("b", "getACL", "/n"),
        ("b", "getData", "/n", False),
        ("b", "setData", "/n", b"", -1),
        ("a", "create", "/o", b"", OPEN, 0),
        ("a", "setACL", "/o", acl, 0),
        ("b", "getACL", "/o"),
        ("a", "multi", [("create", "/p", b"", acl, 0)]),
    )

scenario(
    "auth becomes every identity that has been proved, once",
    ("a", "auth", 0, "digest", ANN),
    ("a", "auth", 0, "digest", BOB),
    ("a", "auth", 0, "digest", ANN),
    ("a", "whoAmI"),
    ("a", "create", "/n", b"", [(READ, "auth", "x"), (WRITE, "auth", "y")], 0),
    ("a", "getACL", "/n"),
    ("b", "auth", 0, "digest", BOB),
    ("b", "getData", "/n", False),
    ("b", "setData", "/n", b"", -1),
    ("b", "setACL", "/n", OPEN, -1),
    ("a", "create", "/m", b"", world(READ) + [(ALL, "auth", ""), (ALL, "auth", "")], 0),
    ("a", "getACL", "/m"),
    ("b", "getACL", "/m"),
    ("c", "getACL", "/m"),
    ("c", "getACL", "/n"),
)

scenario(
    "getACL masks hashes from who may not administer",
    ("a", "auth", 0, "digest", ANN),
    ("a", "create", "/n", b"", world(READ) + [(ALL, "auth", ""), (READ, "digest", "bob:hash"), (READ, "ip", "10.0.0.1")], 0),
    ("a", "getACL", "/n"),
    ("b", "getACL", "/n"),
    ("a", "create", "/m", b"", world(ADMIN) + [(READ, "digest", "bob:hash")], 0),
    ("b", "getACL", "/m"),
)

scenario(
    "the right to delete is the parent's",
    ("a", "create", "/p", b"", world(ALL - DELETE), 0),
    ("a", "create", "/p/c", b"", OPEN, 0),
    ("a", "delete", "/p/c", -1),
    ("a", "create", "/q", b"", OPEN, 0),
    ("a", "create", "/q/c", b"", [(0, "world", "anyone")], 0),
    ("a", "delete", "/q/c", 5),
    ("a", "delete", "/q/c", -1),
    ("a", "multi", [("delete", "/p/c", -1)]),
    ("a", "getChildren2", "/p", False),
)

scenario(
    "an ephemeral goes although its owner may not delete it",
    ("a", "create", "/p", b"", OPEN, 0),
    ("a", "create", "/p/e", b"", READ_ONLY, EPHEMERAL),
    ("b", "setACL", "/p", READ_ONLY, -1),
    ("a", "closeSession"),
    ("b", "getChildren2", "/p", False),
)

scenario(
    "the nodes above are not asked for permission",
    ("a", "create", "/shut", b"", OPEN, 0),
    ("a", "create", "/shut/open", b"x", OPEN, 0),
    ("a", "setACL", "/shut", world(0), -1),
    ("b", "getData", "/shut/open", False),
    ("b", "create", "/shut/open/c", b"", OPEN, 0),
    ("b", "exists", "/shut/no", True),
    ("b", "getChildren", "/shut", False),
)

# Ten creates in front: what is behind them is asked before the list has come to force, whatever the disk's speed.
AHEAD = [("create", f"/before{i}", b"", OPEN, 0) for i in range(10)]
scenario(
    "what a list takes away is refused right behind it",
    ("a", "create", "/n", b"", OPEN, 0),
    ("a", "pipeline", *AHEAD, ("setACL", "/n", READ_ONLY, -1), ("setData", "/n", b"x", -1)),
)
scenario(
    "what the parent's list takes away is refused right behind it",
    ("a", "create", "/n", b"", OPEN, 0),
    ("a", "create", "/n/c", b"", OPEN, 0),
    ("a", "pipeline", *AHEAD, ("setACL", "/n", READ_ONLY, -1), ("delete", "/n/c", -1)),
)
scenario(
    "what a list gives is granted right behind it",
    ("a", "create", "/n", b"", world(ALL - WRITE), 0),
    ("a", "pipeline", *AHEAD, ("setACL", "/n", OPEN, -1), ("setData", "/n", b"x", -1)),
)
