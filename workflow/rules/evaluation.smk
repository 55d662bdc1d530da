rule evaluate:
    input:
        patients=expand(
            "results/patients/{patient}/{stage}.npz",
            patient=patients_of("test"),
            stage=["anatomy", "mesh", "fibers", "field", "ecg"],
        ),
        leadfield=expand(
            "results/patients/{patient}/leadfield_b{batch}.npz",
            patient=patients_of("test"),
            batch=BATCHES,
        ),
        train=expand(
            "results/patients/{patient}/field.npz", patient=patients_of("train")
        ),
        predictions=expand(
            "results/predictions/{encoder}-{model}/{patient}.npz",
            encoder=ENCODERS,
            model=MODELS,
            patient=patients_of("test"),
        ),
        imported=expand(
            "results/patients/{imported}/{stage}.npz",
            imported=IMPORTED,
            stage=["anatomy", "mesh", "fibers", "field", "ecg"],
        ),
        imported_leadfield=expand(
            "results/patients/{imported}/leadfield_b{batch}.npz",
            imported=IMPORTED,
            batch=BATCHES,
        ),
        imported_predictions=expand(
            "results/predictions/{encoder}-{model}/{imported}.npz",
            encoder=CODED,
            model=MODELS,
            imported=IMPORTED,
        ),
        imported_chamfer=expand(
            "results/encoders/{encoder}/chamfer/{imported}.json",
            encoder=CODED,
            imported=IMPORTED,
        ),
        # the PCA code carries the true surfaces, so there is nothing to reconstruct
        chamfer=expand(
            "results/encoders/{encoder}/chamfer/{patient}.json",
            encoder=CODED,
            patient=patients_of("test"),
        ),
    output:
        metrics="results/report/metrics.json",
        curves="results/report/curves.npz",
    log:
        "results/logs/evaluate.log",
    benchmark:
        "results/benchmarks/evaluate.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        conductivity=SIGMA,
        gradient=GRADIENT,
        dataset=lookup(dpath="dataset", within=config),
        source=source("evaluate"),
    message:
        "Compare all models with the finite elements"
    script:
        "../scripts/evaluate.py"
