rule fibers:
    input:
        mesh="results/patients/{patient}/mesh.npz",
        anatomy=PLAN.measured_of,
    output:
        "results/patients/{patient}/fibers.npz",
    log:
        "results/logs/fibers/{patient}.log",
    benchmark:
        "results/benchmarks/fibers/{patient}.tsv"
    conda:
        "../../envs/fem.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        section=PLAN.section("fibers"),
        source=source("fibers"),
    message:
        "Fibres and coordinates of {wildcards.patient}"
    script:
        "../scripts/fibers.py"
