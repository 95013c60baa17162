"""The backend under test, and questions about what it made of a function.

FLASHLIGHT_TEST_BACKEND=inductor runs the tests against another backend, to test the tests.
"""

import os
import re
from contextlib import contextmanager

import torch
from torch._inductor import config
from torch._inductor.custom_graph_pass import CustomGraphPass

NAME = os.environ.get("FLASHLIGHT_TEST_BACKEND", "flashlight")
IS_OURS = NAME == "flashlight"


def compiled(fn, **options):
    return torch.compile(fn, backend=NAME, **options)


def graphs_compiled() -> int:
    return torch._dynamo.utils.counters["stats"]["unique_graphs"]


def kernels_compiled() -> int:
    """How many kernels our compiler has built or loaded in this process."""
    import torch_flashlight

    return torch_flashlight.stats()["kernels_compiled"]


def check_kernels(fn, args, most: int = 1, passes: int = 1):
    """explain() must name between one and `most` kernels, each with its facts filled in, which read
    the keys `passes` times at most."""
    if not IS_OURS:
        return
    import torch_flashlight

    told = torch_flashlight.explain(fn, *args)
    left = [(x.op, x.reason) for x in told.left]
    assert 1 <= len(told.kernels) <= most, f"{len(told.kernels)} kernels; left: {left}"
    for kernel in told.kernels:
        assert kernel.name and kernel.source and kernel.flops > 0
        several = re.search(r"(\d+) passes", kernel.loops)
        assert int(several[1] if several else 1) <= passes, kernel.loops
    assert str(told)


class SizeRecorder(CustomGraphPass):
    """Remembers what the host compiler is left to compute: (op, elements) of each node."""

    def __init__(self):
        self.nodes = []

    def __call__(self, graph):
        inputs = self.inputs(graph)
        for node in graph.nodes:
            value = node.meta.get("val")
            if node.op != "call_function" or not isinstance(value, torch.Tensor):
                continue
            if value.untyped_storage()._cdata in inputs:
                continue  # a view of an input costs nothing
            self.nodes.append((str(node.target), value.numel()))

    @staticmethod
    def inputs(graph):
        values = [n.meta.get("val") for n in graph.nodes if n.op == "placeholder"]
        return {v.untyped_storage()._cdata for v in values if isinstance(v, torch.Tensor)}

    def uuid(self):
        return None  # never served from the disk cache: the pass would not run


@contextmanager
def recorded_sizes():
    """Records every tensor in the graph after our passes; yields the list of (op, elements)."""
    recorder = SizeRecorder()
    with config.patch(post_grad_custom_post_pass=recorder):
        yield recorder.nodes


def check_no_scores(nodes, elements: int):
    """No tensor as large as one map of scores: `elements` = queries x keys."""
    large = [(op, n) for op, n in nodes if isinstance(n, int) and n >= elements]
    assert not (IS_OURS and large), f"score-sized tensors left to the host compiler: {large}"
