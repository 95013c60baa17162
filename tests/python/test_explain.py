"""explain(): facts that a person or a test can rely on."""

import torch
import torch_flashlight
from torch_flashlight.explain import grouped

from examples.cases import CASES
from tests.support import process


def test_causal_attention():
    case = CASES["causal"]
    told = torch_flashlight.explain(case.fn, *case.make(H=2, S=1000, D=32))
    (kernel,) = told.kernels
    assert told.left == []
    assert {"bmm", "amax", "exp", "sum_1", "bmm_1"} <= set(kernel.ops)
    assert kernel.tiles.dead > 0 and kernel.tiles.partial > 0 and kernel.tiles.full > 0
    assert "moves" in kernel.update and "exp(" in kernel.update
    assert "@a" in kernel.merge and "@b" in kernel.merge
    assert kernel.saved_bytes == 2 * 1000 * 1000 * 4
    assert kernel.bytes == 4 * 2 * 1000 * 32 * 4
    assert 0 < kernel.flops < 4.5 * 2 * 1000 * 1000 * 32
    assert kernel.schedule and kernel.loops and "extern" in kernel.source
    text = str(told)
    assert kernel.name in text and "dead" in text and "nothing" in text


def test_tests_of_data_are_named_and_their_tiles_are_not_called_full():
    case = CASES["document"]
    (kernel,) = torch_flashlight.explain(case.fn, *case.make(H=2, S=300, D=16)).kernels
    assert kernel.tiles.full == 0 and kernel.tiles.partial > 0
    assert "asked first" in kernel.skips and kernel.skips in str(kernel)
    case = CASES["causal"]
    (kernel,) = torch_flashlight.explain(case.fn, *case.make(H=2, S=300, D=16)).kernels
    assert kernel.skips == "" and "skips" not in str(kernel)


def test_what_is_left_has_its_reason():
    def fn(x):
        return x.cumsum(-1) * 2

    told = torch_flashlight.explain(fn, torch.randn(4, 5))
    assert told.kernels == []
    assert [(left.op, left.reason) for left in told.left] == [("aten.cumsum.default", "unknown op")]
    assert "aten.cumsum.default: unknown op" in str(told)


def test_explains_what_is_already_compiled():
    case = CASES["full"]
    args = case.make(H=2, S=70, D=16)
    fn = torch.compile(case.fn, backend="flashlight")
    fn(*args)
    assert len(torch_flashlight.explain(fn, *args).kernels) == 1


def test_schedules_that_were_passed_over_for_one_reason_are_one_line():
    lines = [f"hopper, rows {rows}: several passes" for rows in (128, 64)]
    told = grouped([*lines, "hopper, rows 256: 8 bytes spilled", "simt, rows 64: several passes"])
    assert told == [
        "hopper, 2 schedules: several passes",
        "hopper, rows 256: 8 bytes spilled",
        "simt, rows 64: several passes",
    ]


ORDER = """
import hashlib, torch, torch_flashlight
from examples.cases import CASES
for name in NAMES:
    args = CASES[name].make(H=2, S=130, D=32)
    kernels = torch_flashlight.explain(CASES[name].fn, *args).kernels
    print(name, hashlib.sha256("".join(k.source for k in kernels).encode()).hexdigest())
    torch._dynamo.reset()
"""


def test_the_text_of_a_kernel_depends_on_its_program_alone():
    """Not on what the process made before, nor on where things lie in its memory."""
    names = ["alibi", "softcap", "relative_bias", "differential", "softmax_heads"]
    told = []
    for order in (names, names[::-1]):
        status, out, err = process.run(f"NAMES = {order!r}\n{ORDER}")
        assert status == 0, err
        told.append(sorted(line for line in out.splitlines() if line.split()[0] in names))
    assert told[0] == told[1] and len(told[0]) == len(names)
