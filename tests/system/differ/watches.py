"""Watches: which there are, what fires them, in which order, and what a client that comes back is told."""
from differ.table import EPHEMERAL, OPEN, Mark, Verbatim, ours, scenario

DATA, CHILD, EXIST = "getData", "getChildren", "exists"
PERSISTENT, RECURSIVE = 0, 1
CHILDREN_TYPE, DATA_TYPE, ANY_TYPE, PERSISTENT_TYPE, RECURSIVE_TYPE = 1, 2, 3, 4, 5

CHANGES = {
    "create": [("a", "create", "/p/n", b"", OPEN, 0)],
    "create of an ephemeral": [("a", "create2", "/p/n", b"", OPEN, EPHEMERAL)],
    "setData": [("a", "setData", "/p/n", b"x", -1)],
    "setACL": [("a", "setACL", "/p/n", OPEN, -1)],
    "delete": [("a", "delete", "/p/n", -1)],
    "the end of the owner's session": [("e", "closeSession")],
    "a child's create": [("a", "create", "/p/n/c", b"", OPEN, 0)],
    "a child's setData": [("a", "setData", "/p/n/c", b"", -1)],
    "a child's delete": [("a", "delete", "/p/n/c", -1)],
}
BEFORE = {
    "create": [],
    "create of an ephemeral": [],
    "the end of the owner's session": [("e", "create", "/p/n", b"", OPEN, EPHEMERAL)],
}
WITH_NODE = [("a", "create", "/p/n", b"", OPEN, 0)]
WITH_CHILD = WITH_NODE + [("a", "create", "/p/n/c", b"", OPEN, 0)]

WATCHES = {
    "one-shot watches": lambda who, path: [(who, EXIST, path, True), (who, DATA, path, True), (who, CHILD, path, True)],
    "a persistent watch": lambda who, path: [(who, "addWatch", path, PERSISTENT)],
    "a recursive watch": lambda who, path: [(who, "addWatch", path, RECURSIVE)],
}

for change, steps in CHANGES.items():
    for kind, watch in WATCHES.items():
        scenario(
            f"{kind} and {change}",
            ("a", "create", "/p", b"", OPEN, 0),
            *BEFORE.get(change, WITH_CHILD if change in ("a child's setData", "a child's delete") else WITH_NODE),
            *watch("a", "/p/n"),
            *watch("b", "/p"),
            *watch("c", "/"),
            *watch("d", "/p/n/c"),
            *steps,
            ("b", "getChildren", "/p", False),
            ("a", "create", "/p/later", b"", OPEN, 0),
            ("a", "delete", "/p/later", -1),
        )

scenario(
    "nobody is told of sessions that come and go",
    ("a", "addWatch", Verbatim("/"), RECURSIVE),
    ("b", "addWatch", "/", PERSISTENT),
    ("c", "connect", {}),
    ("c", "exists", "/", False),
    ("c", "closeSession"),
    ("d", "connect", {"timeout_ms": 500}),
    ("d", "drop"),
    ("a", "sleep", 2.5),
)

scenario(
    "a one-shot watch fires once, however often it was set",
    ("a", "create", "/n", b"", OPEN, 0),
    ("a", DATA, "/n", True),
    ("a", DATA, "/n", True),
    ("a", EXIST, "/n", True),
    ("b", DATA, "/n", True),
    ("a", "setData", "/n", b"1", -1),
    ("a", "setData", "/n", b"2", -1),
    ("a", DATA, "/n", True),
    ("a", DATA, "/n", False),
    ("b", "setData", "/n", b"3", -1),
)

scenario(
    "an exists watch waits for a node that is not there",
    ("a", EXIST, "/n", True),
    ("b", EXIST, "/n/below", True),
    ("c", DATA, "/n", True),
    ("c", CHILD, "/n", True),
    ("b", "create", "/n", b"", OPEN, 0),
    ("b", "create", "/n/below", b"", OPEN, 0),
    ("a", EXIST, "/n/below", True),
    ("b", "delete", "/n/below", -1),
    ("b", "create", "/n/below", b"", OPEN, 0),
)

