"""Views that follow each other in a notebook: a filter, figures whose marks can be picked, and tables of incidents."""
