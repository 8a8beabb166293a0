"""What one frame after another shows: freeze, similarity, blur, movement."""
