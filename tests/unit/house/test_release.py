"""A release has one version: the package's, the changelog's, and that of who cites it."""

import re
from pathlib import Path

import yaml

import einthoven

ROOT = Path(__file__).resolve().parents[3]


def test_the_newest_version_of_the_changelog_is_the_package() -> None:
    titles = re.findall(r"^## \[(.+?)\](.*)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    (first, _), *released = titles
    assert first == "Unreleased"
    assert released, "CHANGELOG.md: no version below Unreleased"
    newest, date = released[0]
    assert newest == einthoven.__version__
    assert re.fullmatch(r" - \d{4}-\d{2}-\d{2}", date)
    numbers = [tuple(map(int, number.split("."))) for number, _ in released]
    assert numbers == sorted(set(numbers), reverse=True)


def test_who_cites_it_cites_that_version() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert str(cited["version"]) == einthoven.__version__
