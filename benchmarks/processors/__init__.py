"""Does every processor compute the same? The known answers of the models on this one and on others that it plays."""
