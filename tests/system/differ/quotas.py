"""Quotas: what they count, and what a hard one refuses. The scenario's own quotas are below /zookeeper/quota/."""
from differ.table import EPHEMERAL, OPEN, SETTINGS, Setting, scenario

SETTINGS.append(Setting("hard quotas", True, "enforceQuota=true\n", []))


def quota(path, limits):
    """The steps that set one, as Apache's shell does it."""
    steps = [("a", "create", "/zookeeper/quota/", b"", OPEN, 0)]
    at = "/zookeeper/quota/"
    for part in path.strip("/").split("/"):
        at += ("" if at.endswith("/") else "/") + part
        steps.append(("a", "create", at, b"", OPEN, 0))
    return (
        *steps,
        ("a", "create", at + "/zookeeper_limits", limits, OPEN, 0),
        ("a", "create", at + "/zookeeper_stats", b"count=0,bytes=0", OPEN, 0),
        ("a", "getData", at + "/zookeeper_stats", False),
    )


SOME_WRITES = (
    ("a", "create", "/q/a", b"12345", OPEN, 0),
    ("a", "create", "/q/b", b"12345678901", OPEN, 0),
    ("a", "create", "/q/e", b"", OPEN, EPHEMERAL),
    ("a", "create", "/q/f", b"", OPEN, 0),
    ("a", "create", "/q/a/deep", b"1", OPEN, 0),
    ("b", "setData", "/q", b"1234567890", -1),
    ("b", "setData", "/q/a", b"", -1),
    ("b", "setData", "/q/a", b"1234567890123", -1),
    ("b", "multi", [("create", "/q/m1", b"", OPEN, 0), ("create", "/q/m2", b"", OPEN, 0), ("create", "/q/m3", b"", OPEN, 0)]),
    ("a", "getData", "/zookeeper/quota/q/zookeeper_stats", False),
    ("b", "delete", "/q/b", -1),
    ("b", "delete", "/q/f", -1),
    ("a", "getData", "/zookeeper/quota/q/zookeeper_stats", False),
    ("b", "create", "/other", b"1" * 100, OPEN, 0),
    ("a", "getChildren", "/q", False),
)
NESTED = (
    ("a", "create", "/q", b"x", OPEN, 0),
    ("a", "create", "/q/d", b"x", OPEN, 0),
    *quota("/q", b"count=5,bytes=-1=;byteHardLimit=-1;countHardLimit=5"),
    ("a", "create", "/zookeeper/quota/q/d", b"", OPEN, 0),
    ("a", "create", "/zookeeper/quota/q/d/zookeeper_limits", b"count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=9", OPEN, 0),
    ("a", "create", "/zookeeper/quota/q/d/zookeeper_stats", b"count=0,bytes=0", OPEN, 0),
    *[("b", "create", f"/q/d/{i}", b"12", OPEN, 0) for i in range(3)],
    ("b", "setData", "/q/d/0", b"1234", -1),
    ("b", "getData", "/zookeeper/quota/q/zookeeper_stats", False),
    ("b", "getData", "/zookeeper/quota/q/d/zookeeper_stats", False),
    ("b", "delete", "/q/d/0", -1),
    ("b", "getData", "/zookeeper/quota/q/zookeeper_stats", False),
    ("b", "create", "/q/d/0", b"", OPEN, 0),
    ("b", "create", "/q/d/another", b"", OPEN, 0),
)
scenario("a quota below a quota", *NESTED, setting="hard quotas")

scenario(
    "a multi that passes a quota half-way",
    ("a", "create", "/q", b"x", OPEN, 0),
    *quota("/q", b"count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=3"),
    ("b", "multi", [("create", "/q/1", b"", OPEN, 0)]),
    ("b", "multi", [("create", f"/q/{i}", b"", OPEN, 0) for i in range(2, 5)]),
    ("b", "getData", "/zookeeper/quota/q/zookeeper_stats", False),
    ("b", "getChildren", "/q", False),
    setting="hard quotas",
)

scenario(
    "a multi that makes the room in a quota which it needs",
    ("a", "create", "/q", b"x", OPEN, 0),
    *quota("/q", b"count=-1,bytes=-1=;byteHardLimit=5;countHardLimit=3"),
    ("b", "multi", [("create", "/q/1", b"12", OPEN, 0), ("create", "/q/2", b"12", OPEN, 0)]),
    ("b", "multi", [("delete", "/q/1", -1), ("create", "/q/3", b"1", OPEN, 0)]),
    ("b", "multi", [("setData", "/q/2", b"", -1), ("setData", "/q", b"1234", -1)]),
    setting="hard quotas",
)

scenario(
    "who writes into a quota's stats",
    ("a", "create", "/q", b"x", OPEN, 0),
    *quota("/q", b"count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=3"),
    ("b", "setData", "/zookeeper/quota/q/zookeeper_stats", b"count=-100,bytes=-100", -1),
    ("b", "getData", "/zookeeper/quota/q/zookeeper_stats", False),
    ("b", "create", "/q/1", b"12", OPEN, 0),
    ("b", "getData", "/zookeeper/quota/q/zookeeper_stats", False),
    setting="hard quotas",
)

scenario(
    "nobody is told when a quota's stats are counted again",
    ("a", "create", "/q", b"x", OPEN, 0),
    *quota("/q", b"count=9,bytes=99"),
    ("b", "getData", "/zookeeper/quota/q/zookeeper_stats", True),
    ("c", "addWatch", "/zookeeper/quota/q/zookeeper_stats", 0),
    ("d", "addWatch", "/zookeeper/quota/q", 1),
    ("e", "getChildren", "/zookeeper/quota/q", True),
    ("a", "create", "/q/n", b"12", OPEN, 0),
    ("a", "setData", "/q/n", b"123", -1),
    ("a", "delete", "/q/n", -1),
    ("a", "getData", "/zookeeper/quota/q/zookeeper_stats", False),
    ("a", "setData", "/zookeeper/quota/q/zookeeper_limits", b"count=8,bytes=99", -1),
    ("a", "delete", "/zookeeper/quota/q/zookeeper_limits", -1),
    ("a", "delete", "/zookeeper/quota/q/zookeeper_stats", -1),
)

for name, limits in {
    "counts": b"count=4,bytes=-1=;byteHardLimit=-1;countHardLimit=4",
    "bytes": b"count=-1,bytes=20=;byteHardLimit=20;countHardLimit=-1",
    "both": b"count=-1,bytes=-1=;byteHardLimit=15;countHardLimit=5",
    "nothing hard": b"count=2,bytes=5",
}.items():
    scenario(
        f"a quota of {name}",
        ("a", "create", "/q", b"x", OPEN, 0),
        *quota("/q", limits),
        *SOME_WRITES,
        setting="hard quotas",
    )
    scenario(
        f"a quota of {name} that nobody enforces",
        ("a", "create", "/q", b"x", OPEN, 0),
        ("a", "create", "/q/there", b"123", OPEN, 0),
        *quota("/q", limits),
        *SOME_WRITES,
    )
