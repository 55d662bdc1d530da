# Surrogates read the consolidated store, but a new ECG in it is no reason to train again. So the
# store is `ancient` to them. As Snakemake looks at nothing else of a job behind an ancient file
# that is being made, every reason to train goes through this small file.
rule recipe:
    input:
        samples=expand(
            "results/patients/{patient}/{stage}.npz",
            patient=PLAN.of_split("train", "val"),
            stage=["anatomy", "field"],
        ),
    output:
        "results/surrogates/{encoder}-{model}/recipe.json",
    log:
        "results/logs/recipe/{encoder}-{model}.log",
    benchmark:
        "results/benchmarks/recipe/{encoder}-{model}.tsv"
    priority: 10
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(20),
    params:
        section=PLAN.model_of,
        trainer=source("surrogate"),
        source=source("recipe"),
    message:
        "What the surrogate {wildcards.encoder}-{wildcards.model} learns from"
    script:
        "../scripts/recipe.py"


rule surrogate:
    input:
        recipe="results/surrogates/{encoder}-{model}/recipe.json",
        store=ancient("results/dataset/einthoven.zarr.zip"),
        encoder="results/encoders/{encoder}/model.safetensors",
        latents="results/encoders/{encoder}/latents.npz",
        anatomies=expand(
            f"{PATIENT}/anatomy.npz", patient=PLAN.of_split("train", "val")
        ),
    output:
        model="results/surrogates/{encoder}-{model}/{member}model.safetensors",
        curve="results/surrogates/{encoder}-{model}/{member}curve.csv",
    log:
        "results/logs/surrogate/{member}{encoder}-{model}.log",
    benchmark:
        "results/benchmarks/surrogate/{member}{encoder}-{model}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=growing(16000),
        runtime=growing(1200),
    params:
        section=PLAN.member_of,
        encoder="{encoder}",
        model="{model}",
        source=source("surrogate"),
    message:
        "Train the surrogate {wildcards.member}{wildcards.encoder}-{wildcards.model}"
    script:
        "../scripts/surrogate.py"


rule uncertainty:
    input:
        surrogate=PLAN.networks_of,
        store=ancient("results/dataset/einthoven.zarr.zip"),
        encoder="results/encoders/{encoder}/model.safetensors",
        latents="results/encoders/{encoder}/latents.npz",
        anatomies=expand(f"{PATIENT}/anatomy.npz", patient=PLAN.of_split("val")),
    output:
        "results/surrogates/{encoder}-{model}/uncertainty.json",
    log:
        "results/logs/uncertainty/{encoder}-{model}.log",
    benchmark:
        "results/benchmarks/uncertainty/{encoder}-{model}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        encoder="{encoder}",
        model="{model}",
        source=source("uncertainty"),
    message:
        "Calibrate the SD of {wildcards.encoder}-{wildcards.model}"
    script:
        "../scripts/uncertainty.py"


# Optional: snakemake results/search/deepsdf-refraction.json
rule search:
    input:
        recipe="results/surrogates/{encoder}-{model}/recipe.json",
        store=ancient("results/dataset/einthoven.zarr.zip"),
        encoder="results/encoders/{encoder}/model.safetensors",
        latents="results/encoders/{encoder}/latents.npz",
        anatomies=expand(
            f"{PATIENT}/anatomy.npz", patient=PLAN.of_split("train", "val")
        ),
    output:
        "results/search/{encoder}-{model}.json",
    log:
        "results/logs/search/{encoder}-{model}.log",
    benchmark:
        "results/benchmarks/search/{encoder}-{model}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(2800),
    params:
        section=PLAN.model_of,
        n_trials=PLAN.config.learning.search_trials,
        encoder="{encoder}",
        model="{model}",
        source=source("search"),
    message:
        "Search settings of {wildcards.encoder}-{wildcards.model} on validation patients"
    script:
        "../scripts/search.py"


rule predict:
    input:
        surrogate=PLAN.networks_of,
        uncertainty=PLAN.uncertainty_of,
        encoder="results/encoders/{encoder}/model.safetensors",
        latents="results/encoders/{encoder}/latents.npz",
        codes=PLAN.codes_of,
        anatomy="results/patients/{patient}/anatomy.npz",
        mesh="results/patients/{patient}/mesh.npz",
        fibers="results/patients/{patient}/fibers.npz",
        substrate=PLAN.diseased_of,
        beat=PLAN.beat_of,
        field="results/patients/{patient}/field.npz",
        ecg="results/patients/{patient}/ecg.npz",
        activation=expand(
            "results/patients/{patient}/activation_{scenario}.npz",
            scenario=PLAN.scenarios,
            allow_missing=True,
        ),
    output:
        "results/predictions/{encoder}-{model}/{patient}.npz",
    log:
        "results/logs/predict/{encoder}-{model}_{patient}.log",
    benchmark:
        "results/benchmarks/predict/{encoder}-{model}_{patient}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=growing(2500),
        runtime=growing(30),
    params:
        section=PLAN.section("ecg"),
        conductivity=PLAN.settings.conductivities_of,
        repolarisation=PLAN.settings.repolarisation_of,
        atria=PLAN.settings.atria_of,
        encoder="{encoder}",
        model="{model}",
        source=source("predict"),
    message:
        "Predict {wildcards.patient} with {wildcards.encoder}-{wildcards.model}"
    script:
        "../scripts/predict.py"
