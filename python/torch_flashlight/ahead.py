"""Kernels are built while the host compiler works on the rest of the graph: into the disk cache,
where the first call finds them. What a call gets may differ from what a graph promises (strides,
alignment); then that call builds another kernel."""

import os
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from torch_flashlight import device, kernel

_builder = ThreadPoolExecutor(max_workers=1, thread_name_prefix="flashlight")
_pending: set[Future] = set()


def wait() -> None:
    """Until nothing is being built."""
    for future in list(_pending):
        future.exception()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=wait)  # a child would inherit locks, but no thread that opens them


def build(text: str, inputs, symbols, sizes) -> None:
    """For a call of the op `run` with `text` on these values of a graph; at once, in another
    thread. What goes wrong there is what the call will meet and tell."""
    if os.environ.get("FLASHLIGHT_DEBUG"):
        return  # tells of each step once
    try:
        future = _builder.submit(_job(text, inputs, symbols, sizes))
    except Exception:  # such as sizes known at run time only; a graph must not fail for this
        return
    _pending.add(future)
    future.add_done_callback(_pending.discard)


def _job(text, inputs, symbols, sizes):
    def known(size) -> int:
        return sizes.hint(size.node.expr) if isinstance(size, torch.SymInt) else int(size)

    strides = [[known(s) for s in x.stride()] for x in inputs]
    # As if storage began at 0: what is at hand is its alignment.
    begins = [known(x.storage_offset()) * x.element_size() for x in inputs]
    values = [known(s) for s in symbols]
    where = inputs[0].device
    made, place = kernel.kernel_of(text), ()
    if where.type == device.CUDA:
        place = (device.index_of(where), made.may_use_tf32 and device.tf32())

    def job():
        out = [strides for _, strides, _ in made.layout(values)]
        made.compiled.build(begins, strides, [0] * len(out), out, values, *place)

    return job
