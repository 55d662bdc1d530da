rule mesh:
    input:
        anatomy="results/patients/{patient}/anatomy.npz",
    output:
        "results/patients/{patient}/mesh.npz",
    log:
        "results/logs/mesh/{patient}.log",
    benchmark:
        "results/benchmarks/mesh/{patient}.tsv"
    conda:
        "../../envs/geometry.yaml"
    threads: 1
    resources:
        mem_mb=growing(1500),
        runtime=growing(35),
    params:
        section=PLAN.settings.mesh_of,
        n_refined=PLAN.n_refined,
        source=source("mesh"),
    message:
        "Tetrahedra of {wildcards.patient}"
    script:
        "../scripts/mesh.py"
