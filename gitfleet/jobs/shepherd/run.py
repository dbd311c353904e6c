"""The shepherd of one attempt: `python -I -S run.py FOLDER [LOCK-HANDLE]`. See `attempt`.

`FOLDER` has the spec; the handle is that of the attempt's lock, held already by whoever starts us, so that there is no moment
in which nobody holds it. The standard library only: one of these runs for each agent, for as long as it does.
"""

import sys

sys.path.insert(0, __file__.rsplit("/", 4)[0])

if __name__ == "__main__":
    if sys.platform != "linux":
        import site

        site.main()  # for psutil, where there is no /proc

    from gitfleet.jobs.shepherd import program

    sys.exit(program.main(sys.argv[1:]))
