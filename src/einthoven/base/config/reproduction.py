"""The section of the papers' own tables."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from einthoven.base.config.section import Count, Section

PaperName = Literal["dokuchaev-2026", "zhu-2025", "landajuela-2022"]
ExperimentName = Literal["differentiation", "neurons", "architecture", "noise", "lambda", "start"]


class ReproductionSettings(Section):
    """The papers' own tables, `snakemake reproduction`; docs/reproduction.md.

    Each paper takes the sections that it concerns: Dokuchaev 2026 all patients, encoders and
    models, Landajuela 2022 `imaging` and `imaging_training`, Zhu 2025 the keys below alone.
    """

    papers: Annotated[list[PaperName], Field(min_length=1)] = ["dokuchaev-2026", "landajuela-2022"]
    geometry: Annotated[str, Field(description="path of a folder with dalhousie/, or empty")] = ""
    """Surfaces of PhysioNet 2007, dalhousie/dalepi.pts and dalhousie/daltorso.pts: for Zhu 2025."""
    experiments: Annotated[list[ExperimentName], Field(min_length=1)] = [
        "differentiation", "neurons", "architecture", "noise", "lambda", "start"
    ]  # fmt: skip
    """Experiments of Zhu 2025: figures 6, 7, 8, 9 and table III; `start` has random weights, as
    published, beside a wave at STRE's times."""
    repeats: Count = 10
    """Noises and seeds of the networks of Zhu 2025, each a job."""
    n_heart_nodes: Annotated[int, Field(ge=50, le=20_000)] = 1094
    steps: Count = 400
    """Gauss-Newton steps of each network, at most."""
    tolerance: Annotated[float, Field(ge=0, lt=1)] = 0.01
    """A network of Zhu 2025 has converged when the mean loss of 20 steps is less than this share
    below that of the 20 before. 0: all steps are done."""

    @model_validator(mode="after")
    def _surfaces_are_given(self) -> Self:
        if "zhu-2025" in self.papers and not self.geometry:
            raise ValueError(
                "reproduction.papers: zhu-2025 needs reproduction.geometry, the folder with "
                "dalhousie/dalepi.pts"
            )
        return self
