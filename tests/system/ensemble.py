"""Real zkd processes on loopback, for tests, demo and cluster: started, killed, paused, asked and always cleaned up.

    with Ensemble(3) as e:
        e.start()
        leader = e.wait_leader()
        leader.kill()                       # kill -9

Every process is a child that is known by its Popen object and dies with this program; every file is in one temporary
directory, which goes at the end, or stays and is named when the test failed. $ZKD is the server's command (default:
zkd of the build tree); Apache's runs under the same tests with what APACHE says below.
"""
import ctypes
import os
import random
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

TOP = os.environ.get("top_srcdir") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("top_builddir") or os.environ.get("BUILD_DIR") or os.path.join(TOP, "build")

APACHE_JAR = "/usr/share/java/zookeeper.jar"
APACHE = ["java", "-cp", APACHE_JAR, "org.apache.zookeeper.server.quorum.QuorumPeerMain"]

SKIP = 77  # make check's exit status for a test that cannot run here

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def program(name):
    """The command of one of our programs: $ZKD, $ZK_SHELL, $ZK_BENCH, or the build tree's."""
    given = os.environ.get(name.upper().replace("-", "_"))
    return shlex.split(given) if given else [os.path.join(BUILD, name)]


def die_with_parent():
    """For preexec_fn: a child never outlives the test, however that ends."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


_taken = set()


def free_port():
    """A TCP port that nobody listens on, below the range that outgoing connections draw theirs from."""
    while True:
        port = random.randrange(10000, 32000)
        if port in _taken:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _taken.add(port)
        return port


def wait_for(what, condition, timeout_s=20.0, every_s=0.02):
    """The first true value of condition(); TimeoutError names `what`."""
    end = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"waited {timeout_s:g} s for {what}")
        time.sleep(every_s)


class Server:
    """One server: its directory, its zoo.cfg and, while it runs, its process."""

    def __init__(self, ensemble, number):
        self.ensemble = ensemble
        self.number = number
        self.dir = os.path.join(ensemble.dir, str(number))
        self.data_dir = os.path.join(self.dir, "data")
        self.cfg = os.path.join(self.dir, "zoo.cfg")
        self.log = os.path.join(self.dir, "log")
        self.client_port = free_port()
        self.peer_port = free_port()
        self.election_port = free_port()
        self.process = None
        self.env = {}

    @property
    def address(self):
        return f"127.0.0.1:{self.client_port}"

    def prepare(self, extra=""):
        """Directories, myid and zoo.cfg."""
        os.makedirs(self.data_dir, mode=0o700, exist_ok=True)
        if len(self.ensemble.servers) > 1:
            with open(os.path.join(self.data_dir, "myid"), "w", encoding="ascii") as file:
                file.write(f"{self.number}\n")
        with open(self.cfg, "w", encoding="utf-8") as file:
            file.write(self.ensemble.config(self) + extra)

    def start(self, wait=False):
        assert self.process is None, f"server {self.number} runs already"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.ensemble.command + [self.cfg],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.dir,
                env={**os.environ, **self.env},
                preexec_fn=die_with_parent,
            )
        if wait:
            self.wait_serving()

    def _ended(self):
        """The process's exit status, which is forgotten; negative for a signal."""
        status = self.process.wait()
        self.process = None
        return status

    def kill(self):
        """kill -9."""
        self.process.kill()
        return self._ended()

    def stop(self, timeout_s=20):
        """SIGTERM; TimeoutError if it does not end."""
        self.process.terminate()
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"server {self.number} did not stop within {timeout_s} s") from None
        return self._ended()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def word(self, word, timeout_s=2.0):
        """The answer to a 4-letter word; "" when nobody answers."""
        try:
            with socket.create_connection(("127.0.0.1", self.client_port), timeout_s) as connection:
                connection.settimeout(timeout_s)
                connection.sendall(word.encode())
                answer = b""
                while True:
                    piece = connection.recv(65536)
                    if not piece:
                        return answer.decode("utf-8", "replace")
                    answer += piece
        except OSError:
            return ""

    def srvr(self):
        """srvr's lines as a dict: Mode, Zxid, Connections... Empty while it does not serve."""
        pairs = (line.split(": ", 1) for line in self.word("srvr").splitlines() if ": " in line)
        return dict(pairs)

    def mode(self):
        """leader, follower, observer, standalone, or None."""
        return self.srvr().get("Mode")

    def mntr(self):
        pairs = (line.split("\t", 1) for line in self.word("mntr").splitlines() if "\t" in line)
        return dict(pairs)

    def digest(self):
        """(zxid, digest of the whole state exactly there), or None."""
        values = self.mntr()
        if "zk_state_digest" not in values:
            return None
        return values["zk_state_zxid"], values["zk_state_digest"]

    def wait_serving(self, timeout_s=30.0):
        def served():
            if not self.running:
                raise AssertionError(f"server {self.number} ended while starting:\n{self.tail()}")
            return self.mode()

        return wait_for(f"server {self.number} to serve", served, timeout_s)

    def read_log(self):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def tail(self, lines=20):
        return "".join("    " + line + "\n" for line in self.read_log().splitlines()[-lines:])


