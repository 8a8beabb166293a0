"""The report of a diagnostic-accuracy study: a triage run or watched examinations against the truth."""
