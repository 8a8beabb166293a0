"""Pictures drawn by the program, whose truth is known by construction."""
