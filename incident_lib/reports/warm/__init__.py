"""Warm kernels: a server that has imported everything once forks a clean IPython kernel for each notebook."""
