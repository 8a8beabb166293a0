"""Broken, strange and malicious files through every command: none may crash, hang, pass in silence or be excluded."""
