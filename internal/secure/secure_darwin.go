package secure

func process() { cores.lower() }

func starting(start func() error) error { return cores.restoredFor(start) }
