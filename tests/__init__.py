"""All tests: C++ in unit/ and fuzz/, Python in python/, what these share in support/."""
