"""Predictor for all patients, virtual or imported: lead fields, their SD, ECGs."""

import time as clock
from dataclasses import dataclass, replace

import numpy as np

from einthoven.base.metrics.out_of_distribution import OutOfDistributionCheck
from einthoven.data.patient.anatomy import Electrodes
from einthoven.data.patient.patient import Patient
from einthoven.learning.encoders.base import Encoder, Geometry, Paths
from einthoven.learning.encoders.imported_code import ImportedCode, with_imported_codes
from einthoven.learning.prediction.prediction import Prediction
from einthoven.learning.surrogate.ensemble import SurrogateEnsemble
from einthoven.learning.surrogate.inputs import patient_inputs
from einthoven.numerics.training.machine import ONE_CORE, Machine
from einthoven.numerics.training.task import torch_threads


@dataclass(frozen=True)
class Predictor:
    """A trained encoder and surrogate."""

    encoder: Encoder
    """Encoder of the given geometries."""
    surrogate: SurrogateEnsemble
    """One network, or an ensemble, which also gives its uncertainty."""

    def predict(
        self,
        patient: Patient,
        geometry: Geometry,
        electrodes: Electrodes,
        machine: Machine = ONE_CORE,
        field: bool = False,
    ) -> Prediction:
        """Gradients in the heart for all electrodes, and at the field samples on request.

        `seconds_per_lead` divides one evaluation for all electrodes by their number;
        `seconds_single_lead` is one electrode alone (batch size 1 of Dokuchaev 2026). Both include
        the decoding of the geometry, `seconds_inputs`, which does not depend on the electrodes.

        Args:
            patient: with anatomy, mesh and fibres, and with field samples if `field`.
            geometry: its code and surfaces.
            electrodes: on the skin.
            machine: its threads are also those of the timing.
            field: also predict at the field samples, for their electrodes; not timed.

        Raises:
            BadInput: shapes do not fit, or values are not finite.
        """
        heart, f0, pose = patient.heart, patient.fibers.f0, patient.anatomy.pose
        with torch_threads(machine.n_threads):
            start = clock.perf_counter()
            inputs = patient_inputs(geometry, pose, heart.centroids, f0, electrodes.points)
            ready = clock.perf_counter()
            self.surrogate.predict(inputs.at(slice(0, 64)))  # buffers and thread pools are warm now
            begin = clock.perf_counter()
            grad, sd = self.surrogate.predict(inputs)
            end = clock.perf_counter()
            self.surrogate.predict(inputs.seen_from(slice(0, 1)))
            single = clock.perf_counter() - end
            field_grad = self._at_field_samples(patient, geometry) if field else None
        seconds = {
            "seconds_inputs": ready - start,
            "seconds_network": end - begin,
            "seconds_per_lead": (ready - start + end - begin) / len(grad),
            "seconds_single_lead": ready - start + single,
        }
        about = {
            "patient": patient.name,
            "encoder": self.encoder.name,
            "model": self.surrogate.networks[0].name,
            "n_points": len(heart.cells),
            "threads": machine.n_threads,
        }
        return Prediction(
            heart_grad=grad,
            field_grad=field_grad,
            electrode_names=np.asarray(electrodes.names),
            electrode_points=electrodes.points,
            heart_sd_deg=sd,
            latent=geometry.latent,
            seconds=seconds,
            n_members=len(self.surrogate.networks),
            about=about,
        )

    def checked(self, prediction: Prediction, check: OutOfDistributionCheck) -> Prediction:
        """The prediction with the check of its code and, for an ensemble, of its SD."""
        if prediction.heart_sd_deg is not None:
            sd = float(prediction.heart_sd_deg.mean())
            check = check.with_sd(sd, self.surrogate.usual_sd_deg)
        return replace(prediction, out_of_distribution=check.to_json())

    def _at_field_samples(self, patient: Patient, geometry: Geometry) -> np.ndarray:
        field, pose = patient.field, patient.anatomy.pose
        points, fiber = field.field_points, field.field_fiber
        inputs = patient_inputs(geometry, pose, points, fiber, field.electrode_points)
        return self.surrogate.predict(inputs)[0]


def predict_held_out(
    predictor: Predictor, patient: Patient, codes: Paths = (), machine: Machine = ONE_CORE
) -> Prediction:
    """Predict a patient of a run that was not used for training, also at the field samples.

    Args:
        predictor: of the run.
        patient: with anatomy, mesh, fibres and field samples.
        codes: file with an imported patient's code and out-of-distribution check; none for a
            patient whose code the encoder has.
        machine: threads.

    Raises:
        BadInput: no code, or stages that do not fit.
    """
    geometry = with_imported_codes(predictor.encoder, codes).geometry(patient.name)
    electrodes = patient.field.electrodes
    found = predictor.predict(patient, geometry, electrodes, machine, field=True)
    for path in codes:
        found = predictor.checked(found, ImportedCode.load(path).check)
    return found
