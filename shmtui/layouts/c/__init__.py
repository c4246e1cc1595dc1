"""The part of C that a header's types are written in: tokens, constant expressions,
declarations, and the layout that gcc gives them on 64-bit Linux.

Read here rather than by a general C front end because the answer has to equal the
compiler's: packing and alignment attributes, packed bit-fields and ``sizeof`` in array
sizes decide where a field lies. Whatever is not certain is refused with its line.
"""
