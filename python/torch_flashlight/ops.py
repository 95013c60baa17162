"""What each op means: name -> handler(capture, node, arguments) -> tensor or scalar of a program.
Ops with several results take the number of the result as well."""

import operator

import torch

from torch_flashlight import _core as core
from torch_flashlight.pointwise import apply, compute, const, handles
from torch_flashlight.sizes import Unsupported


def is_getitem(node):
    return node.target is operator.getitem


# ---- reductions


def dims_of(tensor, dim):
    rank = len(tensor.shape)
    dims = [dim] if isinstance(dim, int) else list(dim or range(rank))
    return [d % rank for d in dims] if rank else []


def reduction(op):
    def handler(c, node, a):
        x = c.tensor(a.self)
        keep = getattr(a, "keepdim", False)
        return c.make(
            node, "reduce", op, x, dims_of(x, getattr(a, "dim", None)), keep, c.dtype(node)
        )

    return handler


for _op, _names in {
    "sum": "sum.dim_IntList sum.default",
    "prod": "prod.dim_int prod.default",
    "max": "amax.default max.default",
    "min": "amin.default min.default",
    "any": "any.dim any.dims any.default",
    "all": "all.dim all.dims all.default",
}.items():
    handles(*(f"aten.{n}" for n in _names.split()))(reduction(_op))


@handles("aten.max.dim", "aten.min.dim")
def extreme(c, node, a, index):
    if index:
        raise Unsupported("positions of extremes")
    op = str(node.args[0].target).split(".")[1]
    return c.make(node, "reduce", op, c.tensor(a.self), dims_of(c.tensor(a.self), a.dim), a.keepdim,
                                c.dtype(node))  # fmt: skip


def wide(dtype):
    return "f64" if dtype == "f64" else "f32"


def mean_of(c, x, dims, keep, dtype, node=None):
    count = core.integer(1)
    for d in dims:
        count = apply("mul", count, x.shape[d])
    total = c.b.reduce("sum", x, dims, keep, wide(dtype))
    return compute(c, [total], lambda s: apply("div", s, core.cast(count, s.type)), dtype, node)


@handles("aten.mean.dim", "aten.mean.default")
def mean(c, node, a):
    x = c.tensor(a.self)
    return mean_of(c, x, dims_of(x, getattr(a, "dim", None)), getattr(a, "keepdim", False),
                   c.dtype(node), node)  # fmt: skip


@handles("aten.var.correction", "aten.var_mean.correction")
def var(c, node, a, index=0):
    x, dtype = c.tensor(a.self), c.dtype(node)
    dims = dims_of(x, a.dim)
    if index == 1:
        return mean_of(c, x, dims, a.keepdim, dtype, node)
    count = core.integer(1)
    for d in dims:
        count = apply("mul", count, x.shape[d])
    middle = mean_of(c, x, dims, True, wide(dtype))
    square = lambda v, m: apply("mul", apply("sub", v, m), apply("sub", v, m))  # noqa: E731
    total = c.b.reduce("sum", compute(c, [x, middle], square, wide(dtype)), dims, a.keepdim,
                       wide(dtype))  # fmt: skip
    correction = 1 if a.correction is None else a.correction

    def body(s):
        rest = apply("sub", core.cast(count, s.type), const(correction, s))
        return apply("div", s, apply("max", rest, const(0, s)))

    return compute(c, [total], body, dtype, node)


def softmax_parts(c, x, dims, dtype):
    top = c.b.reduce("max", x, dims, True, dtype)
    weight = compute(c, [x, top], lambda v, m: apply("exp", apply("sub", v, m)), dtype)
    return top, weight, c.b.reduce("sum", weight, dims, True, dtype)


@handles("aten._softmax.default", "aten.softmax.int", "aten._safe_softmax.default")
def softmax(c, node, a):
    x, dtype = c.tensor(a.self), wide(c.dtype(node))
    top, weight, total = softmax_parts(c, x, dims_of(x, a.dim), dtype)

    def body(w, t, m):
        value = apply("div", w, t)
        if "safe" not in str(node.target):
            return value
        return core.where(apply("eq", m, const("-inf", m)), const(0, m), value)

    return compute(c, [weight, total, top], body, c.dtype(node), node)


