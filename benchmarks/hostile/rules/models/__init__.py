"""Rules for models and cards."""
