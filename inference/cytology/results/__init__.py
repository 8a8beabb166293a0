"""What is kept of a screened slide and of a run: files, worklist, summary."""
