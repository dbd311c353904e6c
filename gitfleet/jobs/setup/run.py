"""The setup of one attempt as a program: `python -I -S run.py FOLDER`. See `program`."""

import sys

sys.path.insert(0, __file__.rsplit("/", 4)[0])

if __name__ == "__main__":
    if sys.platform != "linux":
        import site

        site.main()  # for psutil, where there is no /proc

    from gitfleet.jobs.setup import program

    sys.exit(program.main(sys.argv[1:]))
