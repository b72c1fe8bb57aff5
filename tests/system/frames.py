"""ZooKeeper's client protocol, frame by frame, built by hand: nothing between a test and the bytes.

A record's layout is a spec: words "name:letter" with the letters
    i int   l long   ? boolean   s string   b buffer   v vector of strings   A ACLs   I identities   S stat
A string is a str, bytes (as they are) or None (length -1). Stats come as dicts.
"""
import socket
import struct

STAT_FIELDS = (
    ("czxid", "q"),
    ("mzxid", "q"),
    ("ctime", "q"),
    ("mtime", "q"),
    ("version", "i"),
    ("cversion", "i"),
    ("aversion", "i"),
    ("ephemeralOwner", "q"),
    ("dataLength", "i"),
    ("numChildren", "i"),
    ("pzxid", "q"),
)
STAT = struct.Struct(">" + "".join(letter for _, letter in STAT_FIELDS))

CREATE = "path:s data:b acl:A flags:i"
WATCH = "path:s watch:?"
VERSION = "path:s version:i"
KIND = "path:s kind:i"

# name: (opcode, the request's record, the answer's record)
OPS = {
    "create": (1, CREATE, "path:s"),
    "delete": (2, VERSION, ""),
    "exists": (3, WATCH, "stat:S"),
    "getData": (4, WATCH, "data:b stat:S"),
    "setData": (5, "path:s data:b version:i", "stat:S"),
    "getACL": (6, "path:s", "acl:A stat:S"),
    "setACL": (7, "path:s acl:A version:i", "stat:S"),
    "getChildren": (8, WATCH, "children:v"),
    "sync": (9, "path:s", "path:s"),
    "ping": (11, "", ""),
    "getChildren2": (12, WATCH, "children:v stat:S"),
    "check": (13, VERSION, ""),
    "multi": (14, None, None),
    "create2": (15, CREATE, "path:s stat:S"),
    "reconfig": (16, "joining:s leaving:s members:s config:l", "data:b stat:S"),
    "checkWatches": (17, KIND, ""),
    "removeWatches": (18, KIND, ""),
    "createContainer": (19, CREATE, "path:s stat:S"),
    "deleteContainer": (20, "path:b", ""),
    "createTTL": (21, CREATE + " ttl:l", "path:s stat:S"),
    "multiRead": (22, None, None),
    "auth": (100, "type:i scheme:s auth:b", ""),
    "setWatches": (101, "zxid:l data:v exist:v child:v", ""),
    "getEphemerals": (103, "path:s", "ephemerals:v"),
    "getAllChildrenNumber": (104, "path:s", "number:i"),
    "setWatches2": (105, "zxid:l data:v exist:v child:v persistent:v recursive:v", ""),
    "addWatch": (106, KIND, "err:i"),
    "whoAmI": (107, "", "ids:I"),
    "createSession": (-10, "timeout:i", ""),
    "closeSession": (-11, "", ""),
}
NAMES = {op: name for name, (op, _, _) in OPS.items()}
ERROR = -1  # the type of a failed operation's result in an answer to multi
RESERVED_XIDS = {"ping": -2, "auth": -4, "setWatches": -8, "setWatches2": -8}
NOTIFICATION = -1

EVENTS = {1: "NodeCreated", 2: "NodeDeleted", 3: "NodeDataChanged", 4: "NodeChildrenChanged"}


class Malformed(Exception):
    """An answer that is not what its spec says."""


# --- writing ---


def put_bytes(value):
    if value is None:
        return struct.pack(">i", -1)
    raw = value.encode() if isinstance(value, str) else bytes(value)
    return struct.pack(">i", len(raw)) + raw


def put_vector(values, put):
    if values is None:
        return struct.pack(">i", -1)
    return struct.pack(">i", len(values)) + b"".join(put(value) for value in values)


PUT = {
    "i": lambda value: struct.pack(">i", value),
    "l": lambda value: struct.pack(">q", value),
    "?": lambda value: bytes([value]),
    "s": put_bytes,
    "b": put_bytes,
    "v": lambda values: put_vector(values, put_bytes),
    "A": lambda acl: put_vector(acl, lambda a: struct.pack(">i", a[0]) + put_bytes(a[1]) + put_bytes(a[2])),
}


