"""Nodes: created, read, changed, deleted; what their Stat says; which paths there are."""
from differ.table import EPHEMERAL, OPEN, READ_ONLY, SEQUENTIAL, Verbatim, scenario


def on_path(path):
    """Every request with that path."""
    return (
        ("a", "create", path, b"", OPEN, 0),
        ("a", "create2", path, b"", OPEN, SEQUENTIAL),
        ("a", "exists", path, False),
        ("a", "exists", path, True),
        ("a", "getData", path, False),
        ("a", "setData", path, b"", -1),
        ("a", "getACL", path),
        ("a", "setACL", path, OPEN, -1),
        ("a", "getChildren", path, False),
        ("a", "getChildren2", path, False),
        ("a", "sync", path),
        ("a", "getAllChildrenNumber", path),
        ("a", "delete", path, -1),
        ("a", "addWatch", path, 0),
        ("a", "checkWatches", path, 3),
        ("a", "removeWatches", path, 3),
    )


# --- the nodes that are always there: first of all, while nothing else is there ---

scenario(
    "the root and its own nodes",
    *[("a", op, Verbatim(path), *more)
      for path in ("/", "/zookeeper", "/zookeeper/quota")
      for op, *more in (("exists", False), ("getData", False), ("getACL",), ("getChildren2", False))],
    ("a", "getChildren", "/zookeeper/config", False),
    ("a", "getAllChildrenNumber", Verbatim("/zookeeper")),
    *[("a", "delete", Verbatim(path), version)
      for path in ("/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config") for version in (-1, 0, 99)],
    ("a", "create", Verbatim("/"), b"", OPEN, 0),
    ("a", "create", Verbatim("/"), b"", OPEN, EPHEMERAL),
    ("a", "create", "/zookeeper", b"", OPEN, 0),
    ("a", "create", "/zookeeper/quota", b"", OPEN, 0),
    ("a", "create", "/zookeeper/config", b"", OPEN, 0),
    ("a", "create", "/zookeeper/config/child", b"", OPEN, 0),
    ("a", "setData", "/zookeeper/config", b"", -1),
    ("a", "setACL", "/zookeeper/config", OPEN, -1),
    ("a", "create", "/zookeeper/other", b"", OPEN, 0),
    ("a", "delete", "/zookeeper/other", -1),
    ("a", "setData", "/zookeeper", b"x", -1),
    ("a", "setData", "/zookeeper", b"", -1),
    ("a", "setData", Verbatim("/"), b"x", -1),
    ("a", "getData", Verbatim("/"), False),
    ("a", "setData", Verbatim("/"), b"", 1),
    ("a", "setACL", Verbatim("/"), OPEN, 1),
    ("a", "setACL", Verbatim("/"), OPEN, 0),
    ("a", "getACL", Verbatim("/")),
)

scenario("a path with nothing in it", *on_path(Verbatim("")))

# --- what is done to nodes ---

scenario(
    "nodes are made, read, changed and deleted",
    ("a", "create", "/n", b"one", OPEN, 0),
    ("a", "create2", "/m", b"two", OPEN, 0),
    ("a", "exists", "/n", False),
    ("b", "getData", "/n", False),
    ("b", "setData", "/n", b"three", 0),
    ("a", "getData", "/n", False),
    ("a", "getChildren", "/", False),
    ("a", "getChildren2", "/", False),
    ("a", "getACL", "/n"),
    ("a", "sync", "/n"),
    ("a", "sync", "/nothing/at/all"),
    ("a", "delete", "/n", 1),
    ("a", "exists", "/n", False),
    ("a", "getChildren2", "/", False),
)

scenario(
    "what is not there cannot be had",
    ("a", "getData", "/no", False),
    ("a", "getData", "/no", True),
    ("a", "exists", "/no", False),
    ("a", "getChildren", "/no", True),
    ("a", "getChildren2", "/no", True),
    ("a", "getACL", "/no"),
    ("a", "setData", "/no", b"", -1),
    ("a", "setACL", "/no", OPEN, -1),
    ("a", "delete", "/no", -1),
    ("a", "delete", "/no/parent", -1),
    ("a", "create", "/no/parent", b"", OPEN, 0),
    ("a", "create2", "/no/parent", b"", OPEN, SEQUENTIAL),
    ("a", "getAllChildrenNumber", "/no"),
    ("a", "getEphemerals", "/no"),
)

