"""What a whole run must have come by: each opcode sent, each error and kind of event received from zkd, each change that
watches hear of or not, and each trap that a server is known to fall into, shown by a scenario. A table that grows thin fails
as loudly as a difference.
"""
import re

from differ.table import SCENARIOS
from frames import EVENTS, OPS

# Wire values of errors that a client can be made to see by what it asks. Not here: those of the clients' own (-4, -7, -9...),
# of features that zkd has not (SASL, reconfig's writing side), and session expired and moved, which come as a closed
# connection or a handshake with a time-out of 0. Nor -119, not read-only: it takes a lost quorum (../modes and
# ../modes_on_apache ask both makes); nor -127, throttled: it takes an overload, and what is hit is chance (tests/unit/test_limits).
ERRORS = {
    -5: "marshalling error", -6: "unimplemented", -8: "bad arguments", -101: "no node", -102: "no auth", -103: "bad version",
    -108: "no children for ephemerals", -110: "node exists", -111: "not empty", -114: "invalid ACL", -115: "auth failed",
    -120: "ephemeral on a local session", -121: "no watcher", -123: "reconfig disabled",
    -124: "session closed: authentication required", -125: "quota exceeded",
    -2: "runtime inconsistency, a multi's parts behind the one that failed",
}

# What changes, and patterns of which each finds scenarios that watch it. The configuration's node changes with the server
# lines of zoo.cfg, which takes a restart of most servers: ../modes.
KINDS = ("one-shot watches", "a persistent watch", "a recursive watch")
ROWS = [
    ("a create", [f"{kind} and create" for kind in KINDS] + [f"{kind} and create of an ephemeral" for kind in KINDS]),
    ("setData", [f"{kind} and setData" for kind in KINDS]),
    ("a delete", [f"{kind} and delete" for kind in KINDS]),
    ("a session's end", [f"{kind} and the end of the owner's session" for kind in KINDS]),
    ("a TTL node's end", ["every kind of watch hears of the end of a TTL node"]),
    ("a container's end", ["every kind of watch hears of the end of a container"]),
    ("a child's changes", [f"{kind} and a child's {change}" for kind in KINDS for change in ("create", "setData", "delete")]),
    ("setACL", [f"{kind} and setACL" for kind in KINDS]),
    ("a count of a quota's stats", ["nobody is told when a quota's stats are counted again"]),
    ("a session's beginning", ["nobody is told of sessions that come and go"]),
    ("a multi", ["a multi's watches fire in the order of its parts"]),
    ("an ACL that forbids to hear", ["events are only for who may read the node", "what setWatches finds is only for who may read it"]),
]

# The trap, and a pattern that finds the scenarios which show it.
TRAPS = [
    ("the handshake's answer has the readOnly byte only for who sent it", "readOnly is told to who speaks of it"),
    ("cversion counts creates and deletes", "children are counted in the parent's Stat"),
    ("a sequential number counts creates only", "a sequential node's number is the count"),
    ("exists leaves a watch where there is no node", "an exists watch waits for a node that is not there"),
    ("a multi that fails: the header says 0, -2 behind the part, 0 before it", "a multi is undone by"),
    ("create2 in a multi is answered with its own type", "create2 in a multi"),
    ("containers and TTL nodes hide their kind from Stats", "a TTL node and its limits|containers need no switch"),
    ("one connection hears of a deletion once", "a deletion is told once"),
    ("a recursive watch never hears of changed children, a persistent one does",
     "a (recursive|persistent) watch and a child's"),
    ("events are only for who may read", "events are only for who may read|what setWatches finds is only for"),
    ("the servers' own nodes cannot be deleted", "the root and its own nodes"),
    ("auth leaves the address out; an ACL says each thing once", "auth becomes every identity|an ACL of twice the same"),
    ("getACL masks hashes", "getACL masks"),
    ("an expired session is told by a time-out of 0", "a session that never was|a closed session is gone"),
    ("who has seen the future is closed without a word", "who has seen the future"),
    ("a session that moved closes its old connection without a word", "a session that moves"),
    ("an unknown opcode is answered -6 and closed", "opcode .* is nobody's"),
    ("a lone check is an unknown opcode", "a check outside of a multi"),
    ("replies to pings and auth have numbers of their own", "pings and other reserved numbers|authentication that fails"),
    ("what setWatches finds comes before its reply", "setWatches tells what was missed"),
    ("a word within a session is a length", "a word within a session"),
    ("programs find version and mode by their lines", "who a server is stands where programs look for it"),
    ("passwords are random, and each session's another", "every session's password is another"),
    ("closing is answered before the connection ends", "closing is answered behind"),
    ("time-outs are clamped where the client sees it", "a session's time-out has limits"),
    ("the servers' own opcodes are refused from a client", "opcode -10 is nobody's|the servers' own deletion of containers"),
    ("a quota's text takes = and ;", "a quota of"),
    ("answers may be larger than requests", "an answer may be longer"),
]

UNSENT = {"createSession"}  # raw only: see "opcode -10 is nobody's"


class Coverage:
    def __init__(self):
        self.ops, self.errors, self.events = set(), set(), set()

    def sent(self, name):
        self.ops.add(name)

    def said(self, lines):
        text = "\n".join(lines)
        found = re.findall(r"\berr=(-\d+)|\[error err=-?\d+ (-\d+)\]", text)
        self.errors.update(int(err) for either in found for err in either if err)
        self.events.update(re.findall(r"\bevent (Node\w+)", text))

    def missing(self):
        names = [s.name for s in SCENARIOS]
        return (
            [f"opcode {name} was never sent" for name in sorted(set(OPS) - UNSENT - self.ops)]
            + [f"error {err} ({text}) was never seen" for err, text in sorted(ERRORS.items()) if err not in self.errors]
            + [f"event {name} was never seen" for name in sorted(set(EVENTS.values()) - self.events)]
            + [f"no scenario watches {row}: '{name}'" for row, wanted in ROWS for name in wanted if name not in names]
            + [f"no scenario shows that {trap}" for trap, where in TRAPS if not any(re.search(where, name) for name in names)]
        )
