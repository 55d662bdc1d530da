rule purkinje:
    input:
        mesh="results/patients/{patient}/mesh.npz",
        fibers="results/patients/{patient}/fibers.npz",
    output:
        "results/patients/{patient}/purkinje.npz",
    log:
        "results/logs/purkinje/{patient}.log",
    benchmark:
        "results/benchmarks/purkinje/{patient}.tsv"
    conda:
        "../../envs/fem.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        section=PLAN.settings.purkinje_of,
        source=source("purkinje"),
    message:
        "Purkinje trees of {wildcards.patient}"
    script:
        "../scripts/purkinje.py"


rule substrate:
    input:
        mesh="results/patients/{patient}/mesh.npz",
        fibers="results/patients/{patient}/fibers.npz",
    output:
        "results/patients/{patient}/substrate.npz",
    log:
        "results/logs/substrate/{patient}.log",
    benchmark:
        "results/benchmarks/substrate/{patient}.tsv"
    conda:
        "../../envs/fem.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        section=PLAN.settings.substrate_of,
        source=source("substrate"),
    message:
        "Scar or ischaemia of {wildcards.patient}"
    script:
        "../scripts/substrate.py"


rule beat:
    input:
        anatomy="results/patients/{patient}/anatomy.npz",
        mesh="results/patients/{patient}/mesh.npz",
        fibers="results/patients/{patient}/fibers.npz",
        leadfield=expand(
            "results/patients/{patient}/leadfield_b{batch}.npz",
            batch=PLAN.batches,
            allow_missing=True,
        ),
        beats=PLAN.beats,
    output:
        "results/patients/{patient}/beat.npz",
    log:
        "results/logs/beat/{patient}.log",
    benchmark:
        "results/benchmarks/beat/{patient}.tsv"
    conda:
        "../../envs/fem.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
        runtime=growing(15),
    params:
        activation=PLAN.settings.activation_of,
        leadfield=PLAN.settings.leadfield_of,
        gradient=PLAN.config.leadfield.gradient,
        repolarisation=PLAN.settings.repolarisation_of,
        atria=PLAN.settings.atria_of,
        person=PLAN.settings.beat_person_of,
        source=source("beat"),
    message:
        "Beat of {wildcards.patient}"
    script:
        "../scripts/beat.py"


rule activation:
    input:
        mesh="results/patients/{patient}/mesh.npz",
        fibers="results/patients/{patient}/fibers.npz",
        purkinje="results/patients/{patient}/purkinje.npz",
        anatomy=PLAN.measured_of,
        substrate=PLAN.diseased_of,
        beat=PLAN.beat_of,
    output:
        expand(
            "results/patients/{patient}/activation_{scenario}.npz",
            scenario=PLAN.scenarios,
            allow_missing=True,
        ),
    log:
        "results/logs/activation/{patient}.log",
    benchmark:
        "results/benchmarks/activation/{patient}.tsv"
    conda:
        "../../envs/fem.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        section=PLAN.settings.activation_of,
        scenarios=PLAN.scenarios,
        definitions=PLAN.definitions,
        source=source("activation"),
    message:
        "Activation of {wildcards.patient}"
    script:
        "../scripts/activation.py"
