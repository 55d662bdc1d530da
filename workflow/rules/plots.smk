# Nobody asks for it but `make demo`, so that there is something to see within two minutes.
rule first:
    input:
        **{
            stage: f"results/patients/{PLAN.example}/{stage}.npz"
            for stage in ("mesh", "purkinje")
        },
        activation=f"results/patients/{PLAN.example}/activation_{PLAN.scenarios[0]}.npz",
    output:
        "results/report/first.png",
    log:
        "results/logs/first.log",
    benchmark:
        "results/benchmarks/first.tsv"
    conda:
        "../../envs/geometry.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        source=source("first"),
    message:
        "Draw the first picture"
    script:
        "../scripts/first.py"


rule report:
    input:
        metrics="results/report/metrics.json",
        curves="results/report/curves.npz",
        population="results/report/population.json",
        anatomies=expand("results/patients/{patient}/anatomy.npz", patient=PLAN.shown),
        example=expand(
            f"results/patients/{PLAN.example}/{{stage}}.npz",
            stage=["anatomy", "mesh", "fibers", "purkinje", "ecg", "sdf", "field"],
        ),
        activation=expand(
            f"results/patients/{PLAN.example}/activation_{{scenario}}.npz",
            scenario=PLAN.scenarios,
        ),
        leadfield=expand(
            f"results/patients/{PLAN.example}/leadfield_b{{batch}}.npz",
            batch=PLAN.batches,
        ),
        ecgs=expand("results/patients/{patient}/ecg.npz", patient=PLAN.of_split("test")),
        cohort=expand("results/cohort/{patient}.json", patient=PLAN.patients),
        # beside recordings of people, if there are any
        compared=expand(
            "results/patients/{patient}/{stage}.npz",
            patient=PLAN.beside_people,
            stage=["activation_sinus", "ecg"],
        ),
        predictions=expand(
            f"results/predictions/{{method}}/{PLAN.example}.npz",
            method=PLAN.methods,
        ),
    output:
        page=report(
            "results/report/index.html",
            caption="../report/index.rst",
            category="Report",
            labels={"page": "virtual patients and their surrogates"},
        ),
        view=report(
            "results/report/heart.html",
            caption="../report/heart.rst",
            category="Report",
            labels={"page": "one patient in 3-D"},
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
        dataset=PLAN.section("dataset"),
        repolarisation=PLAN.example_repolarisation,
        audit=PLAN.section("audit"),
        source=source("report"),
    message:
        "Draw the report"
    script:
        "../scripts/report.py"