scenario(
    "a deletion is told once to who watches data and children",
    ("a", "create", "/n", b"", OPEN, 0),
    ("a", DATA, "/n", True),
    ("a", CHILD, "/n", True),
    ("a", EXIST, "/n", True),
    ("b", CHILD, "/n", True),
    ("b", CHILD, "/", True),
    ("c", DATA, "/n", True),
    ("c", CHILD, "/n", True),
    ("d", "addWatch", "/n", PERSISTENT),
    ("a", "delete", "/n", -1),
    ("a", "create", "/n", b"", OPEN, 0),
    ("a", "delete", "/n", -1),
)

scenario(
    "one connection hears of a change once, from whichever of its watches",
    ("a", "create", "/n", b"", OPEN, 0),
    ("a", DATA, "/n", True),
    ("a", "addWatch", "/", RECURSIVE),
    ("b", "setData", "/n", b"1", -1),
    ("b", "setData", "/n", b"2", -1),
    ("b", "create", "/n/c", b"", OPEN, 0),
    ("b", "delete", "/n/c", -1),
    ("b", "delete", "/n", -1),
    ("b", "create", "/n", b"", OPEN, 0),
)

scenario(
    "a recursive watch hears from deep below, and stops when removed",
    ("a", "addWatch", "/", RECURSIVE),
    ("b", "addWatch", "/x/y", RECURSIVE),
    ("c", "addWatch", "/x", PERSISTENT),
    ("a", "create", "/x", b"", OPEN, 0),
    ("a", "create", "/x/y", b"", OPEN, 0),
    ("a", "create", "/x/y/z", b"", OPEN, 0),
    ("a", "create", "/x/yy", b"", OPEN, 0),
    ("a", "setData", "/x/y/z", b"", -1),
    ("a", "removeWatches", "/", ANY_TYPE),
    ("a", "delete", "/x/y/z", -1),
    ("b", "removeWatches", "/x/y", ANY_TYPE),
    ("a", "delete", "/x/y", -1),
)

scenario(
    "addWatch's modes",
    *[("a", "addWatch", "/n", mode) for mode in (0, 1, 2, 3, -1, 99)],
    ("a", "addWatch", "/", PERSISTENT),
    ("a", "create", "/n", b"", OPEN, 0),
)

SETS = {
    "nothing": [],
    "a data watch": [("a", DATA, "/n", True)],
    "an exists watch": [("a", EXIST, "/n", True)],
    "an exists watch on nothing": [("a", EXIST, "/no", True)],
    "a child watch": [("a", CHILD, "/n", True)],
    "data and child watches": [("a", DATA, "/n", True), ("a", CHILD, "/n", True)],
}
for what, sets in SETS.items():
    scenario(
        f"watches are found and removed by their type: {what}",
        ("a", "create", "/n", b"", OPEN, 0),
        *[step
          for kind in (1, 2, 3, 0, 6, -1)
          for step in (
              *sets,
              ("a", "checkWatches", "/n", kind),
              ("b", "checkWatches", "/n", kind),
              ("a", "checkWatches", "/no", kind),
              ("a", "removeWatches", "/n", kind),
              ("b", "removeWatches", "/n", kind),
              ("a", "removeWatches", "/no", kind),
              ("a", "setData", "/n", b"x", -1),
              ("a", "create", f"/n/c{kind}", b"", OPEN, 0),
          )],
    )

