"""Elementwise ops: what each means for one element, and in which type it computes."""

import torch

from torch_flashlight import _core as core
from torch_flashlight.sizes import Unsupported

HANDLERS = {}
DTYPES = {
    torch.bool: "bool",
    torch.uint8: "u8",
    torch.int8: "i8",
    torch.int16: "i16",
    torch.int32: "i32",
    torch.int64: "i64",
    torch.float16: "f16",
    torch.bfloat16: "bf16",
    torch.float32: "f32",
    torch.float64: "f64",
}
TYPES = dict.fromkeys(("u8", "i8", "i16", "i32", "i64"), "int")
TYPES |= {"bool": "bool", "f16": "f32", "bf16": "f32", "f32": "f32", "f64": "f64"}


def handles(*names):
    def add(handler):
        HANDLERS.update(dict.fromkeys(names, handler))
        return handler

    return add


def dtype_text(dtype) -> str:
    if dtype not in DTYPES:
        raise Unsupported(f"dtype {dtype}")
    return DTYPES[dtype]


def apply(op, *args):
    return core.apply(op, list(args))


def const(value, like):
    return core.cast(core.number(float(value), "f64"), like.type)


def compute(c, tensors, body, dtype, node=None):
    """body over the tensors' elements, each as the type that `dtype` computes in."""
    args = [core.symbol(f"arg{i}", t.type) for i, t in enumerate(tensors)]
    value = body(*(core.cast(a, TYPES[dtype]) for a in args))
    return c.make(node, "pointwise", tensors, value, dtype)


def emit(c, node, operands, types, body):
    """body over operands (nodes and numbers) as `types`; what needs no tensor stays a scalar."""
    tensors, values = [], []
    for operand, type in zip(operands, types, strict=True):
        value = c.scalar(operand)
        if value is None:
            tensors.append(c.tensor(operand))
            value = core.symbol(f"arg{len(tensors) - 1}", tensors[-1].type)
        values.append(core.cast(value, type))
    result = core.cast(body(*values), c.type(node))
    if tensors:
        return c.make(node, "pointwise", tensors, result, c.dtype(node))
    if c.meta(node).ndim == 0:
        return result
    return c.make(node, "full", c.shape(node), result, c.dtype(node))


def elementwise(name, operands, body, kinds=("Tensor", "Scalar")):
    """The operands (names in the schema) compute in the type of the result."""

    def handler(c, node, a):
        values = [getattr(a, name) for name in operands]
        return emit(c, node, values, [c.type(node)] * len(values), body)

    for kind in kinds:
        HANDLERS[f"aten.{name}.{kind}"] = handler


def on_bool(op, logic):
    """Ops that have a meaning of their own on bools."""

    def body(*args):
        if args[0].type != "bool":
            return apply(op, *args)
        if logic is None:
            raise Unsupported(f"{op} of bools")
        return apply(logic, *args)

    return body


def rounding(op):
    return lambda x: x if x.type == "int" else apply(op, x)


def floor_of(a, b):
    return apply("floor", apply("div", a, b))


def trunc_div(a, b):
    if a.type != "int":
        return apply("trunc", apply("div", a, b))
    size = apply("floordiv", apply("abs", a), apply("abs", b))
    same = apply("eq", apply("lt", a, const(0, a)), apply("lt", b, const(0, b)))
    return core.where(same, size, apply("neg", size))


def whole(op):
    """PyTorch's floor division and remainder of floats round in a way of their own."""

    def body(a, b):
        if a.type != "int":
            raise Unsupported(f"{op} of floats")
        return apply(op, a, b)

    return body


def _unary_table():
    plain = "neg abs exp exp2 expm1 log log2 log1p sqrt rsqrt reciprocal sin cos tanh sigmoid erf"
    for op in plain.split():
        elementwise(op, ["self"], lambda x, op=op: apply(op, x), ["default"])
    for op in ("floor", "ceil", "round", "trunc"):
        elementwise(op, ["self"], rounding(op), ["default"])
    bodies = {
        "sign": lambda x: apply("sign", x),
        "sgn": lambda x: apply("sign", x),
        "square": lambda x: apply("mul", x, x),
        "relu": lambda x: apply("max", x, const(0, x)),
        "silu": lambda x: apply("mul", x, apply("sigmoid", x)),
        "log_sigmoid": lambda x: apply("neg", apply("log1p", apply("exp", apply("neg", x)))),
    }
    for name, body in bodies.items():
        elementwise(name, ["self"], body, ["default"])


def _binary_table():
    kinds = ("Tensor", "Scalar", "default")
    pair = ["self", "other"]
    elementwise("mul", pair, on_bool("mul", "and"))
    elementwise("div", pair, lambda a, b: apply("div", a, b))
    elementwise("maximum", pair, on_bool("max", "or"), kinds)
    elementwise("minimum", pair, on_bool("min", "and"), kinds)
    elementwise("floor_divide", pair, whole("floordiv"), kinds)
    elementwise("remainder", pair, whole("mod"), kinds)
    elementwise(
        "clamp_min", ["self", "min"], lambda a, b: apply("max", a, b), ("Tensor", "default")
    )
    elementwise(
        "clamp_max", ["self", "max"], lambda a, b: apply("min", a, b), ("Tensor", "default")
    )
    scaled = {
        "add": lambda a, b, s: on_bool("add", "or")(a, _times(b, s)),
        "sub": lambda a, b, s: on_bool("sub", None)(a, _times(b, s)),
        "rsub": lambda a, b, s: on_bool("sub", None)(b, _times(a, s)),
    }
    for name, body in scaled.items():
        elementwise(name, [*pair, "alpha"], body)
    elementwise(
        "addcmul",
        ["self", "tensor1", "tensor2", "value"],
        lambda a, b, c, s: apply("add", a, apply("mul", s, apply("mul", b, c))),
        ["default"],
    )
    elementwise(
        "addcdiv",
        ["self", "tensor1", "tensor2", "value"],
        lambda a, b, c, s: apply("add", a, apply("mul", s, apply("div", b, c))),
        ["default"],
    )
    elementwise(
        "lerp",
        ["self", "end", "weight"],
        lambda a, b, w: apply("add", a, apply("mul", w, apply("sub", b, a))),
    )