@handles("aten._log_softmax.default", "aten.log_softmax.int")
def log_softmax(c, node, a):
    x = c.tensor(a.self)
    top, _, total = softmax_parts(c, x, dims_of(x, a.dim), wide(c.dtype(node)))
    body = lambda v, m, t: apply("sub", apply("sub", v, m), apply("log", t))  # noqa: E731
    return compute(c, [x, top, total], body, c.dtype(node), node)


# ---- contractions


@handles("aten.mm.default", "aten.bmm.default", "aten.matmul.default")
def matmul(c, node, a):
    second = a.mat2 if hasattr(a, "mat2") else a.other
    return c.make(node, "matmul", c.tensor(a.self), c.tensor(second), c.dtype(node))


@handles("aten.addmm.default", "aten.baddbmm.default")
def addmm(c, node, a):
    x, y = (a.mat1, a.mat2) if hasattr(a, "mat1") else (a.batch1, a.batch2)
    product = c.b.matmul(c.tensor(x), c.tensor(y), wide(c.dtype(node)))
    if a.beta == 0:
        return compute(
            c, [product], lambda p: apply("mul", const(a.alpha, p), p), c.dtype(node), node
        )

    def body(bias, p):
        scaled = apply("mul", const(a.beta, bias), bias)
        return apply("add", scaled, apply("mul", const(a.alpha, p), p))

    return compute(c, [c.tensor(a.self), product], body, c.dtype(node), node)


# ---- views


@handles("aten.view.default", "aten._unsafe_view.default", "aten.reshape.default")
def view(c, node, a):
    return c.make(node, "view", c.tensor(a.self), c.shape(node))


@handles("aten.expand.default")
def expand(c, node, a):
    return c.make(node, "expand", c.tensor(a.self), c.shape(node))


@handles("aten.permute.default")
def permute(c, node, a):
    return c.make(node, "permute", c.tensor(a.self), [d % len(a.dims) for d in a.dims])


@handles("aten.transpose.int", "aten.t.default")
def transpose(c, node, a):
    x = c.tensor(a.self)
    order = list(range(len(x.shape)))
    first, second = getattr(a, "dim0", 0), getattr(a, "dim1", -1)
    if order:
        order[first], order[second] = order[second], order[first]
    return c.make(node, "permute", x, order)


@handles("aten.unsqueeze.default")
def unsqueeze(c, node, a):
    return c.make(node, "unsqueeze", c.tensor(a.self), a.dim % c.meta(node).ndim)


@handles("aten.squeeze.default", "aten.squeeze.dim", "aten.squeeze.dims")
def squeeze(c, node, a):
    x = c.tensor(a.self)
    dims = dims_of(x, getattr(a, "dim", None))
    return c.make(node, "squeeze", x, [d for d in dims if c.meta(a.self).shape[d] == 1])


def part(c, node, source, dim, start, step=1):
    """Elements start, start + step ... along `dim`, as many as the result has."""
    x, dim = c.tensor(source), dim % c.meta(source).ndim
    length = c.sizes.expr(c.meta(node).shape[dim])
    return c.make(node, "slice", x, dim, c.size(start), length, c.size(step))


@handles("aten.slice.Tensor")
def slice_(c, node, a):
    size = c.meta(a.self).shape[a.dim]
    start = a.start.meta["val"] if isinstance(a.start, torch.fx.Node) else a.start or 0
    # Which case it is, PyTorch's own rule for slices has decided (and guarded) before.
    if start < 0:
        start = max(start + size, 0)
    return part(c, node, a.self, a.dim, min(start, size), a.step)


