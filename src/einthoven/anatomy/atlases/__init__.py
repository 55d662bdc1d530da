"""Published shape atlases: where they are, how their files are read, and our one format."""
