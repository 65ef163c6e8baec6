"""Raw corpora -> clip records; the only code that knows the file names of a corpus."""
