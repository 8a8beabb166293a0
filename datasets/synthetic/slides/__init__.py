"""Made slides: labelled fields composed to whole slides with known truth."""
