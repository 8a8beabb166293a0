"""The slide score: from triaged, labelled slides to a small model that ranks slides."""