scenario(
    "errors of form come before errors of state",
    ("a", "create", "/n", b"", OPEN, 0),
    ("a", "create", "/n", b"", OPEN, 0),
    ("a", "create2", "/n", b"", OPEN, EPHEMERAL),
    ("a", "create", "/n", b"", [], 0),
    ("a", "create", "/no/n", b"", [], 0),
    ("a", "create", "/no/n", b"", None, 0),
    ("a", "create", "/no//n", b"", OPEN, 0),
    ("a", "create", "/n/", b"", OPEN, 0),
    ("a", "create", "/no/n", b"", OPEN, 9),
    ("a", "create", "/no/n", b"", [(31, "nobody", "x")], 9),
    ("a", "setACL", "/no", [], 0),
    ("a", "setACL", "/n", [], 7),
    ("a", "setACL", "/n", OPEN, 7),
    ("a", "setData", "/n", b"", 7),
    ("a", "delete", "/n", 7),
    ("a", "create", "/n/child", b"", OPEN, 0),
    ("a", "delete", "/n", 7),
    ("a", "delete", "/n", 0),
    ("a", "delete", "/n/child", 0),
    ("a", "delete", "/n", 0),
)

scenario(
    "versions count, and -1 fits any",
    ("a", "create2", "/n", None, OPEN, 0),
    ("a", "setData", "/n", b"1", -1),
    ("a", "setData", "/n", b"2", 0),
    ("a", "setData", "/n", b"2", 1),
    ("a", "setData", "/n", None, 2),
    ("a", "getData", "/n", False),
    ("a", "setData", "/n", b"", -2),
    ("a", "setACL", "/n", READ_ONLY + [(16, "world", "anyone")], 1),
    ("a", "setACL", "/n", READ_ONLY + [(16, "world", "anyone")], 0),
    ("a", "setACL", "/n", OPEN, -1),
    ("a", "getACL", "/n"),
    ("a", "delete", "/n", 2),
    ("a", "delete", "/n", -2),
    ("a", "delete", "/n", 3),
)

scenario(
    "a node's data may be null, empty or large",
    ("a", "create2", "/null", None, OPEN, 0),
    ("a", "getData", "/null", False),
    ("a", "create2", "/empty", b"", OPEN, 0),
    ("a", "getData", "/empty", False),
    ("a", "create2", "/large", b"x" * 200000, OPEN, 0),
    ("b", "exists", "/large", False),
    ("a", "setData", "/empty", b"\0\xff\n", -1),
    ("c", "getData", "/empty", False),
)

scenario(
    "children are counted in the parent's Stat",
    ("a", "create2", "/p", b"", OPEN, 0),
    ("a", "create2", "/p/a", b"", OPEN, 0),
    ("a", "create2", "/p/b", b"", OPEN, 0),
    ("a", "exists", "/p", False),
    ("a", "setData", "/p/a", b"x", -1),
    ("a", "setACL", "/p/a", OPEN, -1),
    ("a", "exists", "/p", False),
    ("a", "delete", "/p/a", -1),
    ("a", "exists", "/p", False),
    ("a", "create2", "/p/a", b"", OPEN, 0),
    ("a", "exists", "/p", False),
    ("a", "create2", "/p/a/deep", b"", OPEN, 0),
    ("a", "exists", "/p", False),
    ("a", "delete", "/p/a/deep", -1),
    ("a", "delete", "/p/a", -1),
    ("a", "delete", "/p/b", -1),
    ("a", "exists", "/p", False),
    ("a", "getAllChildrenNumber", "/"),
)

scenario(
    "a sequential node's number is the count of its parent's creates",
    ("a", "create2", "/p", b"", OPEN, 0),
    ("a", "create", "/p/n-", b"", OPEN, SEQUENTIAL),
    ("a", "create2", "/p/n-", b"", OPEN, SEQUENTIAL),
    ("b", "create", "/p/plain", b"", OPEN, 0),
    ("b", "create", "/p/plain", b"", OPEN, 0),
    ("a", "create", "/p/e-", b"", OPEN, SEQUENTIAL | EPHEMERAL),
    ("a", "delete", "/p/n-0000000001", -1),
    ("c", "create", "/p/", b"", OPEN, SEQUENTIAL),
    ("c", "create", "/p/n-", b"", OPEN, SEQUENTIAL),
    ("a", "create", "/p/x/", b"", OPEN, SEQUENTIAL),
    ("a", "create", "/p//", b"", OPEN, SEQUENTIAL),
    ("a", "create", "/p/.", b"", OPEN, SEQUENTIAL),
    ("a", "create", "/p/..", b"", OPEN, SEQUENTIAL),
    ("a", "create", "/p/n-0000000008", b"", OPEN, 0),
    ("a", "create", "/p/n-", b"", OPEN, SEQUENTIAL),
    ("a", "getChildren2", "/p", False),
    ("a", "create", "/", b"", OPEN, SEQUENTIAL),
    ("a", "getChildren", "/", False),
)

