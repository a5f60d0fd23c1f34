"""Every figure that this repository states, measured anew: `make bench`.

Each part prints one table of medians, and ratios beside something else in the same run: absolute
times differ from machine to machine.
"""
