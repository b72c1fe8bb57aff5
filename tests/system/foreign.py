"""Programs on foreign clients, played on three servers: first in quiet, then in a storm, in which servers are killed with -9
under them and started again. The program says KILL on its standard output (KILL PORT: not the leader, but the server with
that client port) and goes on when it reads 'killed'; it ends with RAN and the number of parts that it played.
"""
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from ensemble import APACHE, Ensemble, die_with_parent

CONFIG = "extendedTypesEnabled=true\nznode.container.checkIntervalMs=500\n"
APACHE_OPTIONS = ["-Dzookeeper.extendedTypesEnabled=true", "-Dznode.container.checkIntervalMs=500"]
DEAD_S = 0.5  # how long a killed server stays away
LIMIT_S = 600  # for one run of a program


class Killer:
    """Kills a server when it is asked to, and starts it again soon after: on one thread, for a server dies with the
    thread that started it."""

    def __init__(self, ensemble):
        self.ensemble = ensemble
        self.starter = ThreadPoolExecutor(1)
        self.revival = None
        self.killed = 0

    def kill(self, port):
        self.wait()
        victims = [server for server in self.ensemble.servers if server.client_port == port]
        victim = victims[0] if victims else self.ensemble.wait_leader()
        victim.kill()
        self.killed += 1
        self.revival = self.starter.submit(self.revive, victim)

    def revive(self, server):
        time.sleep(DEAD_S)
        server.start()

    def wait(self):
        """Until all servers serve."""
        if self.revival:
            self.revival.result()
            self.ensemble.wait_serving()


def play(killer, command):
    """Runs the program; what it prints is printed. Returns how many parts there were."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
                          preexec_fn=die_with_parent) as process:
        limit = threading.Timer(LIMIT_S, process.kill)
        limit.start()
        last = ""
        try:
            for line in process.stdout:
                if line.startswith("KILL"):
                    killer.kill(int(line[4:].strip() or 0))
                    process.stdin.write("killed\n")
                    process.stdin.flush()
                else:
                    print(line, end="", flush=True)
                    last = line
        finally:
            limit.cancel()
            if not last.startswith("RAN "):
                process.kill()
            status = process.wait()
    assert status == 0, f"the program ended with {status}"
    return int(last.split()[1])


def main(command_of):
    """The rest of a test. command_of(ensemble, how, pattern) is the program's command, how 'quiet' or 'storm'."""
    given = sys.argv[1:]
    is_apache = "--apache" in given
    pattern = "".join(word for word in given if word != "--apache")
    command = APACHE[:1] + APACHE_OPTIONS + APACHE[1:] if is_apache else None
    with Ensemble(3, tick_ms=1000, extra=CONFIG, command=command) as e:
        e.start()
        killer = Killer(e)
        for how in ("quiet", "storm"):
            print(f"-- {how}", flush=True)
            ran = play(killer, command_of(e, how, pattern))
            assert ran > 0, "no such part"
        assert killer.killed >= ran, f"{ran} parts, but {killer.killed} servers killed"
        killer.wait()
        if e.is_ours:
            e.wait_equal()
