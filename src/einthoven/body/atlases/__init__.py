"""Published atlases, converted to one file each."""
