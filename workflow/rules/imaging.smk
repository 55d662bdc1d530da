rule imaging_simulate:
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
        recording=PLAN.noise_levels,
        source=source("imaging_simulate"),
    message:
        "Simulated beats of {wildcards.patient}"
    script:
        "../scripts/imaging_simulate.py"
