"""A module whose import does not end. It notes its process in the file that a variable names."""

import os
import time

with open(os.environ["NOTED"], "w") as file:
    file.write(f"{os.getpid()}\n")
time.sleep(600)
