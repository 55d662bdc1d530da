DRAWN = "results/imaging/beats/{patient}.npz"
BODY = {stage: f"{PATIENT}/{stage}.npz" for stage in ("anatomy", "mesh", "fibers")}
BODY["leadfield"] = expand(
    f"{PATIENT}/leadfield_b{{batch}}.npz", batch=PLAN.batches, allow_missing=True
)


rule imaging_beats:
    input:
        **BODY,
    output:
        DRAWN,
    log:
        "results/logs/imaging_beats/{patient}.log",
    benchmark:
        "results/benchmarks/imaging_beats/{patient}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
        runtime=growing(60),
    params:
        n=PLAN.config.imaging.drawn_beats,
        seed=PLAN.config.imaging.seed,
        forward=PLAN.config.imaging.first_with_torso,
        conductivity=PLAN.settings.conductivities_of,
        gradient=PLAN.config.leadfield.gradient,
        activation=PLAN.settings.activation_of,
        smoothing_mm=PLAN.config.repolarisation.smoothing_mm,
        source=source("imaging_beats"),
    message:
        "Beats of drawn people on {wildcards.patient}"
    script:
        "../scripts/imaging_beats.py"


rule imaging_simulate:
    input:
        **BODY,
        purkinje=f"{PATIENT}/purkinje.npz",
        drawn=DRAWN if PLAN.config.imaging.drawn_beats else [],
    output:
        "results/imaging/simulations/{patient}.npz",
    log:
        "results/logs/imaging_simulate/{patient}.log",
    benchmark:
        "results/benchmarks/imaging_simulate/{patient}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        section=PLAN.section("imaging"),
        conductivity=PLAN.settings.conductivities_of,
        gradient=PLAN.config.leadfield.gradient,
        activation=PLAN.part(
            "activation",
            [
                "capture",
                "endocardium_top_z",
                "pmj_antegrade_ms",
                "pmj_retrograde_ms",
            ],
        ),
        repolarisation=PLAN.part(
            "repolarisation",
            [
                "plateau_apex_to_base",
                "plateau_endo_to_epi",
                "plateau_mean",
                "plateau_rv_to_lv",
                "smoothing_mm",
            ],
        ),
        recording=PLAN.noise_levels,
        source=source("imaging_simulate"),
    message:
        "Simulated beats of {wildcards.patient}"
    script:
        "../scripts/imaging_simulate.py"
