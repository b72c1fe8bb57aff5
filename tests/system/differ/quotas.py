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
