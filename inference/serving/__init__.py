"""Pages that need a server: access, tiles, files, and what a browser asks for; needs the extra `app`."""