def _times(x, scale):
    return x if x.type == "bool" or scale.value == 1 else apply("mul", x, scale)


def _compare_table():
    for op in ("eq", "ne", "lt", "le", "gt", "ge"):

        def handler(c, node, a, op=op):
            values = [a.self, a.other]
            plain = [c.meta(v) if isinstance(v, torch.fx.Node) else v for v in values]
            type = TYPES[dtype_text(torch.result_type(*plain))]
            type = "int" if type == "bool" else type
            return emit(c, node, values, [type] * 2, lambda x, y: apply(op, x, y))

        handles(f"aten.{op}.Tensor", f"aten.{op}.Scalar")(handler)
    for op in ("and", "or", "xor", "not"):

        def handler(c, node, a, op=op):
            values = [a.self] if op == "not" else [a.self, a.other]
            if c.type(node) != "bool":
                raise Unsupported("bits of ints")
            return emit(c, node, values, ["bool"] * len(values), lambda *x: apply(op, *x))

        bits = (f"aten.bitwise_{op}.{kind}" for kind in ("Tensor", "Scalar", "default"))
        handles(f"aten.logical_{op}.default", *bits)(handler)
    for op in ("isnan", "isinf"):

        def handler(c, node, a, op=op):
            return emit(c, node, [a.self], [c.type(a.self)], lambda x: apply(op, x))

        HANDLERS[f"aten.{op}.default"] = handler


_unary_table()
_binary_table()
_compare_table()


@handles("aten.div.Tensor_mode", "aten.div.Scalar_mode")
def div_mode(c, node, a):
    body = {"floor": whole("floordiv"), "trunc": trunc_div, None: lambda x, y: apply("div", x, y)}
    if c.scalar(a.self) is not None and c.scalar(a.other) is not None:  # whole numbers: sizes
        exact = body["floor"]
        body["floor"] = lambda x, y: exact(x, y) if x.type == "int" else floor_of(x, y)
    return emit(c, node, [a.self, a.other], [c.type(node)] * 2, body[a.rounding_mode])


@handles("prims.fma.default")
def fma(c, node, a):
    body = lambda x, y, z: apply("add", apply("mul", x, y), z)  # noqa: E731
    return emit(c, node, [a.a, a.b, a.c], [c.type(node)] * 3, body)


@handles("aten.clamp.default", "aten.clamp.Tensor")
def clamp(c, node, a):
    bounds = [(op, v) for op, v in (("max", a.min), ("min", a.max)) if v is not None]

    def body(x, *limits):
        for (op, _), limit in zip(bounds, limits, strict=True):
            x = apply(op, x, limit)
        return x

    values = [a.self, *(v for _, v in bounds)]
    return emit(c, node, values, [c.type(node)] * len(values), body)


@handles("aten.pow.Tensor_Scalar", "aten.pow.Tensor_Tensor", "aten.pow.Scalar")
def power(c, node, a):
    def body(x, e):
        if isinstance(a.exponent, int | float) and a.exponent in POWERS:
            return POWERS[a.exponent](x)
        if x.type == "int":
            raise Unsupported("power of ints")
        return apply("pow", x, e)

    return emit(c, node, [a.self, a.exponent], [c.type(node)] * 2, body)


POWERS = {
    0.5: lambda x: apply("sqrt", x),
    1: lambda x: x,
    2: lambda x: apply("mul", x, x),
    3: lambda x: apply("mul", apply("mul", x, x), x),
    -0.5: lambda x: apply("rsqrt", x),
    -1: lambda x: apply("reciprocal", x),
}


@handles("aten.where.self", "aten.where.ScalarSelf", "aten.where.ScalarOther", "aten.where.Scalar")
def where(c, node, a):
    return emit(c, node, [a.condition, a.self, a.other], ["bool", *[c.type(node)] * 2], core.where)


@handles("aten.masked_fill.Scalar", "aten.masked_fill.Tensor")
def masked_fill(c, node, a):
    return emit(c, node, [a.mask, a.value, a.self], ["bool", *[c.type(node)] * 2], core.where)


@handles("prims.convert_element_type.default")
def convert(c, node, a):
    return same(c, node, a.a)


@handles(
    "aten._to_copy.default",
    "aten.alias.default",
    "aten.clone.default",
    "aten.contiguous.default",
    "aten.detach.default",
    "aten.lift_fresh_copy.default",
    "aten.lift_fresh.default",
)
def copy(c, node, a):
    return same(c, node, a.self)


def same(c, node, source):
    """The same values, perhaps in another dtype."""
    if c.dtype(node) in ("u8", "i8", "i16") and c.dtype(source) != c.dtype(node):
        raise Unsupported(f"cast to {c.dtype(node)}")  # its wrap-around is no op of a program
    # An int of a float takes its way through the float's own type.
    return emit(c, node, [source], [c.type(source)], lambda x: x)
