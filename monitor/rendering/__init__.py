"""Render pages written by JavaScript, through Splash or Chromium.  rendering.py is the interface to both engines."""
