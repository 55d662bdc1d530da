rule ecg:
    input:
        anatomy="results/patients/{patient}/anatomy.npz",
        mesh="results/patients/{patient}/mesh.npz",
        fibers="results/patients/{patient}/fibers.npz",
        activation=expand(
            "results/patients/{patient}/activation_{scenario}.npz",
            scenario=PLAN.scenarios,
            allow_missing=True,
        ),
        leadfield=expand(
            "results/patients/{patient}/leadfield_b{batch}.npz",
            batch=PLAN.batches,
            allow_missing=True,
        ),
    output:
        "results/patients/{patient}/ecg.npz",
    log:
        "results/logs/ecg/{patient}.log",
    benchmark:
        "results/benchmarks/ecg/{patient}.tsv"
    conda:
        "../../envs/fem.yaml"
    threads: 1
    resources:
        mem_mb=growing(4500),
        runtime=growing(15),
    params:
        section=PLAN.section("ecg"),
        conductivity=PLAN.settings.conductivities_of,
        repolarisation=PLAN.settings.repolarisation_of,
        gradient=PLAN.config.leadfield.gradient,
        n_electrodes=PLAN.n_electrodes,
        source=source("ecg"),
    message:
        "ECG of {wildcards.patient}"
    script:
        "../scripts/ecg.py"
