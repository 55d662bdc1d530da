rule encoder:
    input:
        # read from here, but only new samples are a reason to train again
        store=ancient("results/dataset/einthoven.zarr.zip"),
        samples=expand(
            "results/patients/{patient}/{stage}.npz",
            patient=PATIENTS,
            stage=["anatomy", "sdf"],
        ),
    output:
        model="results/encoders/{encoder}/model.safetensors",
        latents="results/encoders/{encoder}/latents.npz",
    log:
        "results/logs/encoder/{encoder}.log",
    benchmark:
        "results/benchmarks/encoder/{encoder}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(600),
    params:
        section=lookup(dpath="{encoder}", within=config, default={}),
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
        n_grid=lookup(dpath="learning/chamfer_grid", within=config),
        encoder="{encoder}",
        source=source("reconstruct"),
    message:
        "Surfaces of {wildcards.patient} decoded by {wildcards.encoder}"
    script:
        "../scripts/reconstruct.py"
