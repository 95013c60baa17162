"""The list of all example programs: the one list that tests, bench and docs use."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import torch

NOT_PROGRAMS = {"__init__", "cases", "tensors", "models", "demo", "table"}


@dataclass(frozen=True)
class Case:
    """One program: what a user wrote (`fn`), and random tensors for it (`inputs`)."""

    name: str
    title: str
    fn: Callable
    inputs: Callable
    kernels: int  # at most this many fused kernels

    def accepts(self, size: str) -> bool:
        """Whether `inputs` has this size as a parameter: not every program has a free Sk."""
        return size in inspect.signature(self.inputs).parameters

    def make(self, seed: int = 0, **sizes):
        """Inputs from a fixed seed. Unknown sizes are an error, not ignored."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.inputs(**sizes)


def load(name: str) -> Case:
    module = import_module(f"examples.{name}")
    title = module.__doc__.strip().splitlines()[0]
    kernels = getattr(module, "KERNELS", 1)
    return Case(name, title, module.attention, module.inputs, kernels)


def names() -> list[str]:
    found = sorted(path.stem for path in Path(__file__).parent.glob("*.py"))
    return [name for name in found if name not in NOT_PROGRAMS]


CASES = {name: load(name) for name in names()}
