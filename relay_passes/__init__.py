"""Graph passes, one per file, in the order of :mod:`relay_passes.pipeline`.

The folder is named for Relay, which no installable TVM has any more; these are passes of its successor, Relax.
"""
