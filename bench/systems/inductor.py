"""torch.compile as it comes."""

import torch

NAME = "torch.compile"


def prepare(problem):
    fn = torch.compile(problem.case.fn)
    return lambda: fn(*problem.args)
