"""One file a system. Each has NAME and `prepare(problem) -> callable or None`: a call without
arguments that returns the outputs, or None where the system cannot express the program."""

from bench.systems import eager, flex, inductor, ours, prototype, sdpa

ALL = (eager, inductor, sdpa, flex, prototype, ours)
