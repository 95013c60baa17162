"""Where and with what a measurement was made."""

import datetime
import os
import platform
import shlex
import subprocess
import sys
from pathlib import Path

import torch


def cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True
    )
    return done.stdout.strip()


def facts() -> dict[str, str]:
    capability = torch.backends.cpu.get_cpu_capability()
    return {
        "machine": f"{cpu()}, {capability}, {torch.get_num_threads()} threads",
        "versions": f"torch {torch.__version__}, Python {platform.python_version()}",
        "commit": commit(),
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "command": shlex.join([os.path.basename(sys.executable), "-m", "bench.run", *sys.argv[1:]]),
    }


def use_realtime() -> None:
    """Starts this process again under `chrt -f 10` where that is permitted: with another process
    on the same cores, times of two threads are up to twice too long."""
    if os.environ.get("FLASHLIGHT_BENCH_REALTIME"):
        return
    probe = ["chrt", "-f", "10", "true"]
    try:
        permitted = subprocess.run(probe, capture_output=True).returncode == 0
    except FileNotFoundError:
        permitted = False
    if not permitted:
        print("note: no permission for `chrt -f 10`; times on a busy machine will be too long")
        return
    os.environ["FLASHLIGHT_BENCH_REALTIME"] = "1"
    os.execvp("chrt", [*probe[:3], sys.executable, "-m", "bench.run", *sys.argv[1:]])
