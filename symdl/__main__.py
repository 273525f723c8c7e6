"""``python -m symdl``: the same as ``symdl``."""

from symdl.cli import main

if __name__ == "__main__":
    main()
