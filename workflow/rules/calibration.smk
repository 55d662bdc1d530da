rule calibration:
    output:
        "results/report/calibration.json",
    log:
        "results/logs/calibration.log",
    benchmark:
        "results/benchmarks/calibration.tsv"
    conda:
        "../../envs/geometry.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        n_draws=40,
        source=source("calibration"),
    message:
        "Hold the shape models against measured people"
    script:
        "../scripts/calibration.py"
