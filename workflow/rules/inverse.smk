INVERSE = PLAN.inverse


rule inverse_problem:
    input:
        mesh=f"results/patients/{INVERSE.patient}/mesh.npz",
        fibers=f"results/patients/{INVERSE.patient}/fibers.npz",
        activation=INVERSE.activation_of,
    output:
        "results/inverse/problems/{problem}.npz",
    log:
        "results/logs/inverse_problem/{problem}.log",
    benchmark:
        "results/benchmarks/inverse_problem/{problem}.tsv"
    conda:
        "../../envs/fem.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(20),
    params:
        name="{problem}",
        problem=INVERSE.problem_of,
        ecg=PLAN.section("ecg"),
        leadfield=PLAN.example_leadfield,
        repolarisation=PLAN.example_repolarisation,
        source=source("inverse_problem"),
    message:
        "Inverse problem {wildcards.problem}"
    script:
        "../scripts/inverse_problem.py"


rule inverse_fit:
    input:
        "results/inverse/problems/{problem}.npz",
    output:
        "results/inverse/fits/{problem}/{method}_b{batch}.json",
    log:
        "results/logs/inverse_fit/{problem}/{method}_b{batch}.log",
    benchmark:
        "results/benchmarks/inverse_fit/{problem}/{method}_b{batch}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        method="{method}",
        section=INVERSE.method_of,
        cases=INVERSE.batch_of,
        source=source_of_fit,
    message:
        "Reconstruct {wildcards.problem} by {wildcards.method}, batch {wildcards.batch}"
    script:
        "../scripts/inverse_fit.py"


rule inverse_operators:
    input:
        **{
            stage: f"{PATIENT}/{stage}.npz"
            for stage in ("anatomy", "mesh", "fibers", "ecg")
        },
        activation=expand(
            f"{PATIENT}/activation_{{scenario}}.npz",
            scenario=INVERSE.scenarios,
            allow_missing=True,
        ),
        leadfield=expand(
            f"{PATIENT}/leadfield_b{{batch}}.npz",
            batch=PLAN.batches,
            allow_missing=True,
        ),
        prediction=f"results/predictions/{INVERSE.prediction}/{{patient}}.npz",
        neighbour=INVERSE.neighbour_of,
    output:
        "results/inverse/operators/{patient}.json",
    log:
        "results/logs/inverse_operators/{patient}.log",
    benchmark:
        "results/benchmarks/inverse_operators/{patient}.tsv"
    conda:
        "../../envs/fem.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        section=INVERSE.operators,
        leadfield=PLAN.settings.leadfield_of,
        gradient=PLAN.config.leadfield.gradient,
        source=source("inverse_operators"),
    message:
        "Reconstruct {wildcards.patient} with lead fields of several origins"
    script:
        "../scripts/inverse_operators.py"


rule inverse_metrics:
    input:
        fits=INVERSE.fits,
        operators=expand(
            "results/inverse/operators/{patient}.json", patient=INVERSE.patients
        ),
    output:
        metrics="results/inverse/metrics.json",
        page="results/inverse/index.html",
    log:
        "results/logs/inverse_metrics.log",
    benchmark:
        "results/benchmarks/inverse_metrics.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        patient=INVERSE.patient,
        source=source("inverse_metrics"),
    message:
        "Errors of all inverse methods"
    script:
        "../scripts/inverse_metrics.py"
