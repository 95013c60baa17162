"""Compiles attention written as plain PyTorch, any variant, into one fused kernel."""

from torch_flashlight._core import version

__all__ = ["version"]
__version__ = version()
