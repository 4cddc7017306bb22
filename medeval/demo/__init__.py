"""The demo model: synthetic corpus, drawn images, and the builder of base and adapters.

Nothing here runs when the app runs: the shipped weights are read by the engines like any
other model.
"""
