"""Groups of commands; each file adds its own to the command line."""
