"""FX graph -> ir.Program, one tensor-level computation per node, named after it."""

from dataclasses import dataclass
from types import SimpleNamespace

import torch
from torch._subclasses.fake_tensor import unset_fake_temporarily

from torch_flashlight import _core as core
from torch_flashlight import device, ops
from torch_flashlight.pointwise import HANDLERS, TYPES, dtype_text
from torch_flashlight.sizes import Sizes, Unsupported


@dataclass(frozen=True)
class Left:
    """An op that stays with the host compiler, and why."""

    op: str
    reason: str


def order_of(value) -> list[int]:
    """Dimensions from the largest stride to the smallest, at the sizes of this trace: int() of a
    symbolic size would guard on its value."""
    strides, sizes = (
        [s if isinstance(s, int) else s.node.hint for s in part]
        for part in (value.stride(), value.shape)
    )
    return sorted(range(value.ndim), key=lambda d: (-strides[d], sizes[d] == 1, d))


class Capture:
    """`program` holds all that could be understood of a graph. Other ops are its boundary: their
    results are inputs, what they read are outputs."""

    def __init__(self, graph):
        self.graph = graph
        self.b = core.Builder()
        self.sizes = Sizes(graph, self.b)
        self.values = {}  # node -> core.Tensor, or core.Expr for a 0-d tensor of sizes and numbers
        self.understood = set()
        self.left = []
        self.program = self._capture()

    # ---- what handlers ask for
    def meta(self, node) -> torch.Tensor:
        return node.meta["val"]

    def dtype(self, node) -> str:
        return dtype_text(self.meta(node).dtype)

    def type(self, node) -> str:
        return TYPES[self.dtype(node)]

    def tensor(self, node) -> core.Tensor:
        """The node's value; an input of the program if it was not understood."""
        value = self.values.get(node)
        if isinstance(value, core.Tensor):
            return value
        self._check(node)
        if value is None:
            made = self.b.input(node.name, self.dtype(node), self.shape(node))
        else:
            made = self.make(node, "full", [], value, self.dtype(node))
        self.values[node] = made
        return made

    def shape(self, node):
        return self.sizes.shape(self.meta(node))

    def size(self, value):
        """An int, or a node that holds one, as an expression."""
        return self.sizes.expr(value.meta["val"] if isinstance(value, torch.fx.Node) else value)

    def scalar(self, value):
        """A number, or a node that is computed from numbers and sizes alone; else None."""
        if isinstance(value, bool):
            return core.boolean(value)
        if isinstance(value, int | float):
            return self.sizes.expr(value)
        known = self.values.get(value) or self._constant(value)
        if isinstance(known, core.Expr):
            return known
        if isinstance(value.meta["val"], torch.SymInt | torch.SymFloat):
            return self.sizes.expr(value.meta["val"])
        return None

    def _constant(self, node):
        """The value of a 0-d tensor that is part of the graph."""
        tensor = getattr(self.graph.owning_module, node.target) if node.op == "get_attr" else None
        if isinstance(tensor, torch.Tensor) and tensor.ndim == 0 and tensor.device.type == "cpu":
            with unset_fake_temporarily():
                number = tensor.item()
            return core.cast(self.scalar(number), TYPES[dtype_text(tensor.dtype)])
        return None

    def make(self, node, method, *args) -> core.Tensor:
        """One call of the builder; its computation gets the name of `node`, if there is one."""
        if node is not None:
            self.b.named(node.name)
        return getattr(self.b, method)(*args)

    # ---- the walk
    def _capture(self):
        for node in self.graph.nodes:
            if node.op == "call_function" and isinstance(node.meta.get("val"), torch.Tensor):
                self._visit(node)
        outputs = {}
        for node in self.graph.nodes:
            if self._reads_memory(node):
                outputs |= dict.fromkeys(node.all_input_nodes)
        for node in outputs:
            if node in self.understood and isinstance(self.values[node], core.Tensor):
                self.b.output(self.values[node], order_of(self.meta(node)))
        return self.b.finish()

    def _visit(self, node):
        source, index = node, ()
        if ops.is_getitem(node):
            source, index = node.args[0], node.args[1:]
        try:
            self._check(node)
            self.values[node] = self._understand(node, source, index)
            self.understood.add(node)
        except (Unsupported, core.Refused) as error:
            self.left.append(Left(str(source.target), str(error)))

    def _understand(self, node, source, index):
        handler = HANDLERS.get(str(source.target))
        if handler is None:
            raise Unsupported("unknown op")
        for used in source.all_input_nodes:
            if isinstance(used.meta.get("val"), torch.Tensor):
                self._check(used)
                self._check_place(node, used)
        return handler(self, node, self._arguments(source), *index)

    @staticmethod
    def _arguments(node):
        """All arguments by the names of the op's schema, defaults included."""
        schema = node.target._schema.arguments
        given = dict(zip((a.name for a in schema), node.args, strict=False)) | node.kwargs
        rest = {a.name: a.default_value for a in schema if a.name not in given}
        return SimpleNamespace(**given, **rest)

    def _check(self, node):
        value = self.meta(node)
        if any(isinstance(size, int) and size == 0 for size in value.shape):
            raise Unsupported("has no elements")
        if value.layout != torch.strided or value.is_quantized:
            raise Unsupported(f"layout {value.layout}")
        if reason := device.problem(value.device):
            raise Unsupported(reason)
        dtype_text(value.dtype)

    def _check_place(self, node, used):
        """An op stays on one device, but for numbers: those may lie in 0-d tensors of the CPU."""
        here, there = self.meta(node).device, self.meta(used).device
        if here != there and self.scalar(used) is None:
            raise Unsupported(f"tensors on {there} and {here}")

    def _reads_memory(self, node):
        """Whether the node needs its arguments as tensors: it is not part of the program."""
        if node in self.understood or node.op == "placeholder":
            return False
        takes = [u for u in node.users if ops.is_getitem(u)]
        return not (takes and len(takes) == len(node.users) and self.understood.issuperset(takes))
