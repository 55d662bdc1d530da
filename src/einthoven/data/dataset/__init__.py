"""The Zarr layout of the data set, its writers, its checker and its loaders."""
