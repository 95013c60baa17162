"""torch.compile(..., backend="flashlight"): an extension of Inductor by its public hooks."""

import functools
import hashlib
import operator
import warnings
from contextvars import ContextVar
from pathlib import Path

import torch
from torch._inductor import config, list_mode_options
from torch._inductor.compile_fx import compile_fx
from torch._inductor.custom_graph_pass import CustomGraphPass
from torch._inductor.pattern_matcher import stable_topological_sort

from torch_flashlight import _core as core
from torch_flashlight import ahead, kernel, products
from torch_flashlight.capture import Capture, Left, order_of
from torch_flashlight.evaluate import loads

# What passes found while explain() runs: a list of (kernels' texts and tuning, what was left).
record: ContextVar[list | None] = ContextVar("record", default=None)


def flashlight(gm, inputs, *, mode=None, options=None):
    """The backend. `mode` and `options` are Inductor's own; the host compiler obeys them, and so do
    we where `max_autotune` is set. `options` may name a mode too: {"mode": "max-autotune"}."""
    options = dict(options or {})
    mode = options.pop("mode", mode)
    patches = {**(list_mode_options(mode) if mode else {}), **options}
    theirs = patches.get("joint_custom_pre_pass", config.joint_custom_pre_pass)
    tune = bool(patches.get("max_autotune", config.max_autotune))
    patches["joint_custom_pre_pass"] = FusePass(theirs, tune)
    return compile_fx(gm, inputs, config_patches=patches)


@functools.cache
def version() -> bytes:
    """Changes with anything of this package: the host compiler's cache holds programs of ours."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.iterdir()):
        if path.suffix in (".py", ".so"):
            digest.update(path.read_bytes())
    return digest.digest()


class FusePass(CustomGraphPass):
    """Replaces each region of a graph that one kernel can compute by a call of the op `run`."""

    def __init__(self, then=None, tune=False):
        self.then = then
        self.tune = tune

    def __call__(self, graph):
        try:
            fuse(graph, self.tune)
        except Exception as error:
            warnings.warn(f"flashlight left a graph as it was: {error!r}", stacklevel=2)
        if self.then is not None:
            self.then(graph)

    def uuid(self):
        ours = version() + bytes([self.tune])
        if self.then is None:
            return ours
        theirs = self.then.uuid() if isinstance(self.then, CustomGraphPass) else None
        return None if theirs is None else (ours, theirs)


def fuse(graph, tune=False):
    capture = Capture(graph)
    if core.debug_wants("passes"):
        core.debug_print("passes", f"captured\n{capture.program}")
    nodes = {node.name: node for node in graph.nodes}
    left, texts = list(capture.left), []
    if any(name.startswith("tangents") for name in nodes):
        # What forward keeps for backward is the host compiler's to plan, for now.
        regions, stayed = (
            [],
            [("tangents", "a training graph: forward and backward stay as they are")],
        )
    else:
        # A kernel on a GPU has no memory for operands that all of its CTAs share.
        regions, stayed = core.discover(capture.program, packs=not on_gpu(nodes.values()))
    left += [Left(op_of(nodes, name), reason) for name, reason in stayed]
    for program in regions:
        program = at_nodes(program, nodes)
        reason = obstacle(program, nodes)
        if reason is None:
            texts.append((replace(graph, capture, program, nodes, tune), tune))
        else:
            left.append(Left(program.outputs[0].name, reason))
    if texts:
        products.unroll(graph)
        stable_topological_sort(graph)
        graph.eliminate_dead_code()
        graph.lint()
    if (told := record.get()) is not None:
        told.append((texts, left))


def on_gpu(nodes) -> bool:
    values = (node.meta.get("val") for node in nodes)
    return any(isinstance(v, torch.Tensor) and v.device.type == "cuda" for v in values)


def at_nodes(program, nodes):
    """An op that takes several computations (a linear layer with its bias) may be cut inside.
    Then the node's own result is the input."""
    inside = {i.name for i in program.inputs if i.name not in nodes}
    cuts = []
    for c in program.computations:
        if inside & loads(c.body):
            cuts.append(c.name) if c.name in nodes else inside.add(c.name)
    kept = [name for name in cuts if name not in {o.name for o in program.outputs}]
    return program.with_inputs(kept) if kept else program


def op_of(nodes, name):
    return str(nodes[name].target) if name in nodes else name


def obstacle(program, nodes) -> str | None:
    """Why the region cannot be one call in this graph."""
    names = [v.name for v in (*program.inputs, *program.outputs)]
    inside = [name for name in names if name not in nodes]
    if inside:
        return f"cut inside an op at {inside[0]}"
    if not program.inputs:
        return "has no inputs"
    devices = {nodes[name].meta["val"].device for name in names}
    if len(devices) > 1:
        return f"tensors on {' and '.join(sorted(map(str, devices)))}"
    outputs = {nodes[o.name] for o in program.outputs}
    seen, todo = set(), [nodes[i.name] for i in program.inputs]
    while todo:
        node = todo.pop()
        if node in outputs:
            return f"{node.name} is needed to compute an input"
        todo += [n for n in node.all_input_nodes if n not in seen]
        seen.update(node.all_input_nodes)
    return None


def replace(graph, capture, program, nodes, tune=False) -> str:
    program = program.with_orders([order_of(nodes[o.name].meta["val"]) for o in program.outputs])
    text = str(program)
    outputs = [nodes[o.name] for o in program.outputs]
    with graph.inserting_before(outputs[0]):
        inputs = [nodes[i.name] for i in program.inputs]
        inputs = [constant(graph, node) if node.op == "get_attr" else node for node in inputs]
        symbols = [capture.sizes.node(name) for name in program.symbols]
        call = graph.call_function(*kernel.target_of(inputs, symbols, text, len(outputs), tune))
        if not tune:
            symbols = [s if isinstance(s, int) else s.meta["val"] for s in symbols]
            ahead.build(text, [n.meta["val"] for n in inputs], symbols, capture.sizes)
        results = [call]
        if call.target is torch.ops.flashlight.run.default:
            call.meta["val"] = [node.meta["val"] for node in outputs]
            results = [
                graph.call_function(operator.getitem, (call, i)) for i in range(len(outputs))
            ]
        for node, result in zip(outputs, results, strict=True):
            result.meta.update(node.meta)
            node.replace_all_uses_with(result)
    return text


def constant(graph, node):
    """A tensor that is part of the graph, as the host compiler takes it: by this op alone."""
    made = graph.call_function(torch.ops.aten.lift_fresh_copy.default, (node,))
    made.meta.update(node.meta)
    return made
