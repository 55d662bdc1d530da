"""From a virtual patient, an image or a user's files to a tagged mesh with fibres.

Imports from `base`, `numerics` and `data`. Rooms, each importing only from those before it:
`anatomy`, `atlases`, `segmentation`, `imported`, `mesh`, `fibers`.
"""
