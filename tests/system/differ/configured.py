"""What depends on zoo.cfg: who must authenticate, who may do everything, and that ACLs count."""
from differ.table import EPHEMERAL, OPEN, SEQUENTIAL, SETTINGS, Setting, ours, scenario

ANN = b"ann:secret"
SUPER = b"super:test"
SHUT = [(31, "digest", "nobody:hash")]
SUPER_DIGEST = "DigestAuthenticationProvider.superDigest=super:D/InIHSb7yEEbrWz8b9l71RjZJU=\n"

SETTINGS.append(Setting("enforced authentication", True, "enforce.auth.enabled=true\nenforce.auth.schemes=digest\n", []))
for name, *request in (
    ("exists", "exists", "/", False),
    ("getData", "getData", "/", True),
    ("create", "create", "/n", b"", OPEN, 0),
    ("setData", "setData", "/", b"", -1),
    ("delete", "delete", "/no", -1),
    ("multi", "multi", []),
    ("multiRead", "multiRead", []),
    ("sync", "sync", "/"),
    ("setWatches", "setWatches", 0, [], [], []),
    ("addWatch", "addWatch", "/", 0),
    ("whoAmI", "whoAmI"),
    ("closeSession", "closeSession"),
    ("reconfig", "reconfig", None, None, None, -1),
):
    scenario(
        f"who has not authenticated is sent away: {name}",
        ("a", *request),
        ("b", "auth", 0, "digest", ANN),
        ("b", *request),
        setting="enforced authentication",
    )
scenario(
    "who has not authenticated may ping, and authenticate as often as he likes",
    ("a", "pipeline", ("ping",), ("auth", 0, "ip", b""), ("ping",), ("auth", 0, "digest", ANN), ("exists", "/", False)),
    ("b", "pipeline", ("auth", 0, "ip", b""), ("exists", "/", False)),
    ("c", "auth", 0, "digest", ANN),
    ("c", "create", "/e", b"", OPEN, EPHEMERAL),
    ("c", "drop"),
    ("c", "resume"),
    ("d", "auth", 0, "digest", ANN),
    ("d", "exists", "/e", False),
    setting="enforced authentication",
)

SETTINGS.append(Setting("a super user", False, SUPER_DIGEST, []))
scenario(
    "super may do everything",
    ("a", "create", "/shut", b"x", SHUT, 0),
    ("a", "getData", "/shut", False),
    ("b", "auth", 0, "digest", SUPER),
    ("b", "whoAmI"),
    ("b", "getData", "/shut", True),
    ("b", "getACL", "/shut"),
    ("b", "create", "/shut/n", b"", [(31, "auth", "")], 0),
    ("b", "getACL", "/shut/n"),
    ("b", "setData", "/shut", b"y", -1),
    ("b", "setACL", "/shut", [(1, "world", "anyone")], -1),
    ("b", "setData", "/shut", b"z", -1),
    ("b", "delete", "/shut/n", -1),
    ("b", "setACL", "/zookeeper/quota", OPEN, -1),
    ("b", "delete", "/zookeeper/quota", -1),
    ("b", "delete", "/shut", -1),
    ("c", "auth", 0, "digest", b"super:wrong"),
    ("c", "whoAmI"),
    setting="a super user",
)

SETTINGS.append(Setting("ACLs do not count", False, "skipACL=yes\n", []))
scenario(
    "nobody is asked for permission",
    ("a", "create", "/shut", b"x", SHUT, 0),
    ("b", "getData", "/shut", True),
    ("b", "getACL", "/shut"),
    ("b", "create", "/shut/n", b"", [], 0),
    ("b", "create", "/shut/n", b"", OPEN, 0),
    ("b", "setACL", "/shut", SHUT, -1),
    ("a", "setData", "/shut", b"y", -1),
    ("b", "multi", [("check", "/shut", 1), ("delete", "/shut/n", 0)]),
    ("b", "create", "/auth", b"", [(31, "auth", "")], 0),
    setting="ACLs do not count",
)

SETTINGS.append(Setting("another hash", False, "DigestAuthenticationProvider.digestAlg=SHA-256\n", []))
scenario(
    "passwords are hashed by what zoo.cfg says",
    ("a", "auth", 0, "digest", ANN),
    ("a", "create", "/n", b"", [(31, "auth", "")], 0),
    ("a", "getACL", "/n"),
    setting="another hash",
)

SETTINGS.append(Setting("an ensemble with a name", False, "ensembleAuthName=here,there\n",
                        ["-Dzookeeper.authProvider.1=org.apache.zookeeper.server.auth.EnsembleAuthenticationProvider"]))
