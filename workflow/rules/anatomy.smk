rule cohort:
    output:
        "results/cohort/{patient}.json",
    log:
        "results/logs/cohort/{patient}.log",
    benchmark:
        "results/benchmarks/cohort/{patient}.tsv"
    priority: 10
    conda:
        "../../envs/geometry.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        section=PLAN.section("cohort"),
        patient="{patient}",
        source=source("cohort"),
    message:
        "Draw the parameters of {wildcards.patient}"
    script:
        "../scripts/cohort.py"


rule cohort_sheet:
    input:
        expand("results/cohort/{patient}.json", patient=PLAN.everybody),
    output:
        "results/cohort.csv",
    log:
        "results/logs/cohort_sheet.log",
    benchmark:
        "results/benchmarks/cohort_sheet.tsv"
    conda:
        "../../envs/geometry.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        physiology=PLAN.settings.sheet_of,
        source=source("cohort_sheet"),
    message:
        "Sheet of the cohort"
    script:
        "../scripts/cohort_sheet.py"


rule anatomy:
    input:
        list(PLAN.atlases.values()),
        cohort="results/cohort/{patient}.json",
    output:
        "results/patients/{patient}/anatomy.npz",
    log:
        "results/logs/anatomy/{patient}.log",
    benchmark:
        "results/benchmarks/anatomy/{patient}.tsv"
    priority: 10
    conda:
        "../../envs/geometry.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        section=PLAN.settings.anatomy_of,
        augmentation=PLAN.settings.shape_augmentation,
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
    priority: 10
    conda:
        "../../envs/geometry.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        section=PLAN.section("sdf_samples"),
        source=source("sdf_samples"),
    message:
        "Signed distances around {wildcards.patient}"
    script:
        "../scripts/sdf_samples.py"


# Anatomies without electrodes, meshes and fields, of which only the encoder learns.
rule shapes:
    input:
        list(PLAN.atlases.values()),
    output:
        "results/shapes/{chunk}.npz",
    log:
        "results/logs/shapes/{chunk}.log",
    benchmark:
        "results/benchmarks/shapes/{chunk}.tsv"
    priority: 10
    conda:
        "../../envs/geometry.yaml"
    threads: 1
    resources:
        mem_mb=growing(1500),
        runtime=growing(20),
    params:
        cohort=PLAN.section("cohort"),
        anatomy=PLAN.part("anatomy", PLACED),
        sdf_samples=PLAN.shape_samples,
        chunk="{chunk}",
        source=source("shapes"),
    message:
        "Shapes {wildcards.chunk} for the encoder"
    script:
        "../scripts/shapes.py"
