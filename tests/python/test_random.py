"""Random PyTorch functions end as eager ends.

FLASHLIGHT_FUZZ_FIRST, FLASHLIGHT_FUZZ_COUNT: the seeds, 0 to 15 unless told otherwise."""

import os

import pytest
import torch
import torch_flashlight

from tests.support import backend, oracle
from tests.support.random_functions import random_function

FIRST = int(os.environ.get("FLASHLIGHT_FUZZ_FIRST", 0))
COUNT = int(os.environ.get("FLASHLIGHT_FUZZ_COUNT", 16))
LOOSE = 16  # ulps: functions of functions of scores magnify what a sum rounds


@pytest.mark.parametrize("seed", range(FIRST, FIRST + COUNT))
def test_random_function(seed):
    made = random_function(seed, torch.bfloat16 if seed % 4 == 3 else torch.float32)
    with torch.no_grad():
        eager = oracle.as_tuple(made.fn(*made.args))
        exact = oracle.as_tuple(oracle.oracle(made.fn, made.args))
        got = oracle.as_tuple(backend.compiled(made.fn, dynamic=(None, True)[seed % 2])(*made.args))
        for g, *wanted in zip(got, eager, exact, strict=True):
            assert any(torch.equal(g.isnan(), w.isnan()) for w in wanted), made.source
        try:
            oracle.check(got, made.fn, made.args, length=made.length, ulps=LOOSE)
        except AssertionError as error:
            raise AssertionError(made.source) from error


def test_most_of_them_are_ours():
    before = torch_flashlight.stats()["calls"]
    for seed in range(8):
        made = random_function(seed)
        with torch.no_grad():
            backend.compiled(made.fn)(*made.args)
    assert torch_flashlight.stats()["calls"] >= before + 6
