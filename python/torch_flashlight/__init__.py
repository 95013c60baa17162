"""Attention written as plain PyTorch, any variant, as one fused kernel:

torch.compile(model, backend="flashlight")
"""

from torch_flashlight._core import CompileError, Error, InternalError, Refused
from torch_flashlight._core import version as _version
from torch_flashlight.backend import flashlight
from torch_flashlight.explain import Explanation, Kernel, Left, explain, stats

__version__ = _version()
__all__ = [
    "CompileError",
    "Error",
    "Explanation",
    "InternalError",
    "Kernel",
    "Left",
    "Refused",
    "explain",
    "flashlight",
    "stats",
]
