"""Containers and TTL nodes, and the configuration's node."""
from differ.table import EPHEMERAL, OPEN, SETTINGS, Setting, ours, scenario
from frames import record

CONTAINER, TTL, TTL_SEQUENTIAL = 4, 5, 6
TTL_MAX = 2**40 - 1

SETTINGS.append(Setting("extended types", True, "extendedTypesEnabled=true\nznode.container.checkIntervalMs=500\n",
                        ["-Dznode.container.checkIntervalMs=500"]))
WITH = {"setting": "extended types"}

scenario(
    "TTL nodes are switched off",
    ("a", "createTTL", "/n", b"", OPEN, TTL, 1000),
    ("b", "createTTL", "/n", b"", OPEN, TTL_SEQUENTIAL, 1000),
    ("c", "create", "/n", b"", OPEN, TTL),
    ("c", "create2", "/n", b"", OPEN, TTL_SEQUENTIAL),
    ("a", "multi", [("createTTL", "/n", b"", OPEN, TTL, 1000)]),
    ("a", "multi", [("create", "/n", b"", OPEN, 0), ("createTTL", "/m", b"", OPEN, TTL, 1000)]),
    ("a", "exists", "/n", False),
)

scenario(
    "containers need no switch",
    ("a", "createContainer", "/c", b"x", OPEN, CONTAINER),
    ("b", "exists", "/c", False),
    ("a", "create", "/c/n", b"", OPEN, 0),
    ("a", "create", "/c/e", b"", OPEN, EPHEMERAL),
    ("a", "createContainer", "/c", b"", OPEN, CONTAINER),
    ("a", "createContainer", "/no/c", b"", OPEN, CONTAINER),
    ("a", "createContainer", "/c/", b"", OPEN, CONTAINER),
    ("a", "createContainer", "/d", b"", [], CONTAINER),
    *[("a", "createContainer", f"/f{flags}-", b"", OPEN, flags) for flags in (0, 1, 2, 3, 5, 6, 7, -1)],
    ("a", "getChildren2", "/", False),
    ("a", "exists", "/f0-", False),
    ("a", "exists", "/c", False),
    ("a", "multi", [("createContainer", "/m", b"", OPEN, CONTAINER), ("create", "/m/n", b"", OPEN, 0)]),
    ("b", "getData", "/m", False),
    ("a", "multi", [("createContainer", "/c", b"", OPEN, CONTAINER)]),
    ("a", "getEphemerals", "/"),
)

scenario(
    "a TTL node and its limits",
    ("a", "createTTL", "/n", b"x", OPEN, TTL, 3600000),
    ("a", "createTTL", "/s-", b"x", OPEN, TTL_SEQUENTIAL, 3600000),
    ("b", "exists", "/n", False),
    ("a", "createTTL", "/n", b"x", OPEN, TTL, 3600000),
    *[("a", "createTTL", f"/t{ttl}", b"", OPEN, TTL, ttl) for ttl in (0, -1, TTL_MAX, TTL_MAX + 1, 2**62)],
    *[("a", "createTTL", f"/f{flags}-", b"", OPEN, flags, 3600000) for flags in (0, 1, 2, 3, 4, 7, 8, -1)],
    ("a", "exists", "/f0-", False),
    ("a", "exists", "/f1-", False),
    ("a", "create", "/c5-", b"", OPEN, TTL),
    ("a", "create2", "/c6-", b"", OPEN, TTL_SEQUENTIAL),
    ("a", "createContainer", "/d5-", b"", OPEN, TTL),
    ("a", "create", "/n/child", b"", OPEN, 0),
    ("a", "create", "/n/ephemeral", b"", OPEN, EPHEMERAL),
    ("a", "setData", "/n", b"y", 0),
    ("a", "getEphemerals", "/"),
    ("a", "multi", [("createTTL", "/m", b"", OPEN, TTL, 3600000), ("create", "/m/n", b"", OPEN, 0)]),
    ("a", "multi", [("createTTL", "/m2", b"", OPEN, TTL, 0)]),
    ("a", "raw", 21, record("path:s data:b acl:A flags:i", ("/x", b"", OPEN, TTL))),
    ("a", "getAllChildrenNumber", "/"),
    **WITH,
)

