rule own:
    input:
        lambda wildcards: OWN[wildcards.own].files,
    output:
        cohort="results/cohort/{own}.json",
        anatomy="results/patients/{own}/anatomy.npz",
    log:
        "results/logs/own/{own}.log",
    benchmark:
        "results/benchmarks/own/{own}.tsv"
    conda:
        "../../envs/geometry.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        row=lambda wildcards: OWN[wildcards.own]._asdict(),
        picture="results/logs/own/{own}.png",
        section=OWN_ANATOMY,
        source=source("own"),
    message:
        "Import {wildcards.own}"
    script:
        "../scripts/own.py"


rule own_code:
    input:
        model="results/encoders/{encoder}/model.safetensors",
        latents="results/encoders/{encoder}/latents.npz",
        sdf="results/patients/{own}/sdf.npz",
    output:
        "results/encoders/{encoder}/codes/{own}.npz",
    log:
        "results/logs/own_code/{encoder}_{own}.log",
    benchmark:
        "results/benchmarks/own_code/{encoder}_{own}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
        runtime=growing(20),
    params:
        source=source("own_code"),
    message:
        "Code of {wildcards.own} by {wildcards.encoder}"
    script:
        "../scripts/own_code.py"
