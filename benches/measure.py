"""What benches/service and benches/compare share: processes and what they use, PostgreSQL, the load driver, tables.

Standard library alone. Everything runs in a temporary folder and on loopback, and ends with the script.
"""

import atexit
import http.client
import json
import os
import platform
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
TICK = os.sysconf("SC_CLK_TCK")

_running = []


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def binary(name):
    """A release binary: the one that the environment variable (USHER, USHER_BENCH) names, else the target folder's."""
    given = os.environ.get(name.upper().replace("-", "_"))
    path = Path(given) if given else Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / name
    if not path.is_file():
        sys.exit(f"{path} is not there; build it: cargo build --release --workspace --bin usher --bin usher-bench")
    return str(path.resolve())


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Process:
    """A server of ours. `ready`: a line of its standard output that says it listens (a regular expression), or a port."""

    def __init__(self, command, ready=None, env=None, cwd=None, log=None, patience=60):
        began = time.monotonic()
        self.log = open(log or os.devnull, "ab")
        self.child = subprocess.Popen(
            command, env={**os.environ, **(env or {})}, cwd=cwd, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if isinstance(ready, str) else self.log, stderr=self.log, text=True)
        _running.append(self)
        self.said = None
        if isinstance(ready, str):
            for line in self.child.stdout:
                self.said = re.search(ready, line)
                if self.said:
                    break
            else:
                raise RuntimeError(f"{command[0]} ended before it was ready")
        elif isinstance(ready, int):
            while True:
                if self.child.poll() is not None:
                    raise RuntimeError(f"{command[0]} ended before it was ready")
                with socket.socket() as s:
                    if s.connect_ex(("127.0.0.1", ready)) == 0:
                        break
                if time.monotonic() - began > patience:
                    self.kill()
                    raise RuntimeError(f"{command[0]} is not ready after {patience} s")
                time.sleep(0.01)
        self.seconds = time.monotonic() - began

    @property
    def pid(self):
        return self.child.pid

    def stop(self, how=signal.SIGTERM, patience=60):
        if self in _running:
            _running.remove(self)
        if self.child.poll() is None:
            self.child.send_signal(how)
            try:
                self.child.wait(patience)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        self.log.close()

    def kill(self):
        self.stop(signal.SIGKILL)


@atexit.register
def _stop_all():
    for process in list(_running):
        process.stop(signal.SIGKILL)


for _signal in (signal.SIGTERM, signal.SIGINT):
    signal.signal(_signal, lambda number, _: sys.exit(128 + number))


def _stat(pid):
    text = Path(f"/proc/{pid}/stat").read_text()
    return text[text.rindex(")") + 2:].split()


