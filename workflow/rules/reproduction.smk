REPRODUCTION = Reproduction(PLAN.config)
GEOMETRY = Path(PLAN.config.reproduction.geometry) / "dalhousie"


rule reproduction_nearest:
    input:
        IMAGING_CORPUS,
    output:
        "results/reproduction/nearest.json",
    log:
        "results/logs/reproduction_nearest.log",
    benchmark:
        "results/benchmarks/reproduction_nearest.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(30),
    params:
        section=PLAN.part(
            "imaging_training", ["forward", "left_out_pattern", "seed", "splits"]
        ),
        source=source("reproduction_nearest"),
    message:
        "Nearest training beats"
    script:
        "../scripts/reproduction_nearest.py"


rule reproduction_zhu:
    input:
        study=str(WORKFLOW.parent / "studies/inverse_networks.py"),
        heart=str(GEOMETRY / "dalepi.pts"),
        torso=str(GEOMETRY / "daltorso.pts"),
    output:
        "results/reproduction/zhu/{repeat}.json",
    log:
        "results/logs/reproduction_zhu/{repeat}.log",
    benchmark:
        "results/benchmarks/reproduction_zhu/{repeat}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(600),
    params:
        repeat="{repeat}",
        section=PLAN.part(
            "reproduction",
            ["experiments", "geometry", "n_heart_nodes", "steps", "tolerance"],
        ),
        source=source_of_zhu,
    message:
        "Networks of Zhu 2025, repeat {wildcards.repeat}"
    script:
        "../scripts/reproduction_zhu.py"


rule reproduction_record:
    input:
        lambda wildcards: REPRODUCTION.files(wildcards.paper),
    output:
        "results/reproduction/{paper}.json",
    log:
        "results/logs/reproduction_record/{paper}.log",
    benchmark:
        "results/benchmarks/reproduction_record/{paper}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        paper="{paper}",
        folder=str(WORKFLOW.parent),
        command=command(),
        config_sha256=REPRODUCTION.sha256,
        sources=lambda wildcards: REPRODUCTION.sources(wildcards.paper),
        source=source("reproduction_record"),
    message:
        "Record of {wildcards.paper}"
    script:
        "../scripts/reproduction_record.py"
