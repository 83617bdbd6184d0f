"""Where work runs. Whoever has jobs hands them to an `Executor` (`contract`): this process, several of this machine, or
a Ray cluster.

It knows nothing of studies: it is given functions and calls them. Wherever they run, one policy holds:

- **Ctrl-C**, or SIGTERM, in any phase ends the jobs at hand, which record what they can, and begins no other; then
  `KeyboardInterrupt` is raised to whoever asked. A second one does nothing: it would break off what the first began.
- **A worker that is killed** takes its job along, and nothing else: whoever asked is told `WorkerLost` of that job, and
  decides whether the others go on. A job is never begun twice: what may be done again stands in the studies, and
  whoever knows so of a job appends it anew (`again` does, so and so often). While jobs wait, another worker takes
  the place of one that is lost. Workers end with their parent, and when no job is left for them; those of a Ray cluster
  are its own, and wait for whoever asks next.
- **What a job raises** is raised to whoever asked, once the jobs at hand have ended; no other begins.
- **Exit status**: of the command alone. 130 after Ctrl-C; 1 where the work of a lost worker is left undone; what a job
  raised has the status that it has without workers. A job may say it itself and return a status, as those of `run` do.
- **Output**: a worker's standard output is nobody's, and is discarded; what it warns of is told in one line: at once by
  the processes of this machine, with the end of the job by those of a Ray cluster.
- **Between processes** jobs, what they are given and what they return are pickled, by the standard library or by Ray.
  Nothing that comes from a file, a database or another user is.
"""
