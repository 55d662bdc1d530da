rule evaluate:
    input:
        patients=expand(
            "results/patients/{patient}/{stage}.npz",
            patient=PLAN.of_split("test"),
            stage=["anatomy", "mesh", "fibers", "field", "ecg"],
        ),
        leadfield=expand(
            "results/patients/{patient}/leadfield_b{batch}.npz",
            patient=PLAN.of_split("test"),
            batch=PLAN.batches,
        ),
        train=expand(
            "results/patients/{patient}/field.npz", patient=PLAN.of_split("train")
        ),
        predictions=expand(
            "results/predictions/{method}/{patient}.npz",
            method=PLAN.methods,
            patient=PLAN.of_split("test"),
        ),
        # the sex, whose limits the ECGs are judged by
        cohort=expand("results/cohort/{patient}.json", patient=PLAN.of_split("test")),
        imported=expand(
            "results/patients/{imported}/{stage}.npz",
            imported=PLAN.imported,
            stage=["anatomy", "mesh", "fibers", "field", "ecg"],
        ),
        imported_leadfield=expand(
            "results/patients/{imported}/leadfield_b{batch}.npz",
            imported=PLAN.imported,
            batch=PLAN.batches,
        ),
        imported_predictions=expand(
            "results/predictions/{method}/{imported}.npz",
            method=PLAN.methods_of_imported,
            imported=PLAN.imported,
        ),
        imported_chamfer=expand(
            "results/encoders/{encoder}/chamfer/{imported}.json",
            encoder=PLAN.coded,
            imported=PLAN.imported,
        ),
        # the PCA code carries the true surfaces, so there is nothing to reconstruct
        chamfer=expand(
            "results/encoders/{encoder}/chamfer/{patient}.json",
            encoder=PLAN.coded,
            patient=PLAN.of_split("test"),
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
        conductivity=PLAN.conductivities,
        gradient=PLAN.config.leadfield.gradient,
        dataset=PLAN.section("dataset"),
        source=source("evaluate"),
    message:
        "Compare all models with the finite elements"
    script:
        "../scripts/evaluate.py"
