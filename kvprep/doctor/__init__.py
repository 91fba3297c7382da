"""Doctor: what of a machine and a store is as it should be, and how the rest is mended. Looks, and changes nothing."""
