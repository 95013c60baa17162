"""Peak memory of one call at a length whose scores would take 8 GiB: outputs + 64 MiB at most."""

import json
import sys

import pytest

from tests.support import backend, process

MIB = 2**20
CALL = """
import json, torch
from examples.cases import CASES
from tests.support.backend import compiled
from tests.support.memory import peak_extra

case = CASES[{name!r}]
fn = compiled(case.fn, dynamic=True)
with torch.no_grad():
    fn(*case.make(H=8, S=512, D=64))  # compiles
    args = case.make(H=8, S={S}, D=64)
    result, extra = peak_extra(lambda: fn(*args))
result = result if isinstance(result, tuple) else (result,)
print(json.dumps({{"extra": extra, "outputs": sum(x.nbytes for x in result)}}))
"""


def measure(name: str, S: int) -> tuple[int, int]:
    status, out, err = process.run(CALL.format(name=name, S=S))
    assert status == 0, err
    found = json.loads(out.splitlines()[-1])
    return found["extra"], found["outputs"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.skipif(not backend.IS_OURS, reason="other backends store the scores")
@pytest.mark.parametrize("name", ["full", "causal_alibi", "log_sum_exp"])
def test_no_scores_in_memory(name):
    extra, outputs = measure(name, S=16384)
    assert extra <= outputs + 64 * MIB, f"{extra / MIB:.0f} MiB, outputs {outputs / MIB:.0f} MiB"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_measure_sees_stored_scores():
    """The same measure on eager PyTorch, shorter: 8 x 2048 x 2048 floats are 128 MiB."""
    code = CALL.replace("compiled(case.fn, dynamic=True)", "case.fn")
    status, out, err = process.run(code.format(name="full", S=2048))
    assert status == 0, err
    assert json.loads(out.splitlines()[-1])["extra"] >= 128 * MIB
