# The workflow is workflow/Snakefile; with this one `snakemake` finds it from the repository's root.
include: "workflow/Snakefile"


# an included file does not say what is made by default
workflow.default_target = "all"
