"""The op flashlight::run, which stands for a fused program in a graph: its text is all it needs, so
that a graph from the host compiler's own disk cache runs in a new process."""

import functools
import warnings

import torch

from torch_flashlight import _core as core
from torch_flashlight.evaluate import DTYPES, evaluate

library = torch.library.Library("flashlight", "DEF")
library.define(
    "run(Tensor[] inputs, SymInt[] symbols, str program) -> Tensor[]",
    tags=(torch.Tag.pt2_compliant_tag, torch.Tag.flexible_layout),
)
INFIX = {"add": "+", "sub": "-", "mul": "*", "floordiv": "//", "mod": "%"}
calls = 0


def source_of(e) -> str:
    """An extent as Python source."""
    if e.op == "const":
        return str(e.value)
    if e.op == "symbol":
        return e.name
    if e.op in INFIX:
        return f"({source_of(e.args[0])} {INFIX[e.op]} {source_of(e.args[1])})"
    return f"sym_{e.op}({', '.join(map(source_of, e.args))})"


def strides_of(shape, order):
    strides, step = [0] * len(shape), 1
    for d in reversed(order or range(len(shape))):
        strides[d] = step
        step = step * torch.sym_max(shape[d], 1)
    return strides


class Kernel:
    """One program, compiled when it is first called."""

    def __init__(self, text):
        self.program = core.parse(text)
        shapes = ", ".join(
            f"[{', '.join(map(source_of, self.program.shape(o.name)))}]" for o in self.program.outputs
        )
        names = {"sym_max": torch.sym_max, "sym_min": torch.sym_min}
        self.shapes = eval(f"lambda {', '.join(self.program.symbols)}: ({shapes},)", names)
        self.dtypes = [
            DTYPES[self.program.computation(o.name).dtype] for o in self.program.outputs
        ]
        self.layouts = {}
        self.compiled = core.Compiled(text)
        self.broken = False

    def layout(self, symbols):
        """(shape, strides, dtype) of each output."""
        orders = [o.order for o in self.program.outputs]
        return [
            (shape, strides_of(shape, order), dtype)
            for shape, order, dtype in zip(self.shapes(*symbols), orders, self.dtypes, strict=True)
        ]

    def __call__(self, inputs, symbols):
        key = tuple(symbols)
        layout = self.layouts.get(key)
        if layout is None:
            layout = self.layouts[key] = self.layout(symbols)
        outputs = [torch.empty_strided(s, t, dtype=d) for s, t, d in layout]
        if not self.broken:
            try:
                self.compiled(
                    [x.data_ptr() for x in inputs],
                    [x.stride() for x in inputs],
                    [x.data_ptr() for x in outputs],
                    [x.stride() for x in outputs],
                    key,
                )
                return outputs
            except core.Error as error:
                self.broken = True
                warnings.warn(f"flashlight runs a kernel by torch ops: {error}", stacklevel=2)
        for out, value in zip(outputs, evaluate(self.program, inputs, symbols), strict=True):
            out.copy_(value)
        return outputs


kernel_of = functools.cache(Kernel)


def run(inputs, symbols, program):
    global calls
    calls += 1
    return kernel_of(program)(inputs, symbols)


def fake(inputs, symbols, program):
    device = inputs[0].device
    layout = kernel_of(program).layout(symbols)
    return [torch.empty_strided(s, t, dtype=d, device=device) for s, t, d in layout]


library.impl("run", run, "CPU")
torch.library.register_fake("flashlight::run", fake, lib=library)
