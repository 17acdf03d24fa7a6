"""The Spark + Keras baseline, as its best users write it: nothing here uses Pomona's code but its list of networks."""
