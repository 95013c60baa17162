"""Plain eager PyTorch."""

NAME = "eager"


def prepare(problem):
    return lambda: problem.case.fn(*problem.args)
