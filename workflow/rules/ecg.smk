rule ecg:
    input:
        anatomy="results/patients/{patient}/anatomy.npz",
        mesh="results/patients/{patient}/mesh.npz",
        fibers="results/patients/{patient}/fibers.npz",
        activation=expand(
            "results/patients/{patient}/activation_{scenario}.npz",
            scenario=SCENARIOS,
            allow_missing=True,
        ),
        leadfield=expand(
            "results/patients/{patient}/leadfield_b{batch}.npz",
            batch=BATCHES,
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
        section=lookup(dpath="ecg", within=config),
        conductivity=SIGMA,
        gradient=GRADIENT,
        n_electrodes=N_ELECTRODES,
        source=source("ecg"),
    message:
        "ECG of {wildcards.patient}"
    script:
        "../scripts/ecg.py"
