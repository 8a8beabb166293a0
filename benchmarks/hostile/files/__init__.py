"""Bytes of file formats, put together by hand so that every field can be wrong."""