def tree(pid):
    """A process and all below it."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                parents[int(entry)] = int(_stat(entry)[1])
            except OSError:
                pass
    found, open_ = {pid}, [pid]
    while open_:
        parent = open_.pop()
        for child, its in parents.items():
            if its == parent and child not in found:
                found.add(child)
                open_.append(child)
    return found


def cpu_seconds(*pids):
    """Processor time of these processes and all below them, those that ended included."""
    total = 0
    for one in set().union(*map(tree, pids)):
        try:
            fields = _stat(one)
        except OSError:
            continue
        # utime, stime, and of children that were waited for cutime, cstime.
        total += sum(int(field) for field in fields[11:15])
    return total / TICK


def busy_seconds():
    """Processor time that the whole machine spent, idle and waiting left out."""
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICK


def memory_mb(*pids):
    """Proportional set size of these processes and all below them, in MB."""
    total = 0
    for pid in pids:
        for one in tree(pid):
            try:
                text = Path(f"/proc/{one}/smaps_rollup").read_text()
            except OSError:
                continue
            total += int(re.search(r"^Pss:\s+(\d+) kB", text, re.M).group(1))
    return total / 1000


def resident_mb(pid):
    """Resident set now and at its largest, in MB."""
    text = Path(f"/proc/{pid}/status").read_text()
    now, peak = (int(re.search(rf"^{key}:\s+(\d+) kB", text, re.M).group(1)) / 1000 for key in ("VmRSS", "VmHWM"))
    return now, peak


class Postgres:
    """A PostgreSQL of our own with its stock settings, so fsync and synchronous_commit on."""

    def __init__(self, folder, connections=100):
        bins = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
        if not bins:
            sys.exit("PostgreSQL is missing; install Debian's package postgresql")
        self.bin = bins[-1]
        self.folder = Path(folder)
        self.data = self.folder / "data"
        # PostgreSQL refuses to run as root.
        self.run_as = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        fresh = not self.data.exists()
        if fresh:
            self.folder.mkdir(parents=True, exist_ok=True)
            if self.run_as:
                shutil.chown(self.folder, "postgres")
            self._run([self.bin / "initdb", "-D", self.data, "-U", "usher", "-A", "trust", "-E", "UTF8", "--locale", "C"])
        self.port = free_port()
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c max_connections={connections}"
        self._run([self.bin / "pg_ctl", "-D", self.data, "-l", self.folder / "log", "-w", "-t", "120", "-o", options, "start"])
        self.pid = int((self.data / "postmaster.pid").read_text().splitlines()[0])
        atexit.register(self.stop)

    def _run(self, command):
        subprocess.run([*self.run_as, *map(str, command)], check=True, stdout=subprocess.DEVNULL, cwd=self.folder)

    def url(self, database="postgres"):
        return f"postgres://usher@127.0.0.1:{self.port}/{database}"

    def ask(self, sql, database="postgres"):
        """Rows as text, columns apart by |."""
        done = subprocess.run(
            ["psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", self.url(database), "-c", sql],
            check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def version(self):
        return self.ask("show server_version").split(" ")[0]

    def wal(self):
        """Bytes of write-ahead log ever written."""
        return int(self.ask("select pg_current_wal_insert_lsn() - '0/0'::pg_lsn"))

    def bench(self, script, clients, seconds, database="postgres", **variables):
        """pgbench with a script of ours, statements prepared: transactions a second."""
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
            file.write(script)
            file.flush()
            os.chmod(file.name, 0o644)
            # One thread: it takes from the server no more of the machine than our driver does.
            command = [self.bin / "pgbench", "-n", "-M", "prepared", "-c", clients, "-j", "1", "-T", seconds, "-f", file.name]
            for name, value in variables.items():
                command += ["-D", f"{name}={value}"]
            # As the server's own connections: nothing is compiled for statements of a millisecond.
            env = {**os.environ, "PGOPTIONS": "-c jit=off"}
            done = subprocess.run([*map(str, command), self.url(database)], capture_output=True, text=True, env=env)
        found = re.search(r"^tps = ([\d.]+) \(without", done.stdout, re.M)
        if done.returncode != 0 or not found or re.search(r"failed transactions: [1-9]", done.stdout):
            raise RuntimeError(f"pgbench: {done.stderr[-2000:]} {done.stdout[-500:]}")
        return float(found.group(1))

    def stop(self):
        if (self.data / "postmaster.pid").exists():
            subprocess.run([*self.run_as, self.bin / "pg_ctl", "-D", self.data, "-m", "fast", "-w", "-t", "120", "stop"],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")


def bench(*words):
    """A command of usher-bench; its answer."""
    command = [binary("usher-bench"), "--json", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "RUST_BACKTRACE": "0"})
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout)


def drive(target, kind, clients, seconds, *words, pids=()):
    """A run of the driver. `target`: (url, token file). The figures, with the processor time of `pids` for a right answer, and
    how much of the machine others took meanwhile."""
    url, token = target
    token = ["--token-file", token] if token else []
    ours = (*pids, os.getpid())
    began, busy, used, own = time.monotonic(), busy_seconds(), cpu_seconds(*pids), cpu_seconds(*ours)
    runs = bench("drive", kind, "--url", url, *token, "--clients", clients, "--seconds", seconds, *words)
    took = time.monotonic() - began
    # The driver has ended, so its time stands with this script's children.
    used, others = cpu_seconds(*pids) - used, busy_seconds() - busy - (cpu_seconds(*ours) - own)
    if not runs:
        raise RuntimeError(f"{kind}: nothing was measured")
    run = {**runs[0], "all": runs}
    run["others"] = max(0.0, others / took)
    answers = sum(one["requests"] for one in runs)
    # What was done before the measured time took the processor as well.
    whole = answers * (run["seconds"] + warm(words)) / run["seconds"]
    run["cpu_us"] = used * 1e6 / whole if whole else 0.0
    wrong = [one for one in runs if one["errors"]]
    if wrong:
        raise RuntimeError(f"{kind}, {clients} clients: {wrong[0]['errors']} wrong answers: {wrong[0]['first_error']}")
    return run


def warm(words):
    return float(words[words.index("--warm") + 1]) if "--warm" in words else 0.3


class Limit:
    """The bare server of Usher's HTTP stack that answers `200 OK` with so many bytes."""

    def __init__(self, bytes_):
        self.process = Process([binary("usher-bench"), "limit", "--bytes", str(int(bytes_))], ready=r"^(127.0.0.1:\d+)$")
        self.target = (f"http://{self.process.said.group(1)}", None)

    def rate(self, clients, seconds):
        return drive(self.target, "bare", clients, seconds)["rate"]

    def stop(self):
        self.process.stop()


def middle(values):
    return statistics.median(values)


def table(head, rows):
    """In Markdown."""
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])


def number(value, digits=3):
    """With so many significant digits and no exponent."""
    if value == 0:
        return "0"
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def machine(*folders):
    """What it is measured on, in one line; with the disk's time to make 4 KiB durable."""
    cpu = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    memory = int(re.search(r"^MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text(), re.M).group(1)) / 1e6
    disks = [bench("disk", folder)[0] for folder in folders]
    disk = "; ".join(f"fdatasync p50 {d['p50']:.2f} ms, p99 {d['p99']:.2f} ms" for d in disks)
    load = " ".join(f"{x:.1f}" for x in os.getloadavg())
    return (f"{os.cpu_count()} × {cpu.group(1) if cpu else platform.machine()}, {memory:.0f} GB, Linux {platform.release()}; "
            f"disk: {disk}; load average before: {load}; {time.strftime('%Y-%m-%d %H:%M')} UTC")


def get(target, path, method="GET", body=None):
    """A request outside of any measurement: status and body."""
    url, token = target
    host, port, base = re.match(r"http://([^:/]+):(\d+)(.*)", url).groups()
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    headers = {"Content-Type": "application/scim+json"} if body is not None else {}
    if token:
        headers["Authorization"] = "Bearer " + Path(token).read_text().strip()
    connection.request(method, base + path, body=json.dumps(body) if body is not None else None, headers=headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, text
