"""Studies of models in laboratories that they were not trained in."""
