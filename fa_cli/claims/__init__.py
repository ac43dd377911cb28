"""The paper's claims, judged from results on disk.

claims.yaml  one row each: what the paper says, which runs show it, how it is judged
criteria/    functions from finished runs to what was measured and whether it is met
measures.py  what they read from runs
report.py    the verdicts, on the terminal and as report.csv, report.md and report.html

Like all that only reads results, nothing here imports networks, backends or training.
"""
