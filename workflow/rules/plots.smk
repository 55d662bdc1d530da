EXAMPLE = min(patients_of("test"))
SHOWN = sorted({*PATIENTS[:7], EXAMPLE})


rule report:
    input:
        metrics="results/report/metrics.json",
        curves="results/report/curves.npz",
        calibration="results/report/calibration.json",
        anatomies=expand("results/patients/{patient}/anatomy.npz", patient=SHOWN),
        example=expand(
            f"results/patients/{EXAMPLE}/{{stage}}.npz",
            stage=["anatomy", "mesh", "fibers", "purkinje", "ecg", "sdf", "field"],
        ),
        activation=expand(
            f"results/patients/{EXAMPLE}/activation_{{scenario}}.npz",
            scenario=SCENARIOS,
        ),
        leadfield=expand(
            f"results/patients/{EXAMPLE}/leadfield_b{{batch}}.npz", batch=BATCHES
        ),
        cohort=expand("results/cohort/{patient}.json", patient=PATIENTS),
        predictions=expand(
            f"results/predictions/{{encoder}}-{{model}}/{EXAMPLE}.npz",
            encoder=ENCODERS,
            model=MODELS,
        ),
    output:
        report(
            "results/report/index.html",
            caption="../report/index.rst",
            category="Report",
            labels={"page": "virtual patients and their surrogates"},
        ),
    log:
        "results/logs/report.log",
    benchmark:
        "results/benchmarks/report.tsv"
    conda:
        "../../envs/geometry.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(20),
    params:
        dataset=lookup(dpath="dataset", within=config),
        source=source("report"),
    message:
        "Draw the report"
    script:
        "../scripts/report.py"
