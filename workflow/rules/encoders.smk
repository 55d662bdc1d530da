rule encoder:
    input:
        store="results/dataset/einthoven.zarr.zip",
    output:
        model="results/encoders/{encoder}/model.safetensors",
        latents="results/encoders/{encoder}/latents.npz",
    log:
        "results/logs/encoder/{encoder}.log",
    benchmark:
        "results/benchmarks/encoder/{encoder}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 2
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
