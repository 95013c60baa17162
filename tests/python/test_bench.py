"""The benchmark of GPU kernels, as far as a machine without a GPU can tell."""

import sys
from types import SimpleNamespace

import torch

from bench import gpu, gpu_bars
from bench.gpu_problems import PARTS, GpuProblem, problems

MEASURES = """
import json, sys, time
for row in map(int, sys.argv[1].split(",")):
    print("a line of somebody else", flush=True)
    if row == 1:
        time.sleep(60)
    if row == 2:
        sys.exit(1)
    done = {"row": row, "label": str(row), "cells": {}, "table": [], "lines": []}
    print(json.dumps(done), flush=True)
"""


def named(name):
    def row():
        return []

    row.__name__ = name
    return row


def command_of(todo):
    return [sys.executable, "-c", MEASURES, ",".join(map(str, todo))]


def test_a_row_that_hangs_or_crashes_does_not_stop_the_others():
    asked = SimpleNamespace(seconds=60, row_seconds=2)
    told = list(gpu.measured(asked, [named(f"row {i}") for i in range(5)], command_of))
    assert [t["label"] for t in told] == ["0", "row 1", "row 2", "3", "4"]
    assert all("ended" in t["lines"][0] for t in told[1:3])


def test_the_whole_run_ends_in_time():
    asked = SimpleNamespace(seconds=1, row_seconds=30)
    told = list(gpu.measured(asked, [named("a"), named("b"), named("c")], command_of))
    assert [t["lines"] for t in told] == [[], ["no time left"], ["no time left"]]


def test_each_cell_is_measured_once_and_knows_its_bars():
    found = problems(PARTS, torch.bfloat16, [])
    assert len({p.label for p in found}) == len(found)
    dense = [p for p in found if gpu_bars.printed(p)]
    assert len(dense) == 12
    slow = {"flashlight": 100.0, "cuDNN": 1.0, "FlexAttention": 1.0}
    verdicts = [v for p in dense for v in gpu_bars.bars(p, slow)]
    assert len(verdicts) == 48 and not any(passed for *_, passed in verdicts)


def test_the_compared_part_of_grouped_heads_is_one_head_of_each():
    sizes = {"B": 2, "H": 8, "Hk": 2, "S": 4096, "D": 16}
    problem = GpuProblem("gqa_repeat", sizes, torch.float32)
    problem.__dict__["args"] = tuple(torch.empty(2, h, 4096, 16) for h in (8, 2, 2))
    assert [x.shape for x in problem.checked_args()] == [(1, 1, 4096, 16)] * 3
