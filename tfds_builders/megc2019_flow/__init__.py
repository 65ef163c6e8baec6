"""The published flow of MEGC2019's composite, from the files as the HTNet repository has them."""
