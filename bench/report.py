"""The table on the terminal, the JSON and the plot."""

import json
import math
import os

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  (after the backend is chosen)

COLOURS = {"PostgreSQL": "#7f8fa6", "DuckDB": "#e1b12c", "tqp": "#0a6e4f"}


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def ratios(results, rival):
    """How many times faster tqp is than the rival, query by query."""
    return {name: medians[rival] / medians["tqp"] for name, medians in results.items()
            if rival in medians and "tqp" in medians}


def print_table(title, results, engines, declined):
    rivals = [engine for engine in engines if engine != "tqp"] if "tqp" in engines else []
    print(f"\n{title} (milliseconds, medians)")
    print(f"  {'query':<16}" + "".join(f"{engine:>13}" for engine in engines)
          + "".join(f"{rival + '/tqp':>16}" for rival in rivals))
    for name, medians in results.items():
        cells = "".join(f"{medians[engine]:13.2f}" for engine in engines)
        factors = [medians[rival] / medians["tqp"] for rival in rivals]
        marks = "  LOSS" if any(factor < 1 for factor in factors) else ""
        marks += "  (PostgreSQL ran it)" if name in declined else ""
        print(f"  {name:<16}" + cells + "".join(f"{factor:15.2f}x" for factor in factors) + marks)
    if rivals:
        means = [geometric_mean(list(ratios(results, rival).values())) for rival in rivals]
        print(f"  {'geometric mean':<16}" + " " * 13 * len(engines)
              + "".join(f"{mean:15.2f}x" for mean in means))


def draw(panels, engines, path, heading):
    figure, axes = plt.subplots(len(panels), 1, figsize=(12, 3.2 * len(panels)), squeeze=False)
    for axis, (title, results) in zip(axes[:, 0], panels.items()):
        width = 0.8 / len(engines)
        for index, engine in enumerate(engines):
            places = [place + index * width for place in range(len(results))]
            axis.bar(places, [medians[engine] for medians in results.values()], width,
                     label=engine, color=COLOURS[engine])
        axis.set_yscale("log")
        axis.set_ylabel("ms")
        axis.set_title(title, fontsize=10)
        axis.set_xticks([place + 0.4 - width / 2 for place in range(len(results))])
        axis.set_xticklabels(list(results), rotation=20, ha="right", fontsize=8)
        axis.grid(axis="y", alpha=0.3)
    axes[0, 0].legend()
    figure.suptitle(heading)
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def write(folder, name, record, panels, engines, heading):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name + ".json"), "w") as file:
        json.dump(record, file, indent=2)
        file.write("\n")
    draw(panels, engines, os.path.join(folder, name + ".png"), heading)
    print(f"\nwritten: {os.path.join(folder, name)}.json and .png")
