"""Renders pages written by JavaScript, with Splash or Chromium.  rendering.py is the interface to both engines."""
