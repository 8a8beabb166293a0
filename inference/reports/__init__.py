"""Result pages that open without a server or a network."""
