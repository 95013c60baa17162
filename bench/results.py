"""CSV and plot of one run."""

import csv
import statistics
from pathlib import Path

from bench.compare import median
from bench.problems import Problem

FOLDER = Path(__file__).parent / "results"
COLUMNS = (
    "program",
    "sizes",
    "dtype",
    "system",
    "median_ms",
    "min_ms",
    "rounds",
    "error",
    "counts",
)


def rows(problems: list[Problem]):
    for problem in problems:
        sizes = " ".join(f"{key}{value}" for key, value in problem.sizes.items())
        dtype = str(problem.dtype).removeprefix("torch.")
        for system, times in problem.times.items():
            error, counts = problem.errors[system]
            figures = [f"{statistics.median(times):.4f}", f"{min(times):.4f}", len(times)]
            yield [problem.name, sizes, dtype, system, *figures, f"{error:.2e}", counts]


def write_csv(path: Path, problems: list[Problem], facts: dict[str, str]) -> None:
    """The facts stand in front as comment lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        file.writelines(f"# {key}: {value}\n" for key, value in facts.items())
        csv.writer(file).writerows([COLUMNS, *rows(problems)])


def write_plot(path: Path, problems: list[Problem], systems: list[str], facts: dict) -> None:
    """Bars: each system's time over ours (over eager's where ours is missing)."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(max(8, 0.9 * len(problems)), 5), layout="constrained")
    width = 0.8 / len(systems)
    for n, system in enumerate(systems):
        heights = []
        for problem in problems:
            base = median(problem, "flashlight") or median(problem, "eager")
            time = median(problem, system)
            heights.append(time / base if time and base else 0)
        ax.bar([x + n * width for x in range(len(problems))], heights, width, label=system)
    labels = [p.label.replace(" B1", "\nB1", 1) for p in problems]
    ax.set_xticks([x + 0.4 for x in range(len(problems))], labels, rotation=60, ha="right")
    ax.tick_params(axis="x", labelsize=7)
    ax.axhline(1, color="black", linewidth=0.8)
    ax.set_yscale("log")
    ax.set_ylabel("time / flashlight's time")
    ax.set_title("\n".join(facts[key] for key in ("machine", "versions", "date")), fontsize=8)
    ax.legend(fontsize=8)
    fig.savefig(path, dpi=130)
    plt.close(fig)