scenario(
    "setWatches tells what was missed, then sets the rest again",
    ("b", "create", "/same", b"", OPEN, 0),
    ("b", "create", "/changed", b"", OPEN, 0),
    ("b", "create", "/gone", b"", OPEN, 0),
    ("b", "create", "/parent", b"", OPEN, 0),
    ("b", "mark", "then"),
    ("b", "setData", "/changed", b"x", -1),
    ("b", "delete", "/gone", -1),
    ("b", "create", "/new", b"", OPEN, 0),
    ("b", "create", "/parent/child", b"", OPEN, 0),
    ("a", "setWatches", Mark("then"), ["/same", "/changed", "/gone", "/no"], ["/new", "/same", "/no", "/gone"],
     ["/same", "/parent", "/gone", "/no"]),
    ("b", "setData", "/same", b"x", -1),
    ("b", "create", "/no", b"", OPEN, 0),
    ("b", "create", "/gone", b"", OPEN, 0),
    ("b", "create", "/same/c", b"", OPEN, 0),
    ("b", "setData", "/changed", b"y", -1),
    ("b", "create", "/parent/second", b"", OPEN, 0),
)

scenario(
    "setWatches2 sets persistent watches again without a word",
    ("b", "create", "/p", b"", OPEN, 0),
    ("b", "create", "/r", b"", OPEN, 0),
    ("b", "mark", "then"),
    ("b", "setData", "/p", b"x", -1),
    ("b", "create", "/r/c", b"", OPEN, 0),
    ("a", "setWatches2", Mark("then"), ["/p"], ["/p"], ["/r"], ["/p"], ["/r"]),
    ("b", "setData", "/p", b"y", -1),
    ("b", "create", "/r/d", b"", OPEN, 0),
    ("b", "delete", "/r/d", -1),
    ("a", "checkWatches", "/p", ANY_TYPE),
    ("a", "checkWatches", "/r", ANY_TYPE),
    ("a", "setWatches2", 0, [], [], [], [], []),
    ("a", "setWatches", 0, [], [], []),
)

scenario(
    "setWatches tells of a deletion once to who watches data and children",
    ("b", "create", "/n", b"", OPEN, 0),
    ("b", "mark", "then"),
    ("b", "delete", "/n", -1),
    ("a", "setWatches", Mark("then"), ["/n"], [], ["/n"]),
    ("b", "create", "/n", b"", OPEN, 0),
    ("a", "setWatches", Mark("then"), [], ["/n"], []),
    ("a", "setWatches", Mark("then"), ["/n"], ["/n"], ["/n"]),
)

scenario(
    "setWatches with null vectors and odd paths",
    ("a", "setWatches", 0, None, None, None),
    ("a", "setWatches", 0, [Verbatim("x")], [Verbatim("")], [Verbatim("//")]),
    ("a", "setWatches2", 0, [], [], [], [Verbatim("x")], [Verbatim("/x/")]),
)

SHUT = [(31, "auth", "")]
scenario(
    "what setWatches finds is only for who may read it",
    ("a", "auth", 0, "digest", b"ann:secret"),
    ("a", "create", "/shut", b"", SHUT, 0),
    ("a", "create", "/open", b"", OPEN, 0),
    ("a", "mark", "then"),
    ("a", "setData", "/shut", b"x", -1),
    ("a", "create", "/shut/child", b"", OPEN, 0),
    ("a", "setData", "/open", b"x", -1),
    ("b", "setWatches", Mark("then"), ["/shut", "/open"], ["/shut", "/no"], ["/shut", "/open"]),
    ("c", "setWatches2", Mark("then"), ["/shut"], ["/shut"], ["/shut"], ["/shut"], ["/shut"]),
    ("a", "setWatches", Mark("then"), ["/shut", "/open"], ["/shut", "/no"], ["/shut", "/open"]),
    ("a", "setData", "/shut", b"y", -1),
    ("a", "setACL", "/shut", OPEN, -1),
    ("a", "setData", "/shut", b"z", -1),
    ("a", "create", "/open/child", b"", OPEN, 0),
)

scenario(
    "watches end with their connection and are not moved with the session",
    ("a", "create", "/n", b"", OPEN, 0),
    ("a", DATA, "/n", True),
    ("a", "addWatch", "/n", PERSISTENT),
    ("a", "drop"),
    ("a", "resume"),
    ("b", "setData", "/n", b"1", -1),
    ("a", "checkWatches", "/n", ANY_TYPE),
    ("a", DATA, "/n", True),
    ("a", "resume"),
    ("b", "setData", "/n", b"2", -1),
)

