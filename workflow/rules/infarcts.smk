rule infarct_simulate:
    input:
        **{
            stage: f"{PATIENT}/{stage}.npz"
            for stage in ("anatomy", "mesh", "fibers", "purkinje")
        },
        leadfield=expand(
            f"{PATIENT}/leadfield_b{{batch}}.npz",
            batch=PLAN.batches,
            allow_missing=True,
        ),
    output:
        "results/imaging/infarcts/{patient}.npz",
    log:
        "results/logs/infarct_simulate/{patient}.log",
    benchmark:
        "results/benchmarks/infarct_simulate/{patient}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
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
        smoothing_mm=PLAN.config.repolarisation.smoothing_mm,
        plateaus=PLAN.part(
            "repolarisation",
            [
                "plateau_apex_to_base",
                "plateau_endo_to_epi",
                "plateau_mean",
                "plateau_rv_to_lv",
            ],
        ),
        scars=PLAN.scars,
        source=source("infarct_simulate"),
    message:
        "Beats of {wildcards.patient} without and with a scar"
    script:
        "../scripts/infarct_simulate.py"
