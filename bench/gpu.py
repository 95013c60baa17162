"""Times every system on an NVIDIA GPU: python -m bench.gpu [--parts dense variants ...]

Systems take turns (these cards are limited by power, so a run's later minutes are slower); a result
counts only if it agrees with fp64. The table is written to $OUT, else to bench/results. Rows run in
a process of their own, which is ended when one takes too long; the others go on in a new one.
"""

import argparse
import csv
import datetime
import json
import os
import selectors
import subprocess
import sys
import time
from pathlib import Path

import torch

from bench import gpu_worker, machine, results
from bench.gpu_calls import CALLS
from bench.gpu_problems import OWN_CASES, PARTS, problems
from examples.cases import CASES

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
COLUMNS = [
    *("program", "sizes", "dtype", "system", "median_ms", "tflops"),
    *("sustained_tflops", "sustained_mhz", "first_call_s", "error", "counts"),
]


def options(words=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = [*PARTS, "calls"]
    parser.add_argument("--parts", nargs="*", choices=parts, default=parts, help="of the table")
    parser.add_argument("--quick", action="store_true", help="dense problems of length 4096 only")
    names = {**CASES, **OWN_CASES}
    parser.add_argument("--only", nargs="*", choices=names, help="programs to measure; default all")
    parser.add_argument("--dtype", choices=DTYPES, default="bf16")
    names = [s.NAME for s in gpu_worker.SYSTEMS]
    parser.add_argument("--systems", nargs="*", choices=names, help="to measure; default all")
    parser.add_argument("--seconds", type=float, default=540, help="start no row after this")
    parser.add_argument("--row-seconds", type=float, default=75, help="end a row after this")
    parser.add_argument("--explain", action="store_true", help="print what each kernel takes")
    parser.add_argument("--rows", help=argparse.SUPPRESS)  # this process is the one that measures
    return parser.parse_args(words)


def facts() -> dict[str, str]:
    card = torch.cuda.get_device_properties(0)
    return {
        "machine": f"{card.name}, {card.multi_processor_count} SMs, {card.total_memory >> 30} GiB",
        "versions": f"torch {torch.__version__}, cuDNN {torch.backends.cudnn.version()}",
        "commit": machine.commit(),
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "command": "python -m bench.gpu " + " ".join(sys.argv[1:]),
    }


def rows_of(asked) -> list:
    parts = [p for p in asked.parts if p in PARTS]
    found = problems(parts, DTYPES[asked.dtype], asked.only or [], asked.quick)
    alone = asked.quick or asked.only
    return [*found, *(CALLS if "calls" in asked.parts and not alone else ())]


def name_of(row) -> str:
    return getattr(row, "label", None) or row.__name__


class Worker:
    """The process that measures; None where it has said all, or nothing for too long."""

    def __init__(self, command: list[str]):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self.ready = selectors.DefaultSelector()
        self.ready.register(self.process.stdout, selectors.EVENT_READ)
        self.rest = b""

    def next(self, seconds: float) -> dict | None:
        until = time.monotonic() + seconds
        while b"\n" not in self.rest:
            if not self.ready.select(max(0.0, until - time.monotonic())):
                return None
            got = os.read(self.process.stdout.fileno(), 1 << 16)
            if not got:
                return None
            self.rest += got
        line, self.rest = self.rest.split(b"\n", 1)
        try:
            return json.loads(line)
        except ValueError:
            return self.next(until - time.monotonic())  # somebody else's print

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


def command_of(todo: list[int]) -> list[str]:
    rows = ["--rows", ",".join(map(str, todo))]
    return [sys.executable, "-m", "bench.gpu", *sys.argv[1:], *rows]


def measured(asked, rows: list, command_of=command_of):
    """What became of each row, in order."""
    begin, todo = time.monotonic(), list(range(len(rows)))
    while todo:
        worker = Worker(command_of(todo))
        while todo:
            left = asked.seconds - (time.monotonic() - begin)
            told = worker.next(min(asked.row_seconds, left + 5)) if left > 0 else None
            if told is None:
                break
            if "row" in told:
                todo.remove(told["row"])
                yield told
        worker.end()
        if todo:
            out_of_time = time.monotonic() - begin >= asked.seconds
            why = "no time left" if out_of_time else "HUNG or crashed: its process was ended"
            for index in todo if out_of_time else todo[:1]:
                yield {"label": name_of(rows[index]), "cells": {}, "table": [], "lines": [why]}
            todo = [] if out_of_time else todo[1:]


def describe(row: dict, names: list[str]) -> str:
    """TFLOP/s (ms where nobody counts alike); ! is a wrong result."""
    line = f"{row['label']:<44}" + "".join(f"{row['cells'].get(n, '-'):>15}" for n in names)
    return "\n    ".join([line, *row["lines"]])


def main():
    asked = options()
    chosen = [s for s in gpu_worker.SYSTEMS if not asked.systems or s.NAME in asked.systems]
    rows = rows_of(asked)
    if asked.rows:
        todo = [int(index) for index in asked.rows.split(",")]
        return gpu_worker.main(rows, todo, chosen, asked.explain)
    told, names = facts(), [s.NAME for s in chosen]
    print("\n".join(f"{key}: {value}" for key, value in told.items()))
    print(f"\n{'TFLOP/s':<44}" + "".join(f"{name:>15}" for name in names))
    folder = Path(os.environ.get("OUT") or results.FOLDER)
    stem = f"gpu-{told['date'][:16].replace(':', '')}-{asked.dtype}-{'-'.join(asked.parts)}"
    path = folder / f"{stem}.csv"
    folder.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        file.writelines(f"# {key}: {value}\n" for key, value in told.items())
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for row in measured(asked, rows):
            table.writerows(row["table"])
            file.writelines(f"# {row['label']}: {line}\n" for line in row["lines"])
            file.flush()  # kept if the run is cut short
            print(describe(row, names), flush=True)
    print(f"\nwritten: {path}")


if __name__ == "__main__":
    main()
