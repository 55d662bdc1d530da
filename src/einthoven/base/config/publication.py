"""What a published data set says of itself."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from einthoven.base.config.section import Section

Version = Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]


class PublicationSettings(Section):
    """The published folder of the data set (target publish); docs/how-to/publish-a-data-set.md."""

    title: Annotated[str, Field(min_length=3)] = "Virtual patients, their ECG lead fields and ECGs"
    version: Version = "0.1.0"
    """Of the data: the first number for a layout that old readers cannot read, the second for more
    data, the third for a correction."""
    date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] = "2026-11-23"
    """Of this version of the data; not of the run, whose bytes the day must not change."""
    changes: dict[Version, str] = {"0.1.0": "first version"}
    """What each version of the data brought, newest last; `version` is among them."""
    creators: Annotated[list[str], Field(min_length=1)] = ["The einthoven developers"]
    url: Annotated[str, Field(pattern=r"^$|^https?://")] = ""
    """Where the folder will be, such as a DOI's address; empty: not known yet."""
    sample_patients: Annotated[int, Field(ge=1)] = 3
    """In the sample, which must stay below 100 MB; of the test split first."""

    @model_validator(mode="after")
    def _told(self) -> Self:
        if self.version not in self.changes:
            raise ValueError(
                f"changes says nothing of version {self.version}; it tells of "
                f"{', '.join(self.changes) or 'none'}"
            )
        return self
