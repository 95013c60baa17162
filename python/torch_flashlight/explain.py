"""explain(fn, *args): what became a kernel, how it computes, and what stayed with the host."""

from dataclasses import dataclass, field

import torch
from torch._inductor import config

from torch_flashlight import _core as core
from torch_flashlight import backend, kernel
from torch_flashlight.capture import Left


@dataclass(frozen=True)
class Tiles:
    """Of the score space: skipped, with a mask, without one."""

    dead: int
    partial: int
    full: int


def grouped(lines: list[str]) -> list[str]:
    """Schedules of one path that were passed over for one reason, in one line."""
    found = {}
    for line in lines:
        schedule, _, reason = line.partition(": ")
        found.setdefault((schedule.split(",")[0], reason), []).append(line)
    return [
        same[0] if len(same) == 1 else f"{path}, {len(same)} schedules: {reason}"
        for (path, reason), same in found.items()
    ]


@dataclass(frozen=True)
class Kernel:
    name: str
    ops: list[str]  # nodes of the graph that it computes
    loops: str
    update: str  # the derived online update, as formulas
    merge: str  # how two partial results become one
    tiles: Tiles
    flops: float
    bytes: int  # read and written
    saved_bytes: int  # values that never are in memory together
    schedule: str
    resources: str  # GPU: registers, spills and shared memory, as ptxas counts them
    skips: str  # CPU: the test that data are asked per panel; empty: tiles are counted exactly
    notes: list[str]  # GPU: roles of warps; lazy, speculate, overlap, or why not
    passed_over: list[str]  # GPU: schedules that were not taken, and why
    source: str = field(repr=False)

    def __str__(self):
        tiles = self.tiles
        count = max(1, tiles.dead + tiles.partial + tiles.full)
        lines = [
            f"kernel {self.name}",
            f"  ops       {', '.join(self.ops)}",
            f"  loops     {self.loops}",
            f"  schedule  {self.schedule}",
            *([f"  resources {self.resources}"] if self.resources else []),
            *(f"  {line}" for line in self.notes),
            *(f"  passed over: {line}" for line in grouped(self.passed_over)),
            f"  tiles     {tiles.dead / count:.0%} dead, {tiles.partial / count:.0%} partial, "
            f"{tiles.full / count:.0%} full",
            *([f"  skips     {self.skips}"] if self.skips else []),
            f"  work      {self.flops / 1e9:.3g} GFLOP, {self.bytes / 2**20:.3g} MiB moved, "
            f"{self.saved_bytes / 2**20:.3g} MiB never stored",
            "  update",
            *(f"    {line.strip()}" for line in self.update.splitlines()),
            "  merge of two parts a and b",
            *(f"    {line.strip()}" for line in self.merge.splitlines()),
        ]
        return "\n".join(lines)


@dataclass(frozen=True)
class Explanation:
    kernels: list[Kernel]
    left: list[Left]

    def __str__(self):
        reasons = {}
        for left in self.left:
            reasons[left] = reasons.get(left, 0) + 1
        stayed = [
            f"  {left.op}: {left.reason}" + (f" ({times} times)" if times > 1 else "")
            for left, times in reasons.items()
        ]
        parts = [str(k) for k in self.kernels] or ["no kernels"]
        return "\n\n".join(
            [*parts, "\n".join(["with the host compiler", *(stayed or ["  nothing"])])]
        )


def explain(fn, *args, **kwargs) -> Explanation:
    """Compiles `fn` afresh, calls it once, and tells what happened. Needs no earlier compile."""
    fn = getattr(fn, "_orig_mod", getattr(fn, "_torchdynamo_orig_callable", fn))
    told = []
    token = backend.record.set(told)
    try:
        # The disk cache of the host compiler would serve the graph without asking us.
        with config.patch(force_disable_caches=True):
            torch.compile(fn, backend=lambda gm, inputs: backend.flashlight(gm, inputs))(
                *args, **kwargs
            )
    finally:
        backend.record.reset(token)
    texts = [text for found, _ in told for text in found]
    left = [item for _, stayed in told for item in stayed]
    return Explanation([k for text in texts for k in kernels_of(*text)], left)


def kernels_of(text, tune=False) -> list[Kernel]:
    made = kernel.kernel_of(text, tune)
    ops = [c.name for c in made.program.computations]
    return [
        Kernel(
            name=facts.name,
            ops=ops,
            loops=facts.loops,
            update=facts.update,
            merge=facts.merge,
            tiles=Tiles(facts.dead, facts.partial, facts.full),
            flops=facts.flops,
            bytes=facts.bytes,
            saved_bytes=facts.saved_bytes,
            schedule=facts.schedule,
            resources=facts.resources,
            skips=facts.skips,
            notes=facts.notes,
            passed_over=facts.passed_over,
            source=facts.source,
        )
        for facts in made.explain()
    ]


def stats() -> dict[str, int]:
    """Of this process: kernels compiled, kernels found on disk instead, calls of fused programs."""
    return {
        "kernels_compiled": core.kernels_made() - core.cache_hits(),
        "cache_hits": core.cache_hits(),
        "calls": kernel.calls.count,
    }
