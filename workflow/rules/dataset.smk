rule patient_store:
    input:
        cohort="results/cohort/{patient}.json",
        anatomy="results/patients/{patient}/anatomy.npz",
        mesh="results/patients/{patient}/mesh.npz",
        fibers="results/patients/{patient}/fibers.npz",
        purkinje="results/patients/{patient}/purkinje.npz",
        substrate=PLAN.diseased_of,
        beat=PLAN.beat_of,
        ecg="results/patients/{patient}/ecg.npz",
        sdf="results/patients/{patient}/sdf.npz",
        field="results/patients/{patient}/field.npz",
        activation=expand(
            "results/patients/{patient}/activation_{scenario}.npz",
            scenario=PLAN.scenarios,
            allow_missing=True,
        ),
        leadfield=expand(
            "results/patients/{patient}/leadfield_b{batch}.npz",
            batch=PLAN.batches,
            allow_missing=True,
        ),
    output:
        "results/dataset/patients/{patient}.zarr.zip",
    log:
        "results/logs/patient_store/{patient}.log",
    benchmark:
        "results/benchmarks/patient_store/{patient}.tsv"
    conda:
        "../../envs/fem.yaml"
    threads: 1
    resources:
        mem_mb=growing(1500),
        runtime=growing(10),
    params:
        scenarios=PLAN.scenarios,
        lead_field=PLAN.config.dataset.lead_field,
        source=source("patient_store"),
    message:
        "Close the store of {wildcards.patient}"
    script:
        "../scripts/patient_store.py"


rule consolidate:
    input:
        expand(
            "results/dataset/patients/{patient}.zarr.zip",
            patient=PLAN.everybody,
        ),
    output:
        "results/dataset/einthoven.zarr.zip",
    log:
        "results/logs/consolidate.log",
    benchmark:
        "results/benchmarks/consolidate.tsv"
    conda:
        "../../envs/fem.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(120),
    params:
        physics=PLAN.physics,
        section=PLAN.section("dataset"),
        source=source("consolidate"),
    message:
        "Consolidate all patients"
    script:
        "../scripts/consolidate.py"
