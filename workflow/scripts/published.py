"""The folder of the data set that others get."""

from pathlib import Path

from einthoven.app.analysis.recomputation import Recomputation
from einthoven.app.run.job import run
from einthoven.base.config.models import PublicationSettings
from einthoven.base.core.files import read_json
from einthoven.data.publish.folder.folder_check import check_folder
from einthoven.data.publish.folder.write import publish_folder


def main(input, output, params, log):
    sources = {name: Path(path) for name, path in params.sources.items()}
    patients, metrics = [Path(path) for path in input.patients], read_json(input.metrics)
    settings, to = PublicationSettings(**params.section), Path(output[0])
    about = publish_folder(Path(input.store), patients, settings, sources, metrics, to)
    check_folder(to, Recomputation())
    n_bytes = sum(path.stat().st_size for path in to.rglob("*") if path.is_file())
    log.info("%d patients, %.1f MB, checked", about.n_patients, n_bytes / 1e6)


if "snakemake" in globals():
    run(main, globals()["snakemake"])
