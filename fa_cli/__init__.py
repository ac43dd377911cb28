"""fa-run: the reference laboratory for feedback alignment (Lillicrap et al., Nat. Commun. 7:13276, 2016)."""

__version__ = "0.1.0"
