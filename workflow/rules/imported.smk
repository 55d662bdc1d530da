rule import_patient:
    input:
        PLAN.files_of,
    output:
        cohort="results/cohort/{imported}.json",
        anatomy="results/patients/{imported}/anatomy.npz",
    log:
        "results/logs/import_patient/{imported}.log",
    benchmark:
        "results/benchmarks/import_patient/{imported}.tsv"
    conda:
        "../../envs/geometry.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        row=PLAN.row_of,
        picture="results/logs/import_patient/{imported}.png",
        section=PLAN.part("anatomy", REBUILT),
        source=source("import_patient"),
    message:
        "Import {wildcards.imported}"
    script:
        "../scripts/import_patient.py"


rule imported_code:
    input:
        model="results/encoders/{encoder}/model.safetensors",
        latents="results/encoders/{encoder}/latents.npz",
        sdf="results/patients/{imported}/sdf.npz",
    output:
        "results/encoders/{encoder}/codes/{imported}.npz",
    log:
        "results/logs/imported_code/{encoder}_{imported}.log",
    benchmark:
        "results/benchmarks/imported_code/{encoder}_{imported}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
        runtime=growing(20),
    params:
        source=source("imported_code"),
    message:
        "Code of {wildcards.imported} by {wildcards.encoder}"
    script:
        "../scripts/imported_code.py"
