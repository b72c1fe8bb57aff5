"""What a scenario is made of.

A scenario is a sentence and a list of steps; a step is (connection, what, arguments...). A connection is a letter, opened
when it is first named: a, d, g... at the first server, b, e... at the second, c, f... at the third; of three servers one
is the leader. `what` is a request of frames.OPS with its record's fields, or one of the runner's own: connect, resume,
drop, raw, payload, bytes, word, await, sleep, mark, pipeline (../differential, do_*). After each step every connection is
synced, so the events that it caused are heard in that step.

Paths are below the scenario's own node, and "/" is that node; Verbatim ones and those below /zookeeper are as written.
"""
from collections import namedtuple

# `three`: on three servers too. `config`: lines for zoo.cfg, the same for both. `java`: what Apache's server takes from
# the command line only.
Setting = namedtuple("Setting", "name three config java")
Scenario = namedtuple("Scenario", "setting name steps expected why")

SETTINGS = [
    Setting("plain", True, "", []),
]
SCENARIOS = []

OPEN = [(31, "world", "anyone")]
READ_ONLY = [(1, "world", "anyone")]
# EPHEMERAL and SEQUENTIAL are bits of create's flags
EPHEMERAL = 1
SEQUENTIAL = 2


class Verbatim(str):
    """A path that is sent as it stands."""

    def __repr__(self):
        return f"Verbatim({str(self)!r})"


class Mark:
    """A zxid that a step has marked, and something added to it."""

    def __init__(self, name, plus=0):
        self.name = name
        self.plus = plus

    def __repr__(self):
        return f"Mark({self.name!r}, {self.plus})"


def scenario(name, *steps, setting="plain"):
    SCENARIOS.append(Scenario(setting, name, list(steps), None, None))


def ours(name, why, *steps_and_answers, setting="plain"):
    """What Debian's server is not asked: (step, what zkd says)... The words are the runner's, "" for nothing; why is the
    reason for the difference, as in known.py."""
    steps = [step for step, _ in steps_and_answers]
    said = [answer.split("\n") if answer else [] for _, answer in steps_and_answers]
    SCENARIOS.append(Scenario(setting, name, steps, said, why))
