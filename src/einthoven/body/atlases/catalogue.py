"""Table of published atlases: the addresses of their files, and their terms."""

from dataclasses import dataclass

ARCHIVE = "https://web.archive.org/web/2id_/"
"""Prefix of an address: the newest copy in the Internet Archive."""


@dataclass(frozen=True)
class Remote:
    """One file to download.

    Attributes:
        name: file name that readers expect.
        urls: addresses, tried in order.
        sha256: of the file, or "" if none is published.
        members: names to extract, if the file is a zip.
    """

    name: str
    urls: tuple[str, ...]
    sha256: str = ""
    members: tuple[str, ...] = ()


@dataclass(frozen=True)
class PublishedAtlas:
    """One atlas.

    Attributes:
        name: in `CATALOGUE`.
        kind: "heart" or "torso".
        reader: module of this package that reads its files.
        title: one line.
        source: publication.
        licence: terms, in one line.
        page: web page, if the addresses fail.
        files: files to download; those of end-diastole where names contain the phase.
        phases: phases of the cardiac cycle that it holds.
    """

    name: str
    kind: str
    reader: str
    title: str
    source: str
    licence: str
    page: str
    files: tuple[Remote, ...]
    phases: tuple[str, ...] = ("ED",)

    def file_names(self, phase: str) -> list[str]:
        """Names of the files that the reader needs; names without a phase hold all phases."""
        names = [name for remote in self.files for name in remote.members or (remote.name,)]
        return [name.replace("_ED_", f"_{phase}_") for name in names]


def _remote(name: str, *urls: str, sha256: str = "", members: tuple[str, ...] = ()) -> Remote:
    """A file with the archived copy of its first address as the last one."""
    return Remote(name, (*urls, ARCHIVE + urls[0]), sha256, members)


_BAI = "https://raw.githubusercontent.com/UK-Digital-Heart-Project/Statistical-Shape-Model/master/"
_BAI_FILES = tuple(
    _remote(name, _BAI + name)
    for name in (
        "Both_ED_mean.vtk",
        "Both_ED_pc_100_modes.csv.gz",
        "Both_ED_var_100_modes.csv.gz",
    )
)
_ZENODO = "https://zenodo.org/records/4506463/files/heart_sur.vtp?download=1"
_BIV_ME = (
    "https://raw.githubusercontent.com/UOA-Heart-Mechanics-Research/biv-me/"
    "d4e8010399d04b150a776af837528e31987e1cfc/src/model/"
)
_UKB_ATLAS = "https://github.com/ComputationalPhysiology/ukb-atlas/"
_UKB_TEMPLATE = _UKB_ATLAS + "raw/main/src/ukb/data/biv-me/"
_MPII = "http://datasets.d2.mpi-inf.mpg.de/humanshape/"

_ATLASES = (
    PublishedAtlas(
        name="bai-2015",
        kind="heart",
        reader="bai",
        title="Both ventricles, 1,093 healthy adults (UK Digital Heart Project)",
        source="Bai et al. 2015, 10.1016/j.media.2015.08.009",
        licence="copyright 2016 Imperial College London, no licence stated; cite the article",
        page="https://github.com/UK-Digital-Heart-Project/Statistical-Shape-Model",
        files=_BAI_FILES,
        phases=("ED", "ES"),
    ),
    PublishedAtlas(
        name="schuler-loewe-2021",
        kind="heart",
        reader="schuler",
        title="Mean of Bai 2015 as a closed wall, moved by the modes of Bai 2015",
        source="Schuler and Loewe 2021, 10.5281/zenodo.4506463; modes as bai-2015",
        licence="mean CC-BY-4.0; modes as bai-2015",
        page="https://doi.org/10.5281/zenodo.4506463",
        files=(
            _remote(
                "heart_sur.vtp",
                _ZENODO,
                "https://zenodo.org/api/records/4506463/files/heart_sur.vtp/content",
                sha256="a94041d700b6a373deb1a59d9f8c0d75fe4692c2a9ca7c2bab4c0ed8e9a478b1",
            ),
            *_BAI_FILES,
        ),
    ),
    PublishedAtlas(
        name="uk-biobank",
        kind="heart",
        reader="ukb",
        title="Both ventricles with four valves, 630 healthy subjects (Cardiac Atlas Project)",
        source="Mauger et al. 2019, 10.1186/s12968-019-0551-6; triangles of biv-me",
        licence="terms of the Cardiac Atlas Project, see the page; triangles Apache-2.0",
        page="https://www.cardiacatlas.org/biventricular-modes/",
        files=(
            _remote(
                "UKBRVLV.h5",
                _UKB_ATLAS + "releases/download/atlas-data/UKBRVLV.h5",
                sha256="f6145755b5bf0fd43c2a26a5d20a14a30c32bb657a3ee61120ac1eecd06bef08",
            ),
            _remote(
                "ETIndicesSorted.txt",
                _BIV_ME + "ETIndicesSorted.txt",
                _UKB_TEMPLATE + "ETIndicesSorted.txt",
                sha256="7b71247f7b67900fe96ff63b150500f75d34dff5ccbc3706d4ad2cded59907a3",
            ),
            _remote(
                "ETIndicesMaterials.txt",
                _BIV_ME + "ETIndicesMaterials.txt",
                _UKB_TEMPLATE + "ETIndicesMaterials.txt",
                sha256="832d3a33fdab9a180447a26fdaad67f09759297a013dfec4f2896801c2843bdc",
            ),
        ),
        phases=("ED", "ES"),
    ),
    PublishedAtlas(
        name="mpii-human-shape",
        kind="torso",
        reader="mpii",
        title="Whole bodies fitted to CAESAR scans; the torso is cut out of them",
        source="Pishchulin et al. 2017, 10.1016/j.patcog.2017.02.018",
        licence="non-commercial and educational use only, not to be passed on; cite the article",
        page="https://github.com/leonid-pishchulin/humanshape",
        files=(
            _remote(
                "caesar.zip",
                _MPII + "caesar.zip",
                members=("meanShape.mat", "evectors.mat", "evalues.mat", "model.dat"),
            ),
        ),
    ),
)
CATALOGUE = {atlas.name: atlas for atlas in _ATLASES}
