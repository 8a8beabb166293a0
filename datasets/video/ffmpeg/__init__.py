"""Files and network streams, read with FFmpeg through PyAV: the only place that imports it for reading."""
