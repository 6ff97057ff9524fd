"""``python -m tvm_srq``."""

from tvm_srq.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
