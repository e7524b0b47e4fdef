"""Students: small networks for robots that take MADM's place in a model folder, a Segmenter and a store."""