scenario(
    "who asks for another ensemble is sent away",
    ("a", "auth", 0, "ensemble", b"here"),
    ("b", "auth", 0, "ensemble", b"there"),
    ("c", "auth", 0, "ensemble", b""),
    ("d", "auth", 0, "ensemble", b"elsewhere"),
    ("a", "whoAmI"),
    setting="an ensemble with a name",
)

SETTINGS.append(Setting("short requests", False, "jute.maxbuffer=2000\n", ["-Djute.maxbuffer=2000"]))
scenario(
    "an answer may be longer than any request",
    *[("a", "create", "/" + letter * 1500, b"", OPEN, 0) for letter in "xyz"],
    ("a", "getChildren", "/", False),
    ("a", "create", "/" + "v" * 2500, b"", OPEN, 0),
    ("b", "exists", "/" + "v" * 2500, False),
    setting="short requests",
)

SETTINGS.append(Setting("both families", False, "clientPortAddress=::\n", []))
SIX = {"host": "::1"}
scenario(
    "an IPv6 address is shown as Java writes it",
    ("a", "connect", SIX),
    ("a", "whoAmI"),
    ("b", "whoAmI"),
    ("a", "word", "cons", r"^ /(\S+):\d+\[\d\]\(queued=0,.*,sid="),
    ("a", "word", "stat", r"^ /(\S+):\d+\[\d\]\(queued=0,"),
    setting="both families",
)
CONNECTED = ": connected version=0 timeout=30000 new session password=new(16) readOnly=absent"
ours(
    "an ACL of IPv6 addresses, in whichever notation",
    "IPv6 in ACLs is 3.9.4's (ZOOKEEPER-4958)",
    (("a", "connect", SIX), "a" + CONNECTED),
    *[step
      for i, mine in enumerate(("0:0:0:0:0:0:0:1", "::1", "0:0:0:0:0:0:0:ff/120", "::/64"), 1)
      for step in (
          (("a", "create", f"/{i}", b"", [(31, "ip", mine)], 0), f"a: create err=0 zxid=z{i} path=/{i}"),
          (("a", "getAllChildrenNumber", f"/{i}"), f"a: getAllChildrenNumber err=0 zxid=~z{i} number=0"),
          (("b", "getAllChildrenNumber", f"/{i}"), f"b: getAllChildrenNumber err=-102 zxid=~z{i}"),
      )],
    (("a", "create", "/5", b"", [(31, "ip", "::2/127"), (31, "ip", "127.0.0.1")], 0), "a: create err=0 zxid=z5 path=/5"),
    (("a", "getAllChildrenNumber", "/5"), "a: getAllChildrenNumber err=-102 zxid=~z5"),
    (("b", "getAllChildrenNumber", "/5"), "b: getAllChildrenNumber err=0 zxid=~z5 number=0"),
    (("a", "create", "/bad", b"", [(31, "ip", "::1/129")], 0), "a: create err=-114 zxid=~z5"),
    (("a", "create", "/bad", b"", [(31, "ip", "0:0:0:0:0:0:1")], 0), "a: create err=-114 zxid=~z5"),
    setting="both families",
)

SETTINGS.append(Setting("local sessions", True, "localSessionsEnabled=true\n", []))
scenario(
    "a local session makes no ephemerals",
    ("a", "connect", {}),
    ("a", "create", "/e", b"", OPEN, EPHEMERAL),
    ("b", "create2", "/e-", b"", OPEN, EPHEMERAL | SEQUENTIAL),
    ("c", "multi", [("create", "/n", b"", OPEN, 0), ("create", "/n/e", b"", OPEN, EPHEMERAL)]),
    ("a", "create", "/n", b"", OPEN, 0),
    ("b", "setData", "/n", b"x", -1),
    ("c", "multi", [("check", "/n", 1), ("delete", "/n", -1)]),
    ("a", "getEphemerals", "/"),
    ("a", "getChildren", "/", False),
    setting="local sessions",
)

SETTINGS.append(Setting("few connections", False, "maxClientCnxns=3\n", []))
scenario(
    "an address has so many connections and no more",
    ("a", "exists", "/", False),
    ("b", "exists", "/", False),
    ("c", "exists", "/", False),
    ("d", "connect", {}),
    ("c", "drop"),
    ("b", "sleep", 0.3),
    ("e", "connect", {}),
    setting="few connections",
)

SETTINGS.append(Setting("default time-outs", False, "minSessionTimeout=-1\nmaxSessionTimeout=-1\n", []))
scenario(
    "without limits a time-out is two to twenty ticks",
    *[("a", "connect", {"timeout_ms": ms}) for ms in (0, 1999, 2000, 2001, 20000, 20001)],
    setting="default time-outs",
)