scenario(
    "a TTL node goes when its time is over, a container when its last child has gone",
    ("b", "addWatch", "/", 0),
    ("a", "createTTL", "/n", b"", OPEN, TTL, 100),
    ("b", "await"),
    ("a", "exists", "/n", False),
    ("a", "createContainer", "/c", b"", OPEN, CONTAINER),
    ("b", "addWatch", "/c", 0),
    ("a", "create", "/c/n", b"", OPEN, 0),
    ("b", "await", {"count": 3, "after": ("a", "delete", "/c/n", -1)}),
    ("a", "exists", "/c", False),
    ("a", "getChildren2", "/", False),
    **WITH,
)

SEEN_BY_ALL = (
    ("b", "pipeline", ("exists", "/n", True), ("getData", "/n", True), ("getChildren", "/n", True)),
    ("c", "getChildren", "/", True),
    ("d", "addWatch", "/n", 0),
    ("e", "addWatch", "/", 0),
    ("f", "addWatch", "/", 1),
    ("g", "exists", "/n", True),
    ("h", "getChildren2", "/n", True),
)
scenario(
    "every kind of watch hears of the end of a TTL node",
    ("a", "createTTL", "/n", b"", OPEN, TTL, 8000),
    *SEEN_BY_ALL,
    ("b", "await"),
    ("a", "exists", "/n", False),
    ("a", "create", "/n", b"", OPEN, 0),
    **WITH,
)
scenario(
    "every kind of watch hears of the end of a container",
    ("a", "createContainer", "/n", b"", OPEN, CONTAINER),
    ("a", "create", "/n/last", b"", OPEN, 0),
    *SEEN_BY_ALL,
    ("b", "await", {"count": 2, "after": ("a", "delete", "/n/last", -1)}),
    ("a", "exists", "/n", False),
    ("a", "create", "/n", b"", OPEN, 0),
    **WITH,
)

ours(
    "the servers' own deletion of containers is refused from a client",
    "defect: through Apache's server a client can end any container, whatever its ACL",
    (("a", "createContainer", "/c", b"", OPEN, CONTAINER),
     "a: createContainer err=0 zxid=z1 path=/c czxid=z1 mzxid=z1 ctime=now mtime=now version=0 cversion=0 aversion=0"
     " ephemeralOwner=0 dataLength=0 numChildren=0 pzxid=z1"),
    (("a", "deleteContainer", b"/c"), "a: deleteContainer err=-6 zxid=-1\na: closed"),
    (("b", "getChildren", "/", False), "b: getChildren err=0 zxid=~z1 children=['c']"),
)
ours(
    "plain flags with a negative TTL end nobody",
    "defect: they end Apache's server",
    (("a", "createTTL", "/n", b"", OPEN, 0, -1), "a: createTTL err=-8 zxid=~z0"),
    (("b", "createTTL", "/n", b"", OPEN, EPHEMERAL, -(2**63)), "b: createTTL err=-8 zxid=~z0"),
    (("c", "multi", [("createTTL", "/n", b"", OPEN, 0, -1)]), "c: multi err=0 zxid=z1 [create err=0 path=/n]"),
    (("a", "getChildren", "/", False), "a: getChildren err=0 zxid=~z1 children=['n']"),
    **WITH,
)

scenario(
    "the configuration's node",
    ("a", "getData", "/zookeeper/config", True),
    ("b", "getData", "/zookeeper/config", False),
    ("a", "exists", "/zookeeper/config", False),
    ("a", "getACL", "/zookeeper/config"),
    ("a", "setData", "/zookeeper/config", b"x", -1),
)
