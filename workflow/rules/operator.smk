OPERATOR = SurrogateMethod("operator")


# From stage files, as encoders: it needs no code, so it waits for no encoder and no store.
rule operator_train:
    input:
        train=expand(
            "results/patients/{patient}/{stage}.npz",
            patient=PLAN.of_split("train"),
            stage=["anatomy", "field"],
        ),
        validation=expand(
            "results/patients/{patient}/{stage}.npz",
            patient=PLAN.of_split("val"),
            stage=["anatomy", "field"],
        ),
    output:
        model="results/surrogates/operator/{member}model.safetensors",
        curve="results/surrogates/operator/{member}curve.csv",
    log:
        "results/logs/operator_train/{member}operator.log",
    benchmark:
        "results/benchmarks/operator_train/{member}operator.tsv"
    priority: 10
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(1200),
    params:
        section=PLAN.operator_of,
        conductivity=PLAN.conductivities,
        source=source("operator_train"),
    message:
        "Train the operator {wildcards.member}"
    script:
        "../scripts/operator_train.py"


rule operator_uncertainty:
    input:
        networks=PLAN.networks(OPERATOR),
        validation=expand(
            "results/patients/{patient}/{stage}.npz",
            patient=PLAN.of_split("val"),
            stage=["anatomy", "field"],
        ),
    output:
        "results/surrogates/operator/uncertainty.json",
    log:
        "results/logs/operator_uncertainty.log",
    benchmark:
        "results/benchmarks/operator_uncertainty.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        conductivity=PLAN.conductivities,
        source=source("operator_uncertainty"),
    message:
        "Calibrate the SD of the operator"
    script:
        "../scripts/operator_uncertainty.py"


rule operator_predict:
    input:
        networks=PLAN.networks(OPERATOR),
        uncertainty=PLAN.uncertainty(OPERATOR),
        anatomy="results/patients/{patient}/anatomy.npz",
        mesh="results/patients/{patient}/mesh.npz",
        fibers="results/patients/{patient}/fibers.npz",
        substrate=PLAN.diseased_of,
        beat=PLAN.beat_of,
        field="results/patients/{patient}/field.npz",
        activation=expand(
            "results/patients/{patient}/activation_{scenario}.npz",
            scenario=PLAN.scenarios,
            allow_missing=True,
        ),
    output:
        "results/predictions/operator/{patient}.npz",
    log:
        "results/logs/operator_predict/{patient}.log",
    benchmark:
        "results/benchmarks/operator_predict/{patient}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        section=PLAN.section("ecg"),
        conductivity=PLAN.settings.conductivities_of,
        repolarisation=PLAN.settings.repolarisation_of,
        atria=PLAN.settings.atria_of,
        source=source("operator_predict"),
    message:
        "Predict {wildcards.patient} with the operator"
    script:
        "../scripts/operator_predict.py"
