"""Meta-evaluation: how far the rule metrics can be trusted, measured against physicians, edits and gaming."""