scenario(
    "the event comes before the answer that shows the change",
    ("a", "create", "/n", b"", OPEN, 0),
    ("a", DATA, "/n", True),
    ("a", CHILD, "/", True),
    ("a", "pipeline", ("setData", "/n", b"1", -1), ("getData", "/n", True), ("create", "/m", b"", OPEN, 0),
     ("setData", "/n", b"2", -1), ("getChildren", "/", False)),
)

scenario(
    "events are only for who may read the node",
    ("a", "auth", 0, "digest", b"ann:secret"),
    ("a", "create", "/shut", b"", SHUT, 0),
    ("a", "create", "/open", b"", OPEN, 0),
    ("b", "addWatch", "/shut", PERSISTENT),
    ("b", "addWatch", "/", RECURSIVE),
    ("b", EXIST, "/shut/child", True),
    ("a", "addWatch", "/shut", PERSISTENT),
    ("a", "setData", "/shut", b"x", -1),
    ("a", "create", "/shut/child", b"", OPEN, 0),
    ("a", "setData", "/shut/child", b"", -1),
    ("a", "delete", "/shut/child", -1),
    ("b", DATA, "/open", True),
    ("b", CHILD, "/open", True),
    ("a", "setACL", "/open", [(31, "digest", "ann:x"), (31, "auth", "")], -1),
    ("a", "create", "/open/c", b"", OPEN, 0),
    ("a", "setData", "/open", b"", -1),
    ("a", "delete", "/shut", -1),
    ("a", "create", "/shut", b"", OPEN, 0),
)

WATCHED_BY_ITSELF = (
    ("a", "auth", 0, "digest", b"ann:secret"),
    ("a", "create", "/shut", b"", SHUT, 0),
    ("a", "create", "/shut/mine", b"", SHUT, EPHEMERAL),
    ("a", EXIST, "/shut/mine", True),
    ("a", CHILD, "/shut", True),
)
scenario(
    "of its own end a session hears as who it was",
    *WATCHED_BY_ITSELF,
    ("a", "addWatch", "/", RECURSIVE),
    ("b", "addWatch", "/", RECURSIVE),
    ("b", "addWatch", "/shut", PERSISTENT),
    ("a", "closeSession"),
    ("a", "connect", {}),
    ("a", "auth", 0, "digest", b"ann:secret"),
    ("a", "getChildren2", "/shut", False),
)

scenario(
    "a session that expires under an open connection hears of its own end",
    ("a", "connect", {"timeout_ms": 1500}),
    *WATCHED_BY_ITSELF,
    ("b", "addWatch", "/", RECURSIVE),
    ("b", "pause", "a", 4.0),
    ("a", "await"),
)

# --- as 3.9 does it: checked against what its sources say ---

FRESH = "version=0 cversion=0 aversion=0 ephemeralOwner=0 dataLength=0 numChildren=0"


def told(who, zxid, *events):
    return "\n".join(f"{who}: event {event} state=3 err=0 zxid={zxid}" for event in events)


def answer(who, name, zxid, rest=""):
    return f"{who}: {name} err=0 zxid={zxid}{rest}"


