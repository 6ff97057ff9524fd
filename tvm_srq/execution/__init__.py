"""Executing a program strip by strip in one block of memory planned beforehand. Imports neither TVM's compiler nor torch."""
