EXAMPLE = min(patients_of("test"), default="p0000")


rule report:
    input:
        metrics="results/report/metrics.json",
        curves="results/report/curves.npz",
        anatomy=f"results/patients/{EXAMPLE}/anatomy.npz",
        mesh=f"results/patients/{EXAMPLE}/mesh.npz",
        fibers=f"results/patients/{EXAMPLE}/fibers.npz",
        ecg=f"results/patients/{EXAMPLE}/ecg.npz",
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
