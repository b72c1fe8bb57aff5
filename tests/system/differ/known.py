"""Where zkd and Debian's Apache server (3.8.0) may differ, and why: a difference that is not here fails the test.

A Rewrite is made in every line of one side before the two are compared. A Known difference is one step's, in scenarios
whose name it finds, with what it finds in the step: both patterns must match all that was said, lines joined with line
feeds. Issues are those of Apache's tracker, with the release that has the change; a "defect" is one that 3.9.5 has too.
"""
from collections import namedtuple

Rewrite = namedtuple("Rewrite", "side pattern instead why")
Known = namedtuple("Known", "scenario step apache zkd why")

REWRITES = [
    Rewrite("zkd", r"(event \w+ .* zxid=)~z\d+$", r"\1-1",
            "ZOOKEEPER-4655 (3.9.0): an event carries the zxid of its change; before, -1"),
]

KNOWN = [
    Known(".", r"'exists'", r"(\w): exists err=0 .*", r"(\w): exists err=-102 zxid=\S+",
          "ZOOKEEPER-2590 (3.9.2): exists asks for permission to read a node that is there"),
    Known("found and removed", r"'b', 'checkWatches'", r"b: checkWatches err=0 zxid=\S+", r"b: checkWatches err=-121 zxid=\S+",
          "ZOOKEEPER-4466 (3.9.0): checkWatches looks for the asker's watches; before, for anybody's"),
    Known("a path with", r"'(check|remove)Watches', (None|Verbatim)", r"a: \w+ err=(-5|-121) .*", r"a: \w+ err=0 .*",
          "ZOOKEEPER-4466 (3.9.0): a watch is found by its path as it was set; before, odd paths tripped over their parents"),
    Known("a path with nothing in it", "'getAllChildrenNumber'", r"a: getAllChildrenNumber err=0 zxid=\S+ number=6",
          r"a: getAllChildrenNumber err=0 zxid=\S+ number=5", "defect: by its other name the root is counted below itself"),
    Known("an ACL of none", "'multi'", r"a: multi err=0 zxid=\S+ .error err=-114 -114.", r"a: multi err=-5 zxid=\S+",
          "ZOOKEEPER-4026 (3.9.0), which decodes a multi otherwise: a null ACL spoils it as a whole"),
    Known("the configuration's node", "'getData'",
          r"(.): getData err=0 zxid=~z0 data=b'(server.\d=127.0.0.1:port:port:participant\\n){3}version=0' czxid=0 mzxid=0"
          r" ctime=0 mtime=now version=-1 cversion=0 aversion=-1 .*",
          r"(.): getData err=0 zxid=~z1 data=b'(server.\d=127.0.0.1:port:port:participant\\n){3}version=1\d+' czxid=0 mzxid=z1"
          r" ctime=0 mtime=now version=-1 cversion=0 aversion=-1 .*",
          "ours: the server lines are written by a command, whose zxid is their version; Apache's are not, until a reconfig"),
    Known("the configuration's node", "", r"(.): \w+ err=(0|-102) zxid=~z0.*", r"(.): \w+ err=(0|-102) zxid=~z1.*", "the same"),
    Known("a wrong password", "'connect'", r"(.: connected .* timeout=0 .*)\na: closed\n.: closed",
          r".: connected .* timeout=0 .*\n.: closed",
          "defect: whoever knows a session's id can close its connection, for it is closed before the password is looked at"),
    Known("a wrong password", "'exists'", "a: is not connected", "a: exists err=0 .*", "the same"),
    Known("a session that moves", "('b', 'connect'|'d', 'getData')", r"(b: connected|d: getData) .*",
          r"(b: connected .*\nd: closed|d: is not connected)",
          "defect: the connection that a session has left for another server may go on reading there; ours is closed"),
    Known("a session that moves", "'b', 'closeSession'", r"(b: .*\nb: closed)\nd: closed", r"b: .*\nb: closed", "the same"),
    Known("auth becomes every identity", "'getACL'", r".*digest', 'bob.*digest', 'ann.*", r".*digest', 'ann.*digest', 'bob.*",
          "auth becomes the identities in the order in which they were proved; Apache's is that of a hash table"),
    Known("authentication that fails", "'whoAmI'", r".*'\ufffd\ufffd'.*", r".*xff.*xfe.*",
          "defect: credentials that are not UTF-8 are hashed after their bytes were replaced, by the JVM's default charset"),
    Known("broken UTF-8", "'sync'", r"a: sync err=0 zxid=\S+ path=/\ufffd\ufffd", r"a: sync err=0 zxid=\S+ path=/.xff.xfe",
          "defect: a path that is not UTF-8 is echoed otherwise than it came"),
    Known("beyond 16 bits", "'sync'", r".*xed.*", r"a: sync err=0 zxid=\S+ path=/n/\U0001f600",
          "defect: characters beyond 16 bits are echoed as two surrogates, which is not UTF-8"),
    Known("opcode -10 is nobody's", "'raw', -10", r".*", r"(.: createSession err=-6 zxid=-1\n.: closed|a: is not connected)",
          "defect: a client may open sessions for itself with the servers' own opcode"),
    Known("multiRead answers", r"'multiRead', \[\('exists'", r"a: multiRead err=-5 .*", r"a: multiRead err=0 .*",
          "ours: a multiRead takes exists too, as ClickHouse Keeper's does"),
    Known("sasl's opcode", "'raw', 102", r".*", r".: 102 err=-6 zxid=-1\n.: closed", "SASL is not served"),
]
