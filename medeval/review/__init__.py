"""Review: blind sittings, ratings, agreement, ranking, and preferences as training data (design/review.md)."""
