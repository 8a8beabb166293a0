"""Results in the words of other systems: DICOM, FHIR, HL7 v2, OMOP, QuPath. Results know nothing of it."""
