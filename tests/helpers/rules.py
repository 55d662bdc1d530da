"""One job of a rule in this process: its files and parameters as the rule's text states them."""

import importlib.util
import logging
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from einthoven.app.run.methods import SurrogateMethod
from einthoven.app.run.plan import PLACED, REBUILT, Plan
from einthoven.app.run.reproduction import Reproduction

ROOT = Path(__file__).resolve().parents[2]
RULE = re.compile(r"^rule (\w+):\n((?:    .*\n|\n)*)", re.MULTILINE)
RULES = {
    name: body
    for file in sorted((ROOT / "workflow/rules").glob("*.smk"))
    for name, body in RULE.findall(file.read_text())
}
"""Rule -> its text."""
LOG = logging.getLogger("test")


class Named(list):
    """Positional and named values in one list, as Snakemake hands them to a script."""

    def __init__(self, positional: list, named: dict[str, Any]):
        flat = []
        for value in (*positional, *named.values()):
            flat += value if isinstance(value, list) else [value]
        super().__init__(flat)
        self.named = named
        vars(self).update(named)

    def get(self, name: str, default: Any = None) -> Any:
        """Value of a name."""
        return self.named.get(name, default)

    def items(self):
        """Names and values, as Snakemake's lists give them."""
        return self.named.items()


def part(rule: str, section: str, plan: Plan, wildcards: dict[str, str]) -> Named:
    """The input, output or params of one job."""
    text = re.search(rf"^    {section}:\n((?:        .*\n|\n)*)", RULES[rule], re.MULTILINE)
    positional, named = eval(f"given({text[1] if text else ''})", _names(plan))

    def of_job(value: Any) -> Any:
        if isinstance(value, Callable):
            value = value(SimpleNamespace(**wildcards))
        if isinstance(value, str):
            return value.format(**wildcards)
        if isinstance(value, list) and section != "params":
            return [item.format(**wildcards) for item in value]
        return value

    return Named([*map(of_job, positional)], {k: of_job(v) for k, v in named.items()})


def _names(plan: Plan) -> dict[str, Any]:
    """What rules/common.smk and the heads of the files of rules define."""
    from snakemake.io import expand  # half a second, for those who ask only

    patients = expand("results/imaging/simulations/{patient}.npz", patient=plan.patients)
    stages = ("anatomy", "mesh", "fibers")
    body = {stage: f"results/patients/{{patient}}/{stage}.npz" for stage in stages}
    body["leadfield"] = [f"results/patients/{{patient}}/leadfield_b{b}.npz" for b in plan.batches]
    return {
        "given": lambda *positional, **named: (positional, named), "expand": expand,
        "PLAN": plan, "INVERSE": plan.inverse, "OPERATOR": SurrogateMethod("operator"),
        "PATIENT": "results/patients/{patient}", "IMAGING_CORPUS": patients,
        "BODY": body, "DRAWN": "results/imaging/beats/{patient}.npz",
        "PLACED": PLACED, "REBUILT": REBUILT, "ancient": lambda files: files,
        "directory": str, "report": lambda file, **_: file, "source": lambda *_: "",
        "source_of_fit": lambda _: "", "publication_sources": dict,
        "REPRODUCTION": Reproduction(plan.config), "command": lambda: "snakemake reproduction",
        "WORKFLOW": ROOT / "workflow", "GEOMETRY": Path("dalhousie"),
    }  # fmt: skip


def params_of(rule: str, plan: Plan, **wildcards: str) -> dict[str, Any]:
    """Parameters of a job, as Snakemake records them."""
    return part(rule, "params", plan, wildcards).named


def script_of(rule: str) -> ModuleType:
    """The module of a rule's script."""
    path = ROOT / f"workflow/scripts/{rule}.py"
    spec = importlib.util.spec_from_file_location(f"script_{rule}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def play(rule: str, plan: Plan, **wildcards: str) -> Named:
    """Run one job in the working directory: its outputs."""
    given, made, params = (part(rule, name, plan, wildcards) for name in
                           ("input", "output", "params"))  # fmt: skip
    for path in made:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    script_of(rule).main(given, made, params, LOG)
    return made
