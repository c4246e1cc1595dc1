"""The rules by which the doctor finds what is wrong, by subject. Pure."""
