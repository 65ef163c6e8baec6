"""A finished run's files to its report, pages and comparisons."""
