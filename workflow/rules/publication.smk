rule published:
    input:
        store="results/dataset/einthoven.zarr.zip",
        patients=expand(
            "results/dataset/patients/{patient}.zarr.zip",
            patient=PLAN.everybody,
        ),
        metrics="results/report/metrics.json",
    output:
        directory("results/published"),
    log:
        "results/logs/published.log",
    benchmark:
        "results/benchmarks/published.tsv"
    conda:
        "../../envs/fem.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(120),
    params:
        section=PLAN.section("publication"),
        sources=publication_sources(),
        source=source("published"),
    message:
        "Publish the data set"
    script:
        "../scripts/published.py"
