"""Labels as annotation programs write them: one value in between, and a reader and a writer for each format."""
