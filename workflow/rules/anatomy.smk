rule cohort:
    output:
        "results/cohort/{patient}.json",
    log:
        "results/logs/cohort/{patient}.log",
    benchmark:
        "results/benchmarks/cohort/{patient}.tsv"
    conda:
        "../../envs/geometry.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        section=DRAW,
        patient="{patient}",
        source=source("cohort"),
    message:
        "Draw the parameters of {wildcards.patient}"
    script:
        "../scripts/cohort.py"


rule anatomy:
    input:
        list(ATLASES.values()),
        cohort="results/cohort/{patient}.json",
    output:
        "results/patients/{patient}/anatomy.npz",
    log:
        "results/logs/anatomy/{patient}.log",
    benchmark:
        "results/benchmarks/anatomy/{patient}.tsv"
    conda:
        "../../envs/geometry.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        section=lookup(dpath="anatomy", within=config),
        source=source("anatomy"),
    message:
        "Surfaces and electrodes of {wildcards.patient}"
    script:
        "../scripts/anatomy.py"


rule sdf_samples:
    input:
        anatomy="results/patients/{patient}/anatomy.npz",
    output:
        "results/patients/{patient}/sdf.npz",
    log:
        "results/logs/sdf_samples/{patient}.log",
    benchmark:
        "results/benchmarks/sdf_samples/{patient}.tsv"
    conda:
        "../../envs/geometry.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        section=lookup(dpath="sdf_samples", within=config),
        source=source("sdf_samples"),
    message:
        "Signed distances around {wildcards.patient}"
    script:
        "../scripts/sdf_samples.py"
