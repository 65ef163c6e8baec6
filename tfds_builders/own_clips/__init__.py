"""Your own labelled clips, from a CSV and the videos or folders of frames that it names."""
