"""Where the workers of a sweep run: processes of this machine, a SLURM job array, or a script of one.

A worker is the command that runs one share: the command given, and `--share I/N`. Its shares need no lock on a shared
disk, and it may be ended at any moment: the same command goes on with what is left. So an executor only has to start
N workers, and to start one again that was ended before it was done.
"""
