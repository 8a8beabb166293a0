"""How endoscopes and their processors make pictures look, as augmentation, and pictures that show no site at all."""