def record(spec, values):
    letters = [word.split(":")[1] for word in spec.split()]
    assert len(letters) == len(values), f"{values} for '{spec}'"
    return b"".join(PUT[letter](value) for letter, value in zip(letters, values))


def multi_record(parts):
    """Each part is (name, values...); a part of other kinds of bytes is the bytes themselves."""
    out = b""
    for part in parts:
        if isinstance(part, bytes):
            out += part
        else:
            op, spec, _ = OPS[part[0]]
            out += struct.pack(">i?i", op, False, -1) + record(spec, part[1:])
    return out + struct.pack(">i?i", -1, True, -1)


def request(name, values, xid):
    """The payload of a frame: header and record."""
    op, spec, _ = OPS[name]
    body = multi_record(values[0]) if spec is None else record(spec, values)
    return struct.pack(">ii", xid, op) + body


def connect_request(timeout_ms=30000, session=0, password=bytes(16), zxid=0, read_only=None, version=0):
    tail = b"" if read_only is None else bytes([read_only])
    return struct.pack(">iqiq", version, zxid, timeout_ms, session) + put_bytes(password) + tail


def frame(payload):
    return struct.pack(">i", len(payload)) + payload


# --- reading ---


class Reader:
    def __init__(self, raw):
        self.raw = raw
        self.at = 0

    def unpack(self, form):
        try:
            values = struct.unpack_from(">" + form, self.raw, self.at)
        except struct.error:
            raise Malformed(f"it ends early: {self.raw.hex()}") from None
        self.at += struct.calcsize(">" + form)
        return values if len(values) > 1 else values[0]

    def bytes(self):
        length = self.unpack("i")
        if length < 0:
            return None
        value = self.raw[self.at : self.at + length]
        if len(value) < length:
            raise Malformed(f"it ends early: {self.raw.hex()}")
        self.at += length
        return value

    def string(self):
        raw = self.bytes()
        return None if raw is None else raw.decode("utf-8", "backslashreplace")

    def vector(self, read):
        count = self.unpack("i")
        return None if count < 0 else [read() for _ in range(count)]

    def stat(self):
        return dict(zip((name for name, _ in STAT_FIELDS), self.unpack(STAT.format[1:])))

    def letter(self, letter):
        read = {
            "i": lambda: self.unpack("i"),
            "l": lambda: self.unpack("q"),
            "s": self.string,
            "b": self.bytes,
            "v": lambda: self.vector(self.string),
            "A": lambda: self.vector(lambda: (self.unpack("i"), self.string(), self.string())),
            "I": lambda: self.vector(lambda: (self.string(), self.string())),
            "S": self.stat,
        }
        return read[letter]()

    def record(self, spec):
        """[(name, letter, value)...]"""
        return [(name, letter, self.letter(letter)) for name, letter in (word.split(":") for word in spec.split())]

    def rest(self):
        return self.raw[self.at :]


class Connection:
    """A TCP connection that speaks in frames."""

    def __init__(self, port, timeout_s, host="127.0.0.1"):
        self.socket = socket.create_connection((host, port), timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(timeout_s)
        self.buffer = b""

    def send_bytes(self, raw):
        """False if the other side has closed."""
        try:
            self.socket.sendall(raw)
            return True
        except ConnectionError:
            return False

    def send(self, payload):
        return self.send_bytes(frame(payload))

    def _fill(self, size):
        while len(self.buffer) < size:
            try:
                piece = self.socket.recv(65536)
            except ConnectionError:
                return False
            if not piece:
                return False
            self.buffer += piece
        return True

    def receive(self):
        """The next frame's payload, None at the end; TimeoutError when nothing comes."""
        if not self._fill(4):
            return None
        (length,) = struct.unpack(">i", self.buffer[:4])
        if length < 0 or not self._fill(4 + length):
            return None
        payload, self.buffer = self.buffer[4 : 4 + length], self.buffer[4 + length :]
        return payload

    def receive_all(self):
        """All bytes until the other side closes; TimeoutError when it does not."""
        while self._fill(len(self.buffer) + 1):
            pass
        raw, self.buffer = self.buffer, b""
        return raw

    def close(self):
        self.socket.close()
