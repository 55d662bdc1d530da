"""Section with the 12-lead ECGs of one patient."""

from einthoven.app.report.page import PageSection, Picture, Table
from einthoven.app.report.run import SCENARIO_NAMES, FinishedRun
from einthoven.base.plots.ecg_paper import ecg_figure, ecg_print_figure
from einthoven.data.patient.stages import Ecg

QRS_WINDOW_MS = (-20.0, 220.0)


def ecg_section(run: FinishedRun) -> PageSection:
    """A print of each scenario, and the QRS of FEM, one surrogate and the pseudo lead field."""
    ecg, predicted = run.example.ecg, run.predictions[run.method]["ecg"]
    time = ecg.time
    qrs = (time >= QRS_WINDOW_MS[0]) & (time <= QRS_WINDOW_MS[1])
    content: list[Table | Picture] = []
    for k, scenario in enumerate(map(str, ecg.scenario)):
        traces = {
            "pseudo": ecg.needed("ecg_pseudo")[k][:, qrs],
            "fem": ecg.ecg[k][:, qrs],
            run.method: predicted[k][:, qrs],
        }
        title = f"{ecg.patient}, {SCENARIO_NAMES.get(scenario, scenario)}"
        caption = f"{title}: QRS duration by FEM {float(ecg.needed('qrs_duration')[k]):.0f} ms."
        content.append(_print(run, k))
        content.append(Picture(ecg_figure(time[qrs], traces, title), caption))
    whole = {"fem": ecg.ecg[0], run.method: predicted[0]}
    caption = "The whole beat by finite elements and by the method."
    if run.repolarisation.field == "homogeneous":
        caption += (
            " With one action potential everywhere (V_m = U(t − τ), as in the paper) the T wave "
            "runs against the QRS complex; real T waves need gradients of duration."
        )
    content.append(Picture(ecg_figure(time, whole, f"{ecg.patient}, whole beat"), caption))
    return PageSection("12-lead ECG", "", content)


def _print(run: FinishedRun, k: int) -> Picture:
    """The beat of a scenario as a print of ten seconds."""
    ecg, scenario = run.example.ecg, str(run.example.ecg.scenario[k])
    rr_ms = run.example.cycle_length_ms(scenario)
    title = f"{ecg.patient}, {SCENARIO_NAMES.get(scenario, scenario)}"
    caption = (
        f"{title}, by finite elements, as an electrocardiograph prints it: 25 mm/s, 10 mm/mV. One "
        f"simulated beat is repeated{why_no_p_wave(ecg, scenario)}."
    )
    return Picture(ecg_print_figure(ecg.time, ecg.ecg[k], title, rr_ms), caption)


def why_no_p_wave(ecg: Ecg, scenario: str) -> str:
    """End of a sentence on a beat without a P wave; empty if it has one."""
    if ecg.atria is None:
        return "; atria are not simulated, so there is no P wave"
    if ecg.atria_settings.have_p_wave(scenario):
        return ""
    return "; it does not start in the sinus node, so there is no P wave"
