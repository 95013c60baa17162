"""Peak memory of a call, from the kernel's own books (Linux)."""

import ctypes
from pathlib import Path


def status(field: str) -> int:
    """A field of /proc/self/status in bytes: VmRSS now, VmHWM its highest since the last reset."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(field)


def peak_extra(call):
    """(result, bytes): how far resident memory rose above its level before the call."""
    ctypes.CDLL(None).malloc_trim(0)  # memory that malloc kept would hide what the call takes
    Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM to VmRSS
    before = status("VmRSS")
    result = call()
    return result, status("VmHWM") - before
