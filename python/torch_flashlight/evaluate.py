"""A program by torch ops: slow, but right wherever torch runs. Used where no kernel can be made."""

import math

import torch

DTYPES = {
    "bool": torch.bool,
    "u8": torch.uint8,
    "i8": torch.int8,
    "i16": torch.int16,
    "i32": torch.int32,
    "i64": torch.int64,
    "f16": torch.float16,
    "bf16": torch.bfloat16,
    "f32": torch.float32,
    "f64": torch.float64,
}
COMPUTE = {"bool": torch.bool, "int": torch.int64, "f32": torch.float32, "f64": torch.float64}
OPS = {
    "floordiv": lambda a, b: torch.div(a, b, rounding_mode="floor"),
    "mod": torch.remainder,
    "max": torch.maximum,
    "min": torch.minimum,
    "and": torch.logical_and,
    "or": torch.logical_or,
    "xor": torch.logical_xor,
    "not": torch.logical_not,
}
REDUCE = {
    "sum": lambda x, dims: x.sum(dims, dtype=x.dtype),
    "max": torch.amax,
    "min": torch.amin,
    "any": torch.any,
    "all": torch.all,
}
IDENTITY = {"sum": 0, "prod": 1, "max": -math.inf, "min": math.inf, "any": False, "all": True}


def evaluate(program, inputs, symbols):
    values = {i.name: x for i, x in zip(program.inputs, inputs, strict=True)}
    sizes = dict(zip(program.symbols, symbols, strict=True))
    wanted = {o.name for o in program.outputs}
    for c in reversed(program.computations):
        if c.name in wanted:
            wanted |= loads(c.body)
    for c in program.computations:
        if c.name in wanted:
            values[c.name] = _Computation(c, values, sizes, inputs[0].device).value()
    return [values[o.name] for o in program.outputs]


def loads(e, seen=None):
    seen = set() if seen is None else seen
    if e in seen:
        return set()
    seen.add(e)
    own = {e.name} if e.op == "load" else set()
    return own.union(*(loads(a, seen) for a in e.args))


class _Computation:
    """Every scalar expression is a tensor that broadcasts over all axes, reduced ones last."""

    def __init__(self, computation, values, sizes, device):
        self.c, self.values, self.sizes, self.device = computation, values, sizes, device
        self.axes = [*computation.axes, *computation.reduce_axes]
        self.place = {axis.name: d for d, axis in enumerate(self.axes)}
        self.memo = {}
        self.extents = [int(self.eval(a.args[0])) for a in self.axes]

    def value(self):
        c, rank = self.c, len(self.c.axes)
        dtype = DTYPES[c.dtype]
        if 0 in self.extents:
            fill = IDENTITY.get(c.op, 0)
            return torch.full(self.extents[:rank], fill, dtype=dtype, device=self.device)
        if (product := self._contraction()) is not None:
            return product.to(dtype)
        x = self.eval(c.body)
        if not c.reduce_axes:
            return x.expand(self.extents).to(dtype)
        x = x.expand([*x.shape[:rank], *self.extents[rank:]] if x.ndim else self.extents)
        if c.op == "prod":
            for d in reversed(range(rank, len(self.extents))):
                x = x.prod(d)
        else:
            x = REDUCE[c.op](x, tuple(range(rank, len(self.extents))))
        return x.expand(self.extents[:rank]).to(dtype)

    def _contraction(self):
        """Sum of a product of two plain loads: never with all axes at once."""
        body = self.c.body
        if self.c.op != "sum" or body.op != "mul" or body.type not in ("f32", "f64"):
            return None
        operands = []
        for arg in body.args:
            load = arg.args[0] if arg.op == "cast" else arg
            names = [i.name for i in load.args if i.op == "axis"] if load.op == "load" else []
            if len(names) != len(load.args) or len(set(names)) != len(names) or not names:
                return None
            places = [self.place[n] for n in names]
            x = self.values[load.name]
            if [self.extents[p] for p in places] != list(x.shape):
                return None
            operands += [x.to(COMPUTE[body.type]), places]
        if len(set(operands[1]) | set(operands[3])) < len(self.axes):
            return None
        return torch.einsum(*operands, list(range(len(self.c.axes))))

    def eval(self, e):
        if e not in self.memo:
            self.memo[e] = self._eval(e)
        return self.memo[e]

    def _eval(self, e):
        if e.op == "const":
            return self._number(e.value, COMPUTE[e.type])
        if e.op == "symbol":
            return self._number(self.sizes[e.name], torch.int64)
        if e.op == "axis":
            d = self.place[e.name]
            shape = [1] * len(self.axes)
            shape[d] = -1
            return torch.arange(self.extents[d], device=self.device).view(shape)
        if e.op == "load":
            return self._load(e)
        args = [self.eval(a) for a in e.args]
        if e.op == "where":
            return torch.where(*args)
        if e.op == "cast":
            return args[0].to(COMPUTE[e.type])
        return OPS.get(e.op, getattr(torch, e.op, None))(*args)

    def _number(self, value, dtype):
        # Not torch.tensor: its copy from the CPU may not stand in a captured CUDA graph.
        return torch.full((), value, dtype=dtype, device=self.device)

    def _load(self, e):
        x = self.values[e.name]
        places = [self.place[i.name] if i.op == "axis" else -1 for i in e.args]
        plain = -1 not in places and len(set(places)) == len(places)
        if not plain or any(self.extents[p] > n for p, n in zip(places, x.shape, strict=True)):
            # A where evaluates the branch taken alone; here both are: places may be out of range.
            index = [self.eval(i).clamp(0, n - 1) for i, n in zip(e.args, x.shape, strict=True)]
            x = x[tuple(index)] if 0 not in x.shape else x.new_zeros(())
        else:
            order = sorted(range(x.ndim), key=lambda d: places[d])
            shape = [1] * len(self.axes)
            for d in order:
                shape[places[d]] = self.extents[places[d]]
                x = x.narrow(d, 0, shape[places[d]])
            x = x.permute(order).reshape(shape)
        return x.to(COMPUTE[e.type])
