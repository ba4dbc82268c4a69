"""The spider of any configured outlet (outlets.py), and one module for each outlet that needs a spider of its own."""
