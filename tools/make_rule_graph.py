"""Draw docs/pictures/rules.png: the workflow's rules, and which needs whose files.

Usage: python tools/make_rule_graph.py
"""

import re
import subprocess
import sys
from pathlib import Path

import networkx as nx
from matplotlib.figure import Figure

from einthoven.base.core.files import atomic

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "pictures" / "rules.png"
TARGETS = ("all", "inverse")


def rule_graph(*targets: str) -> nx.DiGraph:
    """Edges from a rule to those that need its files, without what longer ways say already."""
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--rulegraph", "--forceall"]
    done = subprocess.run([*command, "--", *targets], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    names = dict(re.findall(r'(\d+)\[label = "(\w+)', done.stdout))
    graph = nx.DiGraph((names[a], names[b]) for a, b in re.findall(r"(\d+) -> (\d+)", done.stdout))
    return nx.transitive_reduction(graph)


def layers(graph: nx.DiGraph) -> list[list[str]]:
    """Rules by the longest way that leads to them, each near what it needs."""
    found: list[list[str]] = []
    place: dict[str, float] = {}

    def wish(rule: str) -> tuple[float, str]:
        before = [place[b] for b in graph.predecessors(rule)]
        return (sum(before) / len(before) if before else 0.0, rule)

    for generation in nx.topological_generations(graph):
        row = sorted(generation, key=wish)
        place |= {rule: k - (len(row) - 1) / 2 for k, rule in enumerate(row)}
        found.append(row)
    return found


def draw(graph: nx.DiGraph) -> Figure:
    """Left to right, a column a layer."""
    columns = layers(graph)
    at = {
        rule: (1.75 * x, -(y - (len(row) - 1) / 2))
        for x, row in enumerate(columns) for y, rule in enumerate(row)
    }  # fmt: skip
    figure = Figure(figsize=(1.3 * len(columns), 0.62 * max(map(len, columns)) + 0.4))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    for a, b in graph.edges:
        axes.annotate("", at[b], at[a], arrowprops={
            "arrowstyle": "-|>", "color": "0.55", "shrinkA": 14, "shrinkB": 16, "lw": 0.9,
            "connectionstyle": "arc3,rad=0.08"})  # fmt: skip
    for rule, (x, y) in at.items():
        box = {"boxstyle": "round,pad=0.35", "fc": "#DCE6F2", "ec": "#0072B2"}
        axes.text(x, y, rule.replace("_", " "), ha="center", va="center", fontsize=8.5, bbox=box)
    x, y = zip(*at.values())
    axes.set_xlim(min(x) - 0.9, max(x) + 0.9)
    axes.set_ylim(min(y) - 0.6, max(y) + 0.6)
    return figure


if __name__ == "__main__":
    with atomic(PICTURE) as temporary:
        draw(rule_graph(*TARGETS)).savefig(temporary, format="png", dpi=110)
