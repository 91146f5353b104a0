"""Uses what was learnt before: ranks the stored models as starts of a training, and compares ways to train."""
