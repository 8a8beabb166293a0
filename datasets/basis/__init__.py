"""Small services that every room uses: errors, safe files, tables, words, the machine."""