class Ensemble:
    """`count` servers; the last `observers` of them observe."""

    def __init__(self, count=3, observers=0, tick_ms=500, extra="", root=None, quiet=False, command=None, secret=True):
        self.command = command or program("zkd")
        self.is_ours = "java" not in self.command[0]
        self.dir = tempfile.mkdtemp(prefix="zkd-test.", dir=root)
        self.tick_ms = tick_ms
        self.secret_file = os.path.join(self.dir, "secret") if secret and self.is_ours and count > 1 else None
        if self.secret_file:
            with open(os.open(self.secret_file, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
                file.write(f"{random.getrandbits(256):x}\n")
        self.observers = observers
        self.extra = extra
        self.quiet = quiet
        self.servers = []
        for number in range(1, count + 1):
            self.servers.append(Server(self, number))
        for server in self.servers:
            server.prepare(extra)

    def config(self, server):
        lines = [
            f"tickTime={self.tick_ms}",
            "initLimit=20",
            "syncLimit=4",
            f"dataDir={server.data_dir}",
            f"clientPort={server.client_port}",
            "clientPortAddress=127.0.0.1",
            "maxClientCnxns=0",
            "minSessionTimeout=500",
            "maxSessionTimeout=60000",
            "4lw.commands.whitelist=*",
        ]
        if not self.is_ours:
            lines.append("admin.enableServer=false")
        if self.secret_file:
            lines.append(f"peer.secretFile={self.secret_file}")
        if len(self.servers) > 1:
            for other in self.servers:
                role = ":observer" if other.number > len(self.servers) - self.observers else ""
                lines.append(f"server.{other.number}=127.0.0.1:{other.peer_port}:{other.election_port}{role}")
        return "\n".join(lines) + "\n"

    @property
    def hosts(self):
        return ",".join(server.address for server in self.servers)

    def server(self, number):
        return self.servers[number - 1]

    def start(self, wait=True):
        for server in self.servers:
            if server.process is None:
                server.start()
        if wait:
            self.wait_serving()

    def wait_serving(self, timeout_s=30.0):
        for server in self.servers:
            server.wait_serving(timeout_s)

    def leader(self):
        """The server that serves as the leader now, or None. A single server leads itself."""
        for server in self.servers:
            if server.running and server.mode() in ("leader", "standalone"):
                return server
        return None

    def wait_leader(self, timeout_s=30.0):
        return wait_for("a leader", self.leader, timeout_s)

    def kill_all(self):
        for server in self.servers:
            if server.process is not None:
                server.process.kill()
        for server in self.servers:
            if server.process is not None:
                server.kill()

    def wait_equal(self, timeout_s=20.0):
        """Waits until all servers that run have applied the same zxid, and compares their digests there. Returns
        (zxid, digest). Digests that differ at one zxid are an AssertionError at once."""
        running = [server for server in self.servers if server.running]

        def equal():
            digests = [server.digest() for server in running]
            if None in digests or len({zxid for zxid, _ in digests}) != 1:
                return None
            if len({digest for _, digest in digests}) != 1:
                raise AssertionError(f"the servers' states differ: {digests}")
            return digests[0]

        return wait_for("all servers to have applied the same", equal, timeout_s)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for server in self.servers:
            if server.process is not None:
                server.resume()
                server.process.kill()
                server._ended()
        if kind is None or kind is KeyboardInterrupt or (kind is SystemExit and value.code in (0, SKIP)):
            shutil.rmtree(self.dir, ignore_errors=True)
        elif not self.quiet:
            for server in self.servers:
                print(f"--- server {server.number}, end of {server.log}\n{server.tail(30)}", file=sys.stderr)
        return False


def need(*programs):
    """Exits as skipped unless these programs of the build tree exist."""
    for name in programs:
        command = program(name)
        if not (os.path.exists(command[0]) or shutil.which(command[0])):
            print(f"SKIP: {command[0]} is not there")
            sys.exit(SKIP)


def run_tests(tests, *args):
    """Runs functions in order, each a sentence; the first that raises ends the program with its traceback."""
    for test in tests:
        began = time.monotonic()
        name = test.__name__.replace("_", " ")
        try:
            test(*args)
        except BaseException:
            print(f"FAILED: {name}", flush=True)
            raise
        print(f"ok: {name} ({time.monotonic() - began:.2f} s)", flush=True)
