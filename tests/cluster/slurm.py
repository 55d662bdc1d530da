"""A private SLURM on this machine: real daemons, as root, in a temporary folder."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ETC = Path("/etc/slurm")
"""Folder that Debian's SLURM reads; Snakemake's job step drops SLURM_*, also SLURM_CONF."""
PROGRAMS = ("setpriv", "munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol")
MEMORY_MB = 65536
"""Declared, not there: no job of the tests uses a tenth of what it asks for."""

CONFIG = """\
ClusterName=tests
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
# no cgroups, no MPI, no accounting database
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
AccountingStorageType=accounting_storage/none
MailProg=/bin/true
PropagateResourceLimits=NONE
# what is handed out
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
GresTypes=gpu
# memory is polled every second, and a job that uses more is killed
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
# short ways: start and kill at once, count minutes exactly, refuse what can never run
SchedulerParameters=batch_sched_delay=0,sched_min_interval=50000,bf_interval=1
KillWait=2
CompleteWait=0
OverTimeLimit=0
EnforcePartLimits=ALL
ReturnToService=1
MinJobAge=3600
"""


def why_not() -> str:
    """Reason why no SLURM can be started here; empty if one can."""
    path = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])
    if missing := [name for name in PROGRAMS if not shutil.which(name, path=path)]:
        return f"{', '.join(missing)} missing: apt-get install munge slurmctld slurmd slurm-client"
    if os.geteuid():
        return "only root can start SLURM's daemons for itself and link /etc/slurm/slurm.conf"
    conf = ETC / "slurm.conf"
    if conf.exists() and not (conf.is_symlink() and "DOWN" in ask("scontrol", "ping")):
        return f"{conf} belongs to another SLURM (its controller answers, or it is no link)"
    return ""


def ask(*command: str) -> str:
    """Output of a SLURM command, without blanks around it."""
    return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout.strip()


def wait_until(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Poll a condition ten times a second.

    Raises:
        TimeoutError: it did not come true in time.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s\n{ask('squeue', '--all')}")
        time.sleep(0.1)


class Slurm:
    """A cluster with partitions `cpu` and `gpu` (fake GPUs: copies of /dev/null); a context.

    Args:
        folder: an empty folder for keys, state and logs; it must not be open to others to write.
        n_nodes: nodes n1, n2, ..., all on this machine; they share its cores.
        n_gpus: GPUs of each node.
    """

    def __init__(self, folder: Path, n_nodes: int = 2, n_gpus: int = 1):
        self.folder = folder
        self.nodes = [f"n{i + 1}" for i in range(n_nodes)]
        self.n_gpus = n_gpus
        self.daemons: list[subprocess.Popen] = []

    def __enter__(self) -> "Slurm":
        self._configure()
        try:
            self._start()
        except BaseException as error:
            self.__exit__()
            logs = [log.read_text()[-500:] for log in sorted(self.folder.glob("*.log"))]
            raise RuntimeError("\n".join([f"SLURM does not start: {error}", *logs])) from error
        return self

    def __exit__(self, *_error: object) -> None:
        if "UP" in ask("scontrol", "ping"):
            ask("scancel", "--user=root", "--signal=KILL", "--full")
            ask("scancel", "--user=root")
        for daemon in reversed(self.daemons):
            daemon.terminate()
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
        for name in ("slurm.conf", "gres.conf"):
            (ETC / name).unlink(missing_ok=True)

    def _configure(self) -> None:
        self.folder.chmod(0o755)
        port, *node_ports = free_ports(1 + len(self.nodes))
        devices = [self.folder / f"gpu{i}" for i in range(self.n_gpus)]
        for device in devices:
            os.mknod(device, 0o20666, os.makedev(1, 3))
        n_cpus = max(1, (os.cpu_count() or 1) // len(self.nodes))
        conf, gres = [CONFIG.format(port=port, folder=self.folder)], []
        for node, node_port in zip(self.nodes, node_ports, strict=True):
            (self.folder / f"spool-{node}").mkdir()
            conf.append(
                f"NodeName={node} NodeHostname={socket.gethostname().split('.')[0]}"
                f" NodeAddr=127.0.0.1 Port={node_port} CPUs={n_cpus}"
                f" RealMemory={MEMORY_MB} Gres=gpu:fake:{self.n_gpus} State=UNKNOWN\n"
            )
            gres += [f"NodeName={node} Name=gpu Type=fake File={device}\n" for device in devices]
        for partition, default in (("cpu", "YES"), ("gpu", "NO")):
            conf.append(
                f"PartitionName={partition} Nodes={','.join(self.nodes)} Default={default}"
                " MaxTime=7-0 State=UP\n"
            )
        (self.folder / "state").mkdir()
        ETC.mkdir(exist_ok=True)
        for name, lines in (("slurm.conf", conf), ("gres.conf", gres)):
            (self.folder / name).write_text("".join(lines))
            (ETC / name).unlink(missing_ok=True)
            (ETC / name).symlink_to(self.folder / name)

    def _start(self) -> None:
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        own = {
            "key-file": key,
            "socket": self.folder / "munge.socket",
            "pid-file": self.folder / "munged.pid",
            "log-file": self.folder / "munged.log",
            "seed-file": self.folder / "munged.seed",
        }
        paths = [f"--{option}={path}" for option, path in own.items()]
        self.start("munged", "munged", "--force", "--foreground", *paths)
        wait_until(own["socket"].exists, "munged")
        self.start("slurmctld", "slurmctld", "-D")
        wait_until(lambda: "UP" in ask("scontrol", "ping"), "slurmctld")
        for node in self.nodes:
            self.start(f"slurmd-{node}", "slurmd", "-D", "-N", node)
        wait_until(lambda: self.state() == ["idle"] * len(self.nodes), "slurmd")

    def start(self, name: str, *command: str) -> None:
        """Start a daemon that dies with the tests; its output goes to NAME.log in the folder."""
        path = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])
        with (self.folder / f"{name}.log").open("a") as log:
            daemon = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *command],
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={"PATH": path},
            )
        self.daemons.append(daemon)

    def state(self) -> list[str]:
        """State of each node: idle, mixed, allocated, down, ..."""
        return ask("sinfo", "--noheader", "--Node", "--partition=cpu", "--format=%T").splitlines()

    def jobs(self, *states: str) -> list[str]:
        """Identifiers of jobs in some states, by default those pending or running."""
        wanted = ",".join(states or ("PENDING", "RUNNING", "COMPLETING"))
        return ask("squeue", "--noheader", f"--states={wanted}", "--format=%i").split()


def job_table(*fields: str) -> list[dict[str, str]]:
    """All jobs since the cluster's start, in order; fields are those of `squeue --Format`."""
    layout = ",".join(f"{field}:|" for field in fields)
    lines = ask("squeue", "--noheader", "--states=all", "--sort=i", f"--Format={layout}")
    return [dict(zip(fields, line.split("|"))) for line in lines.splitlines()]


def free_ports(count: int) -> Sequence[int]:
    """Ports of the loopback that nobody uses now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
