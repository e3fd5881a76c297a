"""Object stores behind one small interface (base.py): local.py, s3.py. One contract suite covers both."""
