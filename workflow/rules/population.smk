rule population:
    output:
        "results/report/population.json",
    log:
        "results/logs/population.log",
    benchmark:
        "results/benchmarks/population.tsv"
    conda:
        "../../envs/geometry.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        n_draws=40,
        source=source("population"),
    message:
        "Hold the shape models against measured people"
    script:
        "../scripts/population.py"
