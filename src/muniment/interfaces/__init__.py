"""How the outside reaches us: translate and render, never decide."""
