"""Results on disk: one folder a run, every file whole or not there, `done` written last.

metrics.csv     one row per (seed, step): seed,step,epoch,examples,phase, then the metrics; empty
                where not measured
summary.csv     one row per metric: final mean, sd, median, min, max over seeds, and n
arrays.npz      what a CSV cannot hold: receptive fields, values of single units
audit.npz       with record.audit=K: everything that went in and out of the first K training steps
config.yaml     the run, every key with its value; .hydra/ holds what was typed
manifest.json   versions, commit, data checksums, device, loop, time, SHA-256 of all of these
checkpoint.npz  the state of an unfinished run; again.npz where a finished one is trained again
progress.json   how far it is, and what it has measured last
measured.csv    what `fa-run measure` has found since, a row for each seed; .npz: of single units
failed          why the run ended, in one line, if it did not end well

Nothing here knows networks, backends or training: who only reads results imports none of them.
"""
