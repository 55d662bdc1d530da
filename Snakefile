from snakemake.utils import min_version

min_version("9.0")


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/anatomy.smk"
include: "workflow/rules/population.smk"
include: "workflow/rules/imported.smk"
include: "workflow/rules/mesh.smk"
include: "workflow/rules/fibers.smk"
include: "workflow/rules/conduction.smk"
include: "workflow/rules/leadfield.smk"
include: "workflow/rules/ecg.smk"
include: "workflow/rules/dataset.smk"
include: "workflow/rules/encoders.smk"
include: "workflow/rules/surrogate.smk"
include: "workflow/rules/operator.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/plots.smk"
include: "workflow/rules/inverse.smk"


report: "workflow/report/workflow.rst"


localrules:
    all,
    dataset,
    models,
    inverse,
    cohort,
    cohort_sheet,
    recipe,


onstart:
    drop_default_rate_limit(workflow.scheduler)


ruleorder: import_patient > cohort > anatomy


rule all:
    default_target: True
    input:
        "results/report/index.html",
        "results/report/metrics.json",
        "results/cohort.csv",


rule dataset:
    input:
        "results/dataset/einthoven.zarr.zip",
        "results/cohort.csv",


rule models:
    input:
        expand(
            "results/surrogates/{method}/model.safetensors",
            method=PLAN.methods,
        ),


rule inverse:
    input:
        "results/inverse/metrics.json",
