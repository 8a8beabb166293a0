"""Coverage-guided fuzzing of the parsers that are written in Python; needs the package atheris."""
