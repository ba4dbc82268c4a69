"""Pages written by JavaScript, through Splash or Chromium; rendering.py is the one interface to both."""