scenario(
    "a sequential number that is taken is an error",
    ("a", "create", "/n-0000000001", b"", OPEN, 0),
    ("a", "create", "/n-", b"", OPEN, SEQUENTIAL),
    ("a", "create", "/n-", b"", OPEN, SEQUENTIAL),
    ("a", "getChildren", "/", False),
)

scenario(
    "an ephemeral node has no children and goes with its session",
    ("a", "create2", "/e", b"mine", OPEN, EPHEMERAL),
    ("b", "exists", "/e", False),
    ("a", "create", "/e/child", b"", OPEN, 0),
    ("b", "create2", "/e/child", b"", OPEN, SEQUENTIAL),
    ("a", "create", "/e/child", b"", OPEN, EPHEMERAL),
    ("b", "setData", "/e", b"yours", 0),
    ("a", "getEphemerals", "/"),
    ("b", "getEphemerals", "/"),
    ("a", "create", "/dir", b"", OPEN, 0),
    ("a", "create", "/dir/e", b"", OPEN, EPHEMERAL),
    ("a", "create", "/dir/e-", b"", OPEN, EPHEMERAL | SEQUENTIAL),
    ("a", "getEphemerals", "/"),
    ("a", "getEphemerals", "/dir"),
    ("a", "getEphemerals", "/di"),
    ("a", "getEphemerals", "/dir/e-"),
    ("a", "getEphemerals", "/x"),
    ("a", "getEphemerals", ""),
    ("a", "getEphemerals", None),
    ("b", "delete", "/e", -1),
    ("a", "getEphemerals", "/"),
    ("a", "closeSession"),
    ("b", "exists", "/dir/e", False),
    ("b", "getChildren2", "/dir", False),
    ("b", "getChildren2", "/", False),
)

scenario(
    "create's flags under its two old opcodes",
    *[step for flags in (0, 1, 2, 3, 4, 7, 8, -1, 1 << 30)
      for step in (("a", "create", f"/c{flags}-", b"", OPEN, flags), ("a", "create2", f"/d{flags}-", b"", OPEN, flags))],
    ("a", "getChildren2", "/", False),
    ("a", "exists", "/c4-", False),
    ("a", "create", "/c4-/x", b"", OPEN, 0),
    ("a", "delete", "/c4-/x", -1),
    ("a", "exists", "/c4-", False),
)

# --- paths ---

BAD_PATHS = {
    "none": None,
    "no slash": Verbatim("x"),
    "a slash within": Verbatim("x/y"),
    "two slashes": Verbatim("//"),
    "a slash at the end": "/n/",
    "an empty part": "/n//x",
    "a leading empty part": Verbatim("//x"),
    "a dot": "/n/.",
    "a dot and more": "/n/./x",
    "two dots": "/n/..",
    "two dots and more": "/n/../x",
    "a NUL": "/n/a\0b",
    "a NUL first": Verbatim("\0"),
    "a control character": "/n/\x01",
    "a line feed": "/n/a\nb",
    "a delete character": "/n/\x7f",
    "a late control character": "/n/\u0085",
    "a private character": "/n/\ue000",
    "the last private character": "/n/\uf8ff",
    "a special character": "/n/\ufff0",
    "the last character": "/n/\uffff",
    "beyond 16 bits": "/n/\U0001f600",
    "broken UTF-8": b"/\xff\xfe",
}
FINE_PATHS = {
    "a blank": "/n/ ",
    "dots and letters": "/n/.a",
    "three dots": "/n/...",
    "umlauts": "/n/\u00e4\u00f6",
    "the first after the controls": "/n/\u00a0",
    "the first after the private ones": "/n/\uf900",
    "the last before the special ones": "/n/\uffef",
    "a long one": "/n/" + "x" * 3000,
}

for what, path in {**BAD_PATHS, **FINE_PATHS}.items():
    scenario(
        f"a path with {what}",
        ("a", "create", "/n", b"", OPEN, 0),
        *on_path(path),
        ("a", "getChildren", "/n", False),
    )
