"""What people decide about slides: kept, compared, taught from and given back to training."""
