"""Which devices get kernels, and what a call on one of them must be told."""

import functools
import importlib.util
import warnings
from pathlib import Path

import torch

from torch_flashlight import _core as core

CPU, CUDA = "cpu", "cuda"
# Of NVIDIA's wheels, where a CUDA build of torch has NVRTC: /lib below each.
WHEELS = ("cu13", "cu12", "cuda_nvrtc")


def index_of(device: torch.device) -> int:
    return torch.cuda.current_device() if device.index is None else device.index


def problem(device: torch.device) -> str | None:
    """Why kernels cannot run there; None if they can."""
    if device.type == CPU:
        return None
    if device.type != CUDA:
        return f"device {device}"
    reason = gpu_problem(index_of(device))
    return f"device {device}: {reason}" if reason else None


@functools.cache
def gpu_problem(index: int) -> str:
    """The driver's, the card's or NVRTC's; told once, as a warning. Empty: there is none."""
    find_nvrtc()
    reason = core.gpu_problem(index)
    if reason:
        warnings.warn(
            f"flashlight leaves cuda:{index} to the host compiler: {reason}", stacklevel=2
        )
    return reason


@functools.cache
def find_nvrtc() -> None:
    """Names the folders of NVIDIA's wheels to the compiler; imports nothing."""
    found = importlib.util.find_spec("nvidia")
    places = (found.submodule_search_locations or []) if found else []
    core.set_nvrtc_folders([str(Path(p) / wheel / "lib") for p in places for wheel in WHEELS])


def stream_of(index: int) -> int:
    """The stream that torch uses now, as the driver's handle."""
    return _raw_stream()(index)


@functools.cache
def _raw_stream():
    raw = getattr(torch._C, "_cuda_getCurrentRawStream", None)
    return raw or (lambda index: torch.cuda.current_stream(index).cuda_stream)


def tf32() -> bool:
    """Whether torch lets products of float32 on CUDA round their operands to tf32."""
    precision = getattr(torch._C, "_get_fp32_precision_getter", None)
    if precision is None:
        return torch.backends.cuda.matmul.allow_tf32
    return precision(CUDA, "matmul") == "tf32"
