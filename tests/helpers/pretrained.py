"""A tiny run, hardly trained, with all the files that packing a model reads."""

import json

import torch

from einthoven.base.config import Config
from einthoven.base.config.learning import DeepSdfSettings, RefractionSettings
from einthoven.base.core.files import write_json
from einthoven.data.dataset.store import new_store
from einthoven.learning.encoders.deepsdf.encoder import DeepSdfEncoder
from einthoven.learning.surrogate.refraction import Refraction
from einthoven.numerics.training.tensors import save_model
from helpers.encoders import sphere_samples

CODE = {"n_latent": 8, "width": 16, "n_frequencies": 2, "epochs": 1, "infer_points": 256,
        "infer_steps": 3}  # fmt: skip
NETWORK = {"width": 16, "rank": 4, "n_frequencies": 2}
COARSE = {"mesh": {"heart_edge_mm": 7.0, "torso_edge_mm": 40.0, "electrode_edge_mm": 30.0},
          "anatomy": {"heart_edge_mm": 6.0}, "sdf_samples": {"n_points": 1000},
          "ecg": {"duration_ms": 100.0}, "repolarisation": {"field": "homogeneous"}}  # fmt: skip


def write_run(results, n_members=2):
    """Encoder, surrogates, store and metrics of a run below `results`."""
    config = Config().model_dump(mode="json")
    for name, changes in COARSE.items():
        config[name] |= changes
    encoder = DeepSdfEncoder.of_samples(
        sphere_samples([40.0, 44.0, 48.0, 46.0], ["train"] * 3 + ["val"], n=400),
        DeepSdfSettings(**CODE), results / "encoders/deepsdf",
    )  # fmt: skip
    encoder.save(results / "encoders/deepsdf")
    section = RefractionSettings(**NETWORK)
    folder = results / "surrogates/deepsdf-refraction"
    for k in range(n_members):
        torch.manual_seed(k)
        path = folder / (f"member{k}" if k else "") / "model.safetensors"
        network = Refraction(section, encoder.n_latent)
        save_model(path, network.state_dict(), kind="refraction", config=section.model_dump(),
                   data_sha256="0",
                   package="einthoven.learning.surrogate", n_latent=encoder.n_latent,
                   encoder="deepsdf", constants=network.constants)  # fmt: skip
    if n_members > 1:
        found = {"n_members": n_members, "factor": 2.0, "sd_deg": 5.0}
        write_json(folder / "uncertainty.json", found)
    (folder / "curve.csv").write_text("epoch,loss,val_angular_error_deg\n1,0.5,\n2,0.25,3.5\n")
    row = {key: {"mean": 1.25, "std": 0.5, "n_patients": 3}
           for key in ("angular_error_deg", "ecg_rel_l2", "coverage_50", "coverage_90",
                       "sd_rank_correlation")}  # fmt: skip
    methods = {"pseudo": row, "deepsdf-refraction": row | {"per_patient": {"p0001": {}}}}
    chamfer = {"chamfer_surface_lv_mm": {"mean": 0.5, "std": 0.1}, "missing_patients": {}}
    write_json(results / "report/metrics.json",
               {"methods": methods, "encoders": {"deepsdf": chamfer}})  # fmt: skip
    with new_store(results / "dataset/einthoven.zarr.zip", {"config": json.dumps(config)}):
        pass
    return results
