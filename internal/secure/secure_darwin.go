package secure

func hideMemory() { coreLimit.lower() }

func withUserLimits(start func() error) error { return coreLimit.restoredFor(start) }