ours(
    "a persistent, a recursive and a one-shot watch live side by side",
    "ZOOKEEPER-4466 (3.9.0): before, the later took the earlier's place",
    (("a", "create", "/n", b"", OPEN, 0), answer("a", "create", "z1", " path=/n")),
    (("a", "addWatch", "/n", PERSISTENT), answer("a", "addWatch", "~z1", " err=0")),
    (("a", "addWatch", "/n", RECURSIVE), answer("a", "addWatch", "~z1", " err=0")),
    (("a", EXIST, "/n", True), answer("a", "exists", "~z1", f" czxid=z1 mzxid=z1 ctime=now mtime=now {FRESH} pzxid=z1")),
    (("b", "create", "/n/c", b"", OPEN, 0), "\n".join((
        answer("b", "create", "z2", " path=/n/c"), told("a", "~z2", "NodeCreated /n/c", "NodeChildrenChanged /n")))),
    (("a", "removeWatches", "/n", PERSISTENT_TYPE), answer("a", "removeWatches", "~z2")),
    (("b", "delete", "/n/c", -1), answer("b", "delete", "z3") + "\n" + told("a", "~z3", "NodeDeleted /n/c")),
    (("a", "removeWatches", "/n", RECURSIVE_TYPE), answer("a", "removeWatches", "~z3")),
    (("b", "delete", "/n", -1), answer("b", "delete", "z4") + "\n" + told("a", "~z4", "NodeDeleted /n")),
    (("b", "create", "/n", b"", OPEN, 0), answer("b", "create", "z5", " path=/n")),
)

ALL_TYPES = {"one-shot data": DATA_TYPE, "child": CHILDREN_TYPE, "persistent": PERSISTENT_TYPE, "recursive": RECURSIVE_TYPE}
TYPE_SETS = {
    DATA_TYPE: ("a", EXIST, "/no", True),
    CHILDREN_TYPE: ("a", CHILD, "/", True),
    PERSISTENT_TYPE: ("a", "addWatch", "/no", PERSISTENT),
    RECURSIVE_TYPE: ("a", "addWatch", "/no", RECURSIVE),
}
SAID = {
    DATA_TYPE: "a: exists err=-101 zxid=~z0",
    CHILDREN_TYPE: "a: getChildren err=0 zxid=~z0 children=[]",
    PERSISTENT_TYPE: "a: addWatch err=0 zxid=~z0 err=0",
    RECURSIVE_TYPE: "a: addWatch err=0 zxid=~z0 err=0",
}
for what, kind in ALL_TYPES.items():
    path = "/" if kind == CHILDREN_TYPE else "/no"
    ours(
        f"a watch of its own type is found and removed: {what}",
        "ZOOKEEPER-4471, ZOOKEEPER-4472 (3.9.0): each type is found and removed by itself, and never another connection's",
        *[part
          for removed_by in (kind, ANY_TYPE)
          for part in (
              (TYPE_SETS[kind], SAID[kind]),
              *[(("a", "removeWatches", path, other), "a: removeWatches err=-121 zxid=~z0")
                for other in ALL_TYPES.values() if other != kind],
              (("b", "removeWatches", path, kind), "b: removeWatches err=-121 zxid=~z0"),
              (("b", "checkWatches", path, kind), "b: checkWatches err=-121 zxid=~z0"),
              (("a", "checkWatches", path, kind), answer("a", "checkWatches", "~z0")),
              (("a", "checkWatches", path, ANY_TYPE), answer("a", "checkWatches", "~z0")),
              (("a", "removeWatches", path, removed_by), answer("a", "removeWatches", "~z0")),
              (("a", "checkWatches", path, ANY_TYPE), "a: checkWatches err=-121 zxid=~z0"),
          )],
    )

ours(
    "an event carries the zxid of its change, one that setWatches finds none",
    "ZOOKEEPER-4655 (3.9.0): before, -1",
    (("a", "create", "/n", b"", OPEN, 0), answer("a", "create", "z1", " path=/n")),
    (("b", "addWatch", "/n", PERSISTENT), answer("b", "addWatch", "~z1", " err=0")),
    (("a", "multi", [("create", "/n/c", b"", OPEN, 0), ("delete", "/n/c", 0)]),
     answer("a", "multi", "z2", " [create err=0 path=/n/c] [delete err=0]") + "\n"
     + told("b", "~z2", "NodeChildrenChanged /n", "NodeChildrenChanged /n")),
    (("a", "setWatches", 0, [], ["/n"], []), told("a", "-1", "NodeCreated /n") + "\na: setWatches err=0 zxid=~z2 xid=-8"),
)
