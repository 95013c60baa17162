"""Matrix products that stay with the host compiler although they are none: points times frames."""

import torch
from torch._inductor import config

aten, prims = torch.ops.aten, torch.ops.prims


def unroll(graph, device="cuda") -> int:
    """Products over so few elements that the host compiler unrolls their sum become such sums.

    They only read and write memory, for which a library wants a launch for each, and copies of
    operands that do not lie as it needs them. As sums they are fused, with all that is around them.
    Accumulates in float32, as the library does. Returns how many there were."""
    count = 0
    for node in list(graph.nodes):
        if node.target in (aten.mm.default, aten.bmm.default) and is_short(node, device):
            replace(graph, node)
            count += 1
    return count


def is_short(node, device) -> bool:
    out, a = node.meta["val"], node.args[0].meta["val"]
    k = a.shape[-1]
    return (
        out.device.type == device
        and out.dtype in (torch.float32, torch.bfloat16, torch.float16)
        and isinstance(k, int)
        and 0 < k < config.unroll_reductions_threshold
    )


def replace(graph, node):
    out = node.meta["val"]

    def add(target, *args):
        made = graph.call_function(target, args)
        with out.fake_mode:
            values = [x.meta["val"] if isinstance(x, torch.fx.Node) else x for x in args]
            made.meta["val"] = target(*values)
        return made

    with graph.inserting_before(node):
        a, b = node.args
        if out.dtype != torch.float32:
            a, b = (add(prims.convert_element_type.default, x, torch.float32) for x in (a, b))
        terms = add(aten.mul.Tensor, add(aten.unsqueeze.default, a, -1), add(
            aten.unsqueeze.default, b, -3))  # fmt: skip
        made = add(aten.sum.dim_IntList, terms, [-2])
        if out.dtype != torch.float32:
            made = add(prims.convert_element_type.default, made, out.dtype)
    node.replace_all_uses_with(made)
    graph.erase_node(node)
