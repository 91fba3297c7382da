"""How fast this machine computes, loads, decrypts, hashes and reads: measured, in a store that is gone afterwards."""
