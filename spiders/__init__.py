"""One spider for any configured outlet (outlets.py), and a file each for outlets that need their own."""
