"""What every door promises, asked of the hand-written fake and of the real process alike."""
