"""Does every processor compute the same? Known answers of the models on this one and on others that it simulates."""
