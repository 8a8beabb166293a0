"""Results as DICOM objects that stand beside the slide in an archive; needs the extra ``dicom`` (highdicom)."""
