"""What tests and benchmarks stand on: small reviews and studies, the program as a process, worlds of known truth.

It holds no test, no fixture and no benchmark, and imports from none of them.
"""
