"""The command line: parser, dispatch, rendering; the only place that prints and exits."""
