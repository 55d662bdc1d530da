"""What a published data set says of itself."""

from typing import Annotated

from pydantic import Field

from einthoven.config.section import Section

Version = Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]


class Publication(Section):
    """The published folder of the data set (target publish); docs/publishing.md."""

    title: Annotated[str, Field(min_length=3)] = "Virtual patients, their ECG lead fields and ECGs"
    version: Version = "0.1.0"
    """Of the data: the first number for a layout that old readers cannot read, the second for more
    data, the third for a correction."""
    creators: Annotated[list[str], Field(min_length=1)] = ["The einthoven developers"]
    url: Annotated[str, Field(pattern=r"^$|^https?://")] = ""
    """Where the folder will be, such as a DOI's address; empty: not known yet."""
    sample_patients: Annotated[int, Field(ge=1)] = 3
    """In the sample, which must stay below 100 MB; of the test split first."""
