"""The op flashlight::run, which stands for a fused program in a graph: its text is all it needs, so
that a graph from the host compiler's own disk cache runs in a new process."""

import functools
import warnings

import torch

from torch_flashlight import _core as core
from torch_flashlight import device
from torch_flashlight.evaluate import DTYPES, evaluate

library = torch.library.Library("flashlight", "DEF")
TAGS = (torch.Tag.pt2_compliant_tag, torch.Tag.flexible_layout)
library.define(
    "run(Tensor[] inputs, SymInt[] symbols, str program, bool tune=False) -> Tensor[]", tags=TAGS
)
# Of run.of1, run.of2 ...: torch spends 2 to 5 us more on a call with lists of tensors.
MOST_INPUTS = 16
INFIX = {"add": "+", "sub": "-", "mul": "*", "floordiv": "//", "mod": "%"}
MAX_LAYOUTS = 1024


def source_of(e) -> str:
    """An extent as Python source."""
    if e.op == "const":
        return str(e.value)
    if e.op == "symbol":
        return e.name
    args = [source_of(a) for a in e.args]
    if e.op in INFIX:
        return f"({args[0]} {INFIX[e.op]} {args[1]})"
    return f"sym_{e.op}({', '.join(args)})"


def strides_of(shape, order):
    strides, step = [0] * len(shape), 1
    for d in reversed(order or range(len(shape))):
        strides[d] = step
        step = step * shape[d]
    return strides


class Kernel:
    """One program, compiled when it is first called."""

    def __init__(self, text, tune=False):
        self.tune = tune  # a first call on a GPU may measure several kernels
        self.program = core.parse(text)
        outputs = self.program.outputs
        shapes = [[source_of(e) for e in self.program.shape(o.name)] for o in outputs]
        body = ", ".join(f"[{', '.join(shape)}]" for shape in shapes)
        names = {"sym_max": torch.sym_max, "sym_min": torch.sym_min}
        self.shapes = eval(f"lambda {', '.join(self.program.symbols)}: ({body},)", names)
        self.dtypes = [DTYPES[self.program.computation(o.name).dtype] for o in outputs]
        tensors = [i.dtype for i in self.program.inputs]
        self.may_use_tf32 = "f32" in tensors or torch.float32 in self.dtypes
        self.layouts, self.workspaces = {}, {}  # by the values of symbols
        self.text = text
        self.symbols = self.where = None  # of the last call: sizes, type of device
        self.broken = set()  # types of devices where no kernel can be made

    @functools.cached_property
    def compiled(self):
        return core.Compiled(self.text)

    def layout(self, symbols):
        """(shape, strides, dtype) of each output."""
        orders = [o.order for o in self.program.outputs]
        return [
            (tuple(shape), tuple(strides_of(shape, order)), dtype)
            for shape, order, dtype in zip(self.shapes(*symbols), orders, self.dtypes, strict=True)
        ]

    def __call__(self, inputs, symbols):
        self.symbols = key = tuple(symbols)
        layout = self.layouts.get(key)
        if layout is None:
            if len(self.layouts) == MAX_LAYOUTS:
                self.layouts.clear()
            layout = self.layouts[key] = self.layout(symbols)
        where, on_gpu = inputs[0].device, inputs[0].is_cuda
        self.where = kind = device.CUDA if on_gpu else device.CPU
        outputs = [torch.empty_strided(s, t, dtype=d, device=where) for s, t, d in layout]
        if kind not in self.broken:
            try:
                self.launch(inputs, outputs, layout, key, where if on_gpu else None)
                # Not where torch has to be asked each time.
                if not on_gpu or not (self.may_use_tf32 or self.workspace_bytes(key)):
                    calls.remember(self, self.text, self.tune, key, where, layout)
                return outputs
            except core.Error as error:
                self.broken.add(kind)
                calls.forget(self.text)  # else each call would try to make the kernel again
                warnings.warn(f"flashlight runs a program by torch ops: {error}", stacklevel=2)
        for out, value in zip(outputs, evaluate(self.program, inputs, symbols), strict=True):
            out.copy_(value)
        return outputs

    def launch(self, inputs, outputs, layout, key, gpu):
        """On a GPU: in the current stream, without waiting. All memory is torch's, so that streams
        and captured graphs see it."""
        place = ()
        if gpu is not None:
            bytes = self.workspace_bytes(key)
            workspace = torch.empty(bytes, dtype=torch.uint8, device=gpu) if bytes else None
            place = (
                gpu.index,
                device.stream_of(gpu.index),
                workspace.data_ptr() if bytes else 0,
                self.may_use_tf32 and device.tf32(),
                self.tune,
            )
        self.compiled(
            [x.data_ptr() for x in inputs],
            [x.stride() for x in inputs],
            [x.data_ptr() for x in outputs],
            [t for _, t, _ in layout],
            key,
            *place,
        )

    def workspace_bytes(self, key) -> int:
        if key not in self.workspaces:
            if len(self.workspaces) == MAX_LAYOUTS:
                self.workspaces.clear()
            self.workspaces[key] = self.compiled.workspace_bytes(key)
        return self.workspaces[key]

    def explain(self):
        """Facts of its kernels at the sizes of the last call."""
        made = self.symbols is not None and self.where not in self.broken
        return self.compiled.explain(self.symbols) if made else []


_kernels = {}


def kernel_of(text, tune=False) -> Kernel:
    key = (text, tune) if tune else text
    found = _kernels.get(key)
    if found is None:
        found = _kernels.setdefault(key, Kernel(text, tune))
    return found


def run(inputs, symbols, program, tune=False):
    return kernel_of(program, tune)(inputs, symbols)


def fake(inputs, symbols, program, tune=False):
    device = inputs[0].device
    layout = kernel_of(program, tune).layout(symbols)
    return [torch.empty_strided(s, t, dtype=d, device=device) for s, t, d in layout]


def define_of(n):
    """run.of3: three inputs, one output."""
    inputs = ", ".join(f"Tensor x{i}" for i in range(n))
    rest = "str program, SymInt[] symbols=[], bool tune=False"
    library.define(f"run.of{n}({inputs}, {rest}) -> Tensor", tags=TAGS)
    return f"run.of{n}"


def fake_of(*args):
    n = next(i for i, a in enumerate(args) if isinstance(a, str))
    symbols, *tune = args[n + 1 :] or ([],)
    return fake(args[:n], symbols, args[n], *tune)[0]


def register(name, run, fake):
    for kind in ("CPU", "CUDA"):
        library.impl(name, run, kind)
    torch.library.register_fake(f"flashlight::{name}", fake, lib=library)


calls = core.Calls(run, torch.empty_strided, torch.Tensor)
register("run", calls.run, fake)
for n in range(1, MOST_INPUTS + 1):
    register(define_of(n), calls.run_of, fake_of)


def target_of(inputs, symbols, program, outputs, tune):
    """The call in a graph: by its overload for as many inputs where there is one output."""
    last = (symbols, True) if tune else (symbols,) if symbols else ()
    if outputs == 1 and len(inputs) <= MOST_INPUTS:
        return getattr(torch.ops.flashlight.run, f"of{len(inputs)}"), (*inputs, program, *last)
    return torch.ops.flashlight.run.default, (inputs, symbols, program, *last[1:])