@handles("aten.select.int")
def select(c, node, a):
    x, dim = c.tensor(a.self), a.dim % c.meta(a.self).ndim
    index = a.index.meta["val"] if isinstance(a.index, torch.fx.Node) else a.index
    if index < 0:
        index = index + c.meta(a.self).shape[dim]
    return c.make(node, "select", x, dim, c.size(index))


@handles("aten.split.Tensor", "aten.split_with_sizes.default")
def split(c, node, a, index):
    sizes = [a.split_size] * index if hasattr(a, "split_size") else a.split_sizes[:index]
    start = 0
    for size in sizes:
        start = start + (size.meta["val"] if isinstance(size, torch.fx.Node) else size)
    return part(c, node, a.self, a.dim, start)


@handles("aten.unbind.int")
def unbind(c, node, a, index):
    x = c.tensor(a.self)
    return c.make(node, "select", x, a.dim % len(x.shape), core.integer(index))


@handles("aten.flip.default", "prims.rev.default")
def flip(c, node, a):
    x = c.tensor(getattr(a, "self", None) or a.a)
    return c.make(node, "flip", x, [d % len(x.shape) for d in a.dims])


@handles("aten.cat.default")
def cat(c, node, a):
    rank = c.meta(node).ndim
    tensors = [t for t in a.tensors if c.meta(t).ndim == rank]  # a legacy: [0] joins with anything
    return c.make(node, "cat", [c.tensor(t) for t in tensors], a.dim % rank)


@handles("aten.repeat.default")
def repeat(c, node, a):
    x = c.tensor(a.self)
    shape = [core.integer(1)] * (len(a.repeats) - len(x.shape)) + list(x.shape)
    split = [s for pair in zip([core.integer(1)] * len(shape), shape, strict=True) for s in pair]
    times = [s for pair in zip(map(c.size, a.repeats), shape, strict=True) for s in pair]
    return c.make(node, "view", c.b.expand(c.b.view(x, split), times), c.shape(node))


# ---- new tensors


@handles(
    "aten.full.default",
    "aten.full_like.default",
    "aten.new_full.default",
    "aten.scalar_tensor.default",
    "aten.zeros.default",
    "aten.zeros_like.default",
    "aten.new_zeros.default",
    "aten.ones.default",
    "aten.ones_like.default",
    "aten.new_ones.default",
)
def full(c, node, a):
    value = getattr(a, "fill_value", getattr(a, "s", float("ones" in str(node.target))))
    scalar = core.cast(c.scalar(value), c.type(node))
    if c.meta(node).ndim == 0:
        return scalar
    return c.make(node, "full", c.shape(node), scalar, c.dtype(node))


@handles("prims.iota.default")
def iota(c, node, a):
    length = c.size(a.length)
    return c.make(node, "iota", length, c.size(a.start), c.size(a.step), c.dtype(node))


@handles("aten.arange.start_step", "aten.arange.start", "aten.arange.default")
def arange(c, node, a):
    if c.type(node) != "int":
        raise Unsupported("arange of floats")
    start, step = c.size(getattr(a, "start", 0)), c.size(getattr(a, "step", 1))
    return c.make(node, "iota", c.shape(node)[0], start, step, c.dtype(node))


# ---- loads at computed places


@handles("aten.index_select.default")
def index_select(c, node, a):
    x = c.tensor(a.self)
    return c.make(node, "index_select", x, a.dim % len(x.shape), c.tensor(a.index))


@handles("aten.gather.default")
def gather(c, node, a):
    x = c.tensor(a.self)
    return c.make(node, "gather", x, a.dim % len(x.shape), c.tensor(a.index))


@handles("aten.embedding.default")
def embedding(c, node, a):
    return c.make(node, "embedding", c.tensor(a.weight), c.tensor(a.indices))


@handles("aten.index.Tensor")
def index(c, node, a):
    x, places = c.tensor(a.self), []
    for place in a.indices:
        if place is not None and c.type(place) != "int":
            raise Unsupported("index by a mask: the size of the result depends on values")
        places.append(None if place is None else c.tensor(place))
    return c.make(node, "index", x, places)
