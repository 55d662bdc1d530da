wildcard_constraints:
    training="[a-z0-9_-]+",


IMAGING_CORPUS = expand(
    "results/imaging/simulations/{patient}.npz", patient=PLAN.patients
)


rule imaging_train:
    input:
        IMAGING_CORPUS,
    output:
        model="results/imaging/networks/{training}/model.safetensors",
        curve="results/imaging/networks/{training}/curve.csv",
        card="results/imaging/networks/{training}/card.json",
    log:
        "results/logs/imaging_train/{training}.log",
    benchmark:
        "results/benchmarks/imaging_train/{training}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(1200),
    params:
        training="{training}",
        section=PLAN.section("imaging_training"),
        source=source("imaging_train"),
    message:
        "Train {wildcards.training}"
    script:
        "../scripts/imaging_train.py"


rule imaging_evaluate:
    input:
        simulations=IMAGING_CORPUS,
        models=expand(
            "results/imaging/networks/{training}/model.safetensors",
            training=PLAN.config.imaging_training.trainings,
        ),
        cards=expand(
            "results/imaging/networks/{training}/card.json",
            training=PLAN.config.imaging_training.trainings,
        ),
    output:
        "results/imaging/metrics.json",
    log:
        "results/logs/imaging_evaluate.log",
    benchmark:
        "results/benchmarks/imaging_evaluate.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        section=PLAN.section("imaging_training"),
        source=source("imaging_evaluate"),
    message:
        "Errors of all networks that image from the ECG"
    script:
        "../scripts/imaging_evaluate.py"
