"""The step on other frameworks: one file each, none imported before it is asked for."""
