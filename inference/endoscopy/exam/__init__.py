"""An examination as a record: time line, quality figures, exam.json."""
