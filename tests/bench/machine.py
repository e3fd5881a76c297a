"""What Linux says of processes and of the machine: CPU time, memory, dropped datagrams (proc(5))."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class ProcessCpu:
    """CPU time of all threads of a process since its start."""

    user_s: float
    system_s: float

    @property
    def total_s(self) -> float:
        return self.user_s + self.system_s


def process_cpu(pid: int) -> ProcessCpu:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return ProcessCpu(int(fields[11]) / _TICKS_PER_S, int(fields[12]) / _TICKS_PER_S)


def processes_cpu(pids: Iterable[int]) -> ProcessCpu:
    """The same of several processes together."""
    each = [process_cpu(pid) for pid in pids]
    return ProcessCpu(sum(cpu.user_s for cpu in each), sum(cpu.system_s for cpu in each))


def resident_kib(pid: int) -> int:
    """VmRSS of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


@dataclass(frozen=True, slots=True)
class MachineCpu:
    """Busy and stolen time of all cores since boot."""

    busy_s: float
    steal_s: float


def machine_cpu() -> MachineCpu:
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    user, nice, system, _idle, _iowait, irq, softirq, steal = fields
    return MachineCpu((user + nice + system + irq + softirq) / _TICKS_PER_S, steal / _TICKS_PER_S)


def wait_until_quiet(busy_share: float, limit_s: float) -> bool:
    """Waits, at most ``limit_s``, for two seconds in which the machine is busy for less than this share of a core."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        before, started = machine_cpu().busy_s, time.monotonic()
        time.sleep(2.0)
        if machine_cpu().busy_s - before < busy_share * (time.monotonic() - started):
            return True
    return False


def dropped_datagrams(ports: set[int]) -> int:
    """Datagrams that the kernel dropped because the receive buffer of a socket on these local ports was full."""
    dropped = 0
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].rpartition(":")[2], 16) in ports:
            dropped += int(fields[-1])
    return dropped


def pin(pid: int, core: int | None) -> None:
    """Keeps a process on one core; ``None`` leaves it where it is."""
    if core is not None:
        os.sched_setaffinity(pid, {core})


def choose_cores() -> tuple[int | None, int | None]:
    """A core for the worker and one for the load. On a machine with one core nothing is pinned."""
    cores = sorted(os.sched_getaffinity(0))
    return (cores[0], cores[1]) if len(cores) > 1 else (None, None)


def describe() -> dict[str, str | int]:
    """The machine as it stands in a report."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return {
        "cpu": model,
        "cores": os.cpu_count() or 1,
        "kernel": platform.release(),
        "python": platform.python_version(),
    }
