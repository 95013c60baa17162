"""A table of measurements, for the terminal and as a PNG."""

from pathlib import Path

GROUPS = ("error against fp64", "time, ms", "peak extra memory, MiB", "first call, s")
FORMATS = ("{:.0e}", "{:.1f}", "{:.0f}", "{:.1f}")
WRONG = 1e-2  # an error beyond this is no rounding: what the system took for it does not count


def cells(row, systems: list[str]) -> list[str]:
    """One row's text: the four figures of each system, grouped by figure."""
    found = [row.name]
    for n, form in enumerate(FORMATS):
        for system in systems:
            figures = row.figures.get(system)
            wrong = figures and n == 0 and figures[0] > WRONG
            found.append("WRONG" if wrong else form.format(figures[n]) if figures else "-")
    return found


def text(rows, systems: list[str]) -> str:
    header = ["", *systems * len(GROUPS)]
    lines = [header, *[cells(row, systems) for row in rows]]
    widths = [max(len(line[n]) for line in lines) for n in range(len(header))]
    span = len(systems)
    groups = " " * widths[0]
    for n, name in enumerate(GROUPS):
        width = sum(widths[1 + n * span : 1 + (n + 1) * span]) + 2 * span
        groups += f" |{name:^{width - 1}}"
    body = []
    for line in lines:
        parts = [f"{line[0]:<{widths[0]}}"]
        for n in range(1, len(header)):
            bar = " | " if (n - 1) % span == 0 else "  "
            parts.append(bar + f"{line[n]:>{widths[n]}}")
        body.append("".join(parts))
    return "\n".join([groups, *body])


def picture(path: Path, rows, systems: list[str], title: str) -> None:
    """The same table; in each group of figures the best one is shaded."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    columns = ["", *[f"{name}\n{system}" for name in GROUPS for system in systems]]
    fig, ax = plt.subplots(figsize=(1.15 * len(columns) + 2, 0.27 * len(rows) + 1.6))
    ax.axis("off")
    table = ax.table([cells(row, systems) for row in rows], colLabels=columns, loc="center")
    table.auto_set_font_size(False)
    table.set_fontsize(8)
    table.auto_set_column_width(list(range(len(columns))))
    for n in range(len(columns)):
        table[0, n].set_height(2.2 * table[0, n].get_height())
    for y, row in enumerate(rows, start=1):
        table[y, 0].get_text().set_ha("left")
        for group in range(1, len(GROUPS)):
            right = [s for s in systems if row.figures.get(s) and row.figures[s][0] <= WRONG]
            known = {s: row.figures[s][group] for s in right}
            timed = {s: figure for s, figure in known.items() if group < 3 or s != "eager"}
            if timed:
                best = systems.index(min(timed, key=timed.get))
                table[y, 1 + group * len(systems) + best].set_facecolor("#d8f0d8")
    ax.set_title(title, fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    fig.savefig(path, dpi=140, bbox_inches="tight")
    plt.close(fig)
