"""Metadata of a published data set."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from einthoven.base.config.section import Section

Version = Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]


class PublicationSettings(Section):
    """The published folder of the data set (target publish); docs/how-to/publish-a-data-set.md."""

    title: Annotated[str, Field(min_length=3)] = "Virtual patients, their ECG lead fields and ECGs"
    version: Version = "0.1.0"
    """Version of the data: the first number changes for a layout that old readers cannot read, the
    second for more data, the third for a correction."""
    date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] = "2026-11-23"
    """Date of this version of the data, not of the run, so that the bytes are reproducible."""
    changes: dict[Version, str] = {"0.1.0": "first version"}
    """Changes of each version of the data, newest last; `version` must be among them."""
    creators: Annotated[list[str], Field(min_length=1)] = ["The einthoven developers"]
    url: Annotated[str, Field(pattern=r"^$|^https?://")] = ""
    """Address of the folder, such as a DOI; empty: not known yet."""
    sample_patients: Annotated[int, Field(ge=1)] = 3
    """Patients in the sample, of the test split first; it must stay below 100 MB."""

    @model_validator(mode="after")
    def _version_has_changes(self) -> Self:
        if self.version not in self.changes:
            raise ValueError(
                f"changes has no entry for version {self.version}, only for "
                f"{', '.join(self.changes) or 'none'}"
            )
        return self
