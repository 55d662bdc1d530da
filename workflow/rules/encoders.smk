# From stage files, which are there before any mesh is: on two cores the trainings of encoders and
# the physics of the patients share the time.
rule encoder:
    input:
        samples=expand(
            "results/patients/{patient}/{stage}.npz",
            patient=PLAN.patients,
            stage=["anatomy", "sdf"],
        ),
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
