rule patient_store:
    input:
        cohort="results/cohort/{patient}.json",
        anatomy="results/patients/{patient}/anatomy.npz",
        mesh="results/patients/{patient}/mesh.npz",
        fibers="results/patients/{patient}/fibers.npz",
        purkinje="results/patients/{patient}/purkinje.npz",
        ecg="results/patients/{patient}/ecg.npz",
        sdf="results/patients/{patient}/sdf.npz",
        field="results/patients/{patient}/field.npz",
        activation=expand(
            "results/patients/{patient}/activation_{scenario}.npz",
            scenario=SCENARIOS,
            allow_missing=True,
        ),
        leadfield=expand(
            "results/patients/{patient}/leadfield_b{batch}.npz",
            batch=BATCHES,
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
        scenarios=SCENARIOS,
        lead_field=lookup(dpath="dataset/lead_field", within=config),
        source=source("patient_store"),
    message:
        "Close the store of {wildcards.patient}"
    script:
        "../scripts/patient_store.py"


rule consolidate:
    input:
        expand(
            "results/dataset/patients/{patient}.zarr.zip",
            patient=[*PATIENTS, *IMPORTED],
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
        physics=PHYSICS,
        section=lookup(dpath="dataset", within=config),
        source=source("consolidate"),
    message:
        "Consolidate all patients"
    script:
        "../scripts/consolidate.py"
