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
    params:
        dataset=lookup(dpath="dataset", within=config),
        source=source("report"),
    log:
        "results/logs/report.log",
    benchmark:
        "results/benchmarks/report.tsv"
    resources:
        mem_mb=growing(4000),
        runtime=growing(20),
    threads: 1
    message:
        "Draw the report"
    script:
        "../scripts/report.py"
