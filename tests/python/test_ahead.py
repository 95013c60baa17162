"""Kernels that are built while the host compiler works."""

import json
import os
import time

import pytest
import torch
from torch_flashlight import ahead

from tests.support import process

# For each program: files of our disk cache before and after its first launch.
FIRST = """
import json, os, pathlib, torch
import torch_flashlight
from torch_flashlight import ahead, kernel
from examples.cases import CASES

seen = []
launch = kernel.Kernel.launch
def files():
    return len(list(pathlib.Path(os.environ["FLASHLIGHT_CACHE_DIR"]).rglob("*.so")))
def watched(self, *args):
    ahead.wait()
    before = files()
    launch(self, *args)
    seen.append([before, files()])
kernel.Kernel.launch = watched
with torch.no_grad():
    for name, dynamic in json.loads(os.environ["PROGRAMS"]):
        args = CASES[name].make(H=4, S=64, D=16)
        torch.compile(CASES[name].fn, backend="flashlight", dynamic=dynamic)(*args)
print(json.dumps([seen, torch_flashlight.stats()]))
"""
PROGRAMS = [
    *(("causal", False), ("causal", True), ("gqa_expand", False), ("evoformer", False)),
    *(("document", True), ("invariant_point", False), ("softmax_heads", False)),
]


def test_the_first_call_finds_its_kernel_built(tmp_path):
    caches = {
        "FLASHLIGHT_CACHE_DIR": str(tmp_path / "f"),
        "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "i"),
    }
    status, out, err = process.run(FIRST, PROGRAMS=json.dumps(PROGRAMS), **caches)
    assert status == 0, err
    seen, stats = json.loads(out.splitlines()[-1])
    assert len(seen) >= len(PROGRAMS)
    assert all(before == after > 0 for before, after in seen), seen
    assert stats["kernels_compiled"] == seen[-1][1], "each is counted once"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_waits_for_what_is_being_built():
    future = ahead._builder.submit(time.sleep, 0.2)
    ahead._pending.add(future)
    future.add_done_callback(ahead._pending.discard)
    child = os.fork()
    if child == 0:
        os._exit(0 if future.done() else 1)
    assert os.waitpid(child, 0)[1] == 0


TEXT = """symbol n = 7
input a : f32[n, 8]
compute b[i:n] : f32 = sum[j:8] a[i,j]
output b
"""


@pytest.mark.parametrize("text, count, made", [("no program", 1, 0), (TEXT, 2, 0), (TEXT, 1, 1)])
def test_what_cannot_be_built_is_left_to_the_call(
    text, count, made, tmp_path, monkeypatch, recwarn
):
    """No program, too many tensors, and one that can: nothing is said, and the builder goes on."""
    monkeypatch.setenv("FLASHLIGHT_CACHE_DIR", str(tmp_path))
    ahead.build(text, count * [torch.zeros(7, 8)], [7], None)
    ahead.wait()
    assert len(list(tmp_path.rglob("*.so"))) == made
    assert not recwarn.list
