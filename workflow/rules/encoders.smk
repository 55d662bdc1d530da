# Trainings read the consolidated store, but a new ECG in it is no reason to train again. So the
# store is `ancient` to them. As Snakemake looks at nothing else of a job behind an ancient file
# that is being made, every reason to train goes through this small file.
rule recipe:
    input:
        samples=PLAN.samples_of,
    output:
        "results/{kind}/{name}/recipe.json",
    log:
        "results/logs/recipe/{kind}_{name}.log",
    benchmark:
        "results/benchmarks/recipe/{kind}_{name}.tsv"
    priority: 10
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(20),
    params:
        section=PLAN.recipe_of,
        trainer=trainer_of,
        source=source("recipe"),
    message:
        "What {wildcards.kind}/{wildcards.name} learns from"
    script:
        "../scripts/recipe.py"


# From stage files, which are there before any mesh is: on two cores the trainings of encoders and
# the physics of the patients share the time.
rule encoder:
    input:
        recipe="results/encoders/{encoder}/recipe.json",
        samples=PLAN.cohort_samples,
        shapes=PLAN.shapes_of,
    output:
        model="results/encoders/{encoder}/model.safetensors",
        latents="results/encoders/{encoder}/latents.npz",
    log:
        "results/logs/encoder/{encoder}.log",
    benchmark:
        "results/benchmarks/encoder/{encoder}.tsv"
    priority: 10
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(600),
    params:
        section=PLAN.encoder_of,
        encoder="{encoder}",
        source=source("encoder"),
    message:
        "Train the encoder {wildcards.encoder}"
    script:
        "../scripts/encoder.py"


rule reconstruct:
    input:
        model="results/encoders/{encoder}/model.safetensors",
        latents="results/encoders/{encoder}/latents.npz",
        codes=PLAN.codes_of,
        anatomy="results/patients/{patient}/anatomy.npz",
    output:
        "results/encoders/{encoder}/chamfer/{patient}.json",
    log:
        "results/logs/reconstruct/{encoder}_{patient}.log",
    benchmark:
        "results/benchmarks/reconstruct/{encoder}_{patient}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(20),
    params:
        n_grid=PLAN.config.learning.chamfer_grid,
        encoder="{encoder}",
        source=source("reconstruct"),
    message:
        "Surfaces of {wildcards.patient} decoded by {wildcards.encoder}"
    script:
        "../scripts/reconstruct.py"
