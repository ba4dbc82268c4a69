"""Simulates when policies poll outlets, and how late they find the stories."""
