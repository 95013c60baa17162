"""Sizes of a graph (ints, SymInts, SymFloats) as scalar expressions of a program."""

import operator

import sympy
import torch
from torch.utils._sympy import functions as fn
from torch.utils._sympy.symbol import SymT, symbol_is_type

from torch_flashlight import _core as core


class Unsupported(Exception):
    """An op or a value that a program cannot hold; the text is the reason."""


INTEGER = {
    sympy.Add: "add",
    sympy.Mul: "mul",
    sympy.Max: "max",
    sympy.Min: "min",
    fn.Max: "max",
    fn.Min: "min",
    fn.FloorDiv: "floordiv",
    fn.CleanDiv: "floordiv",
    fn.Mod: "mod",
    fn.PythonMod: "mod",
}
FLOAT = {
    "FloatTrueDiv": "div",
    "IntTrueDiv": "div",
    "FloatPow": "pow",
    "OpaqueUnaryFn_sqrt": "sqrt",
    "OpaqueUnaryFn_exp": "exp",
    "OpaqueUnaryFn_log": "log",
    "OpaqueUnaryFn_log2": "log2",
}


def sizes_in(value):
    if isinstance(value, torch.Tensor):
        return [s for s in value.shape if isinstance(s, torch.SymInt)]
    return [value] if isinstance(value, torch.SymInt) else []


class Sizes:
    """Where a size is known to be divisible by another one (grouped heads), the quotient becomes a
    symbol and the size a product, so that every extent is a polynomial."""

    def __init__(self, graph, builder):
        self.graph = graph
        self.builder = builder
        self.env = None
        self.sources = {}  # name of a symbol -> node, or (node of a tensor, dimension)
        self.quotients = {}  # name of a symbol -> (dividend, divisor), sympy symbols
        self.replaced = {}
        self.declared = set()
        divisions = set()
        for node in graph.nodes:
            for size in sizes_in(node.meta.get("val")):
                self.env = self.env or size.node.shape_env
                divisions |= size.node.expr.atoms(fn.FloorDiv)
            if node.op == "placeholder":
                self._offer(node)
        for division in sorted(divisions, key=str):
            self._split(division, *division.args)

    def _offer(self, node):
        """Remembers where the value of a symbol can be read."""
        value = node.meta.get("val")
        if isinstance(value, torch.SymInt) and value.node.expr.is_Symbol:
            self.sources[value.node.expr.name] = node
        for dim, size in enumerate(value.shape if isinstance(value, torch.Tensor) else ()):
            if isinstance(size, torch.SymInt) and size.node.expr.is_Symbol:
                self.sources.setdefault(size.node.expr.name, (node, dim))

    def _split(self, division, a, b):
        if not (a.is_Symbol and b.is_Symbol) or a in self.replaced or self.hint(a) % self.hint(b):
            return
        # Becomes a guard unless it is one already: sizes that break it are traced anew.
        if not self.env.evaluate_expr(sympy.Eq(fn.Mod(a, b), 0)):
            return
        name = f"{a}_over_{b}"
        self.quotients[name] = (a, b)
        quotient = sympy.Symbol(name, integer=True, positive=True)
        self.replaced |= {division: quotient, a: b * quotient}

    def hint(self, expression) -> int:
        return int(expression.xreplace({s: self._hint(s) for s in expression.free_symbols}))

    def _hint(self, symbol):
        if symbol.name in self.quotients:
            a, b = self.quotients[symbol.name]
            return self._hint(a) // self._hint(b)
        known = getattr(self.env, "backed_var_to_val", None) or self.env.var_to_val
        if symbol not in known:
            raise Unsupported(f"size {symbol} is known at run time only")
        return known[symbol]

    def expr(self, size):
        """An expression of type int, or f64 for a float."""
        if isinstance(size, int):
            return core.integer(size)
        if isinstance(size, float):
            return core.number(size, "f64")
        expression, before = size.node.expr, None
        while expression != before:
            expression, before = expression.xreplace(self.replaced), expression
        return self._convert(sympy.expand(expression))

    def shape(self, tensor):
        return [self.expr(size) for size in tensor.shape]

    def _convert(self, e):
        if e.is_Symbol:
            return self._symbol(e)
        if e.is_Integer:
            return core.integer(int(e))
        if e.is_number:
            return core.number(float(e), "f64")
        if isinstance(e, fn.ToFloat):
            return core.cast(self._convert(e.args[0]), "f64")
        args = e.args
        if isinstance(e, sympy.Pow) and args[1].is_Integer and 0 < args[1] < 9:
            return self._fold("mul", [self._convert(args[0])] * int(args[1]))
        if type(e) in INTEGER:
            return self._fold(INTEGER[type(e)], [self._convert(a) for a in args])
        if type(e).__name__ in FLOAT:
            values = [core.cast(self._convert(a), "f64") for a in args]
            return core.apply(FLOAT[type(e).__name__], values)
        raise Unsupported(f"size {e}")

    def _fold(self, op, values):
        if any(v.type == "f64" for v in values):
            values = [core.cast(v, "f64") for v in values]
        total = values[0]
        for value in values[1:]:
            total = core.apply(op, [total, value])
        return total

    def _symbol(self, symbol):
        name = symbol.name
        if symbol_is_type(symbol, (SymT.UNBACKED_INT, SymT.UNBACKED_FLOAT)):
            raise Unsupported(f"size {name} is known at run time only")
        if name not in self.quotients and self.env.var_to_range[symbol].lower < 1:
            raise Unsupported(f"size {name} may be 0")
        if name not in self.declared:
            self.declared.add(name)
            self.builder.add_symbol(name, int(self._hint(symbol)))
        return core.symbol(name, "int")

    def node(self, name):
        """The node that holds the value of a symbol, after the insertion point if it is new."""
        if name in self.quotients:
            nodes = [self.node(symbol.name) for symbol in self.quotients[name]]
            made = self.graph.call_function(operator.floordiv, tuple(nodes))
            made.meta["val"] = nodes[0].meta["val"] // nodes[1].meta["val"]
            return made
        source = self.sources[name]
        if isinstance(source, tuple):
            made = self.graph.call_function(torch.ops.aten.sym_size.int, source)
            made.meta["val"] = source[0].meta["val"].shape[source[1]]
            return made
        return source
