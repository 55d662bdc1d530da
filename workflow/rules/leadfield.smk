rule leadfield:
    input:
        anatomy="results/patients/{patient}/anatomy.npz",
        mesh="results/patients/{patient}/mesh.npz",
        fibers="results/patients/{patient}/fibers.npz",
        substrate=PLAN.scar_of,
    output:
        "results/patients/{patient}/leadfield_b{batch}.npz",
    log:
        "results/logs/leadfield/{patient}_b{batch}.log",
    benchmark:
        "results/benchmarks/leadfield/{patient}_b{batch}.tsv"
    conda:
        "../../envs/fem.yaml"
    threads: 1
    resources:
        mem_mb=growing(2500),
        runtime=growing(15),
    params:
        section=PLAN.settings.leadfield_of,
        drawn=bool(PLAN.config.augmentation.conductivities),
        electrodes=PLAN.electrodes_of,
        batch="{batch}",
        source=source("leadfield"),
    message:
        "Lead fields of {wildcards.patient}, batch {wildcards.batch}"
    script:
        "../scripts/leadfield.py"


rule field_samples:
    input:
        anatomy="results/patients/{patient}/anatomy.npz",
        mesh="results/patients/{patient}/mesh.npz",
        fibers="results/patients/{patient}/fibers.npz",
        leadfield=expand(
            "results/patients/{patient}/leadfield_b{batch}.npz",
            batch=PLAN.batches,
            allow_missing=True,
        ),
    output:
        "results/patients/{patient}/field.npz",
    log:
        "results/logs/field_samples/{patient}.log",
    benchmark:
        "results/benchmarks/field_samples/{patient}.tsv"
    conda:
        "../../envs/geometry.yaml"
    threads: 1
    resources:
        mem_mb=growing(2500),
        runtime=growing(15),
    params:
        section=PLAN.section("field_samples"),
        gradient=PLAN.config.leadfield.gradient,
        n_electrodes=PLAN.n_electrodes,
        source=source("field_samples"),
    message:
        "Samples of the lead-field gradient of {wildcards.patient}"
    script:
        "../scripts/field_samples.py"
