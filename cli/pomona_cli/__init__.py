"""The command line of a deployed Pomona: look at it, put keys back into its queue, take its table out, erase."""
